//! The JSON-file store: the only writer of the disk.
