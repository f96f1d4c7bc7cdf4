//! The integration tests, one binary.

// The lint spares test functions only; here their helpers are tests as well.
#![allow(clippy::unwrap_used)]

mod vectors; // signatures made by others
