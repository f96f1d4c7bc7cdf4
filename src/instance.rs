//! One running tidings: what the rivers share.
