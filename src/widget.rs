//! What people said, for the reader's page.
