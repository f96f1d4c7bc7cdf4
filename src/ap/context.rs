//! The JSON-LD contexts of our documents: every term that isn't ActivityStreams' own is defined where it is used.
//!
//! They stand in the document itself, so that a server that expands JSON-LD fetches nothing it hasn't cached.

use serde_json::{Value, json};

const ACTIVITY_STREAMS: &str = "https://www.w3.org/ns/activitystreams";
/// Defines `publicKey`, `owner` and `publicKeyPem`.
const SECURITY: &str = "https://w3id.org/security/v1";

/// The context of documents that use nothing but ActivityStreams: collections, Accept, Undo.
pub fn plain() -> Value {
    json!(ACTIVITY_STREAMS)
}

/// The context of objects, and of activities that embed one.
pub fn object() -> Value {
    json!([
        ACTIVITY_STREAMS,
        {
            "sensitive": "as:sensitive",
            "Hashtag": "as:Hashtag",
            "gts": "https://gotosocial.org/ns#",
            "interactionPolicy": { "@id": "gts:interactionPolicy", "@type": "@id" },
            "canQuote": { "@id": "gts:canQuote", "@type": "@id" },
            "automaticApproval": { "@id": "gts:automaticApproval", "@type": "@id" },
            "manualApproval": { "@id": "gts:manualApproval", "@type": "@id" }
        }
    ])
}

/// The context of actors.
pub fn actor() -> Value {
    json!([
        ACTIVITY_STREAMS,
        SECURITY,
        {
            "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
            "alsoKnownAs": { "@id": "as:alsoKnownAs", "@type": "@id" },
            "toot": "http://joinmastodon.org/ns#",
            "featured": { "@id": "toot:featured", "@type": "@id" },
            "discoverable": "toot:discoverable",
            "indexable": "toot:indexable",
            "attributionDomains": { "@id": "toot:attributionDomains", "@type": "@id" },
            "schema": "http://schema.org#",
            "PropertyValue": "schema:PropertyValue",
            "value": "schema:value",
            "sec": "https://w3id.org/security#",
            "Multikey": "sec:Multikey",
            "assertionMethod": { "@id": "sec:assertionMethod", "@type": "@id", "@container": "@set" },
            "controller": { "@id": "sec:controller", "@type": "@id" },
            "publicKeyMultibase": { "@id": "sec:publicKeyMultibase", "@type": "sec:multibase" },
            "webfinger": { "@id": "https://purl.archive.org/socialweb/webfinger#webfinger" },
            "implements": { "@id": "https://w3id.org/fep/844e#implements", "@type": "@id" }
        }
    ])
}

/// The context of a QuoteRequest that we answer, and of its QuoteAuthorization (FEP-044f).
pub fn quote() -> Value {
    json!([
        ACTIVITY_STREAMS,
        {
            "QuoteRequest": "https://w3id.org/fep/044f#QuoteRequest",
            "QuoteAuthorization": "https://w3id.org/fep/044f#QuoteAuthorization",
            "gts": "https://gotosocial.org/ns#",
            "interactingObject": { "@id": "gts:interactingObject", "@type": "@id" },
            "interactionTarget": { "@id": "gts:interactionTarget", "@type": "@id" }
        }
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_context_begins_with_activitystreams() {
        for context in [plain(), object(), actor(), quote()] {
            let first = context.get(0).unwrap_or(&context);
            assert_eq!(first, ACTIVITY_STREAMS);
        }
    }
}
