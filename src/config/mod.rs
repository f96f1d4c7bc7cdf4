//! `ap.toml`, read strictly.
