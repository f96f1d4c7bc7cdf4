//! ActivityStreams vocabulary, ids and documents.
