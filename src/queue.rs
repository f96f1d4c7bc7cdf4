//! The retry rule.
