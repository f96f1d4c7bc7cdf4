//! The pictures and other media that an object carries.

use serde_json::{Value, json};

use crate::article::{Article, Kind, Media};

/// Most attachments of an object. Mastodon shows the first few; a gallery of hundreds would fill the activity.
pub(super) const MAX_ATTACHMENTS: usize = 32;

/// The media of an article. Pictures in the content of a Note are stripped by Mastodon, and it doesn't look at `image` either.
pub(super) fn attached(article: &Article, kind: Kind) -> impl Iterator<Item = &Media> {
    article
        .image
        .iter()
        .filter(move |image| {
            kind == Kind::Note
                && !article
                    .attachments
                    .iter()
                    .any(|attachment| attachment.url == image.url)
        })
        .chain(&article.attachments)
        .take(MAX_ATTACHMENTS)
}

/// One of them: an Image, Audio, Video or Document.
pub(super) fn media(media: &Media) -> Value {
    let kind = match media.media_type.split('/').next() {
        Some("image") => "Image",
        Some("audio") => "Audio",
        Some("video") => "Video",
        _ => "Document",
    };
    let mut attachment = json!({ "type": kind, "mediaType": media.media_type, "url": media.url });
    // Mastodon reads `summary` first, others only `name`.
    if let Some(alt) = &media.alt {
        attachment["name"] = json!(alt);
        attachment["summary"] = json!(alt);
    }
    if let (Some(width), Some(height)) = (media.width, media.height) {
        attachment["width"] = json!(width);
        attachment["height"] = json!(height);
    }
    attachment
}
