//! From what changed to what is sent.
