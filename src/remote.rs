//! Actors and objects of other servers, fetched, checked and cached.
