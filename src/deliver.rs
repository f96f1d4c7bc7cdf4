//! The delivery of activities to inboxes.
