//! Watching the folder.
