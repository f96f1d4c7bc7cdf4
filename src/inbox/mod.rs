//! What other servers send.
