//! Commands and webhooks that hear of events.
