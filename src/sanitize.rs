//! Cleaning of HTML.
