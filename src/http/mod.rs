//! Routes and translation only.
