//! HTTP signatures, both schemes.
