//! Walking the folder.
