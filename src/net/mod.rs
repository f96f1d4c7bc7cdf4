//! The one HTTP client, and the guard against private addresses.
