//! NodeInfo: what kind of server this is, in numbers. <https://nodeinfo.diaspora.software/>

use serde_json::{Value, json};

use super::iri::Iris;

/// A version of the schema that we serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 2.0
    V2_0,
    /// 2.1
    V2_1,
}

impl Version {
    /// As it stands in paths and documents.
    pub fn name(self) -> &'static str {
        match self {
            Version::V2_0 => "2.0",
            Version::V2_1 => "2.1",
        }
    }

    /// The media type of the document.
    pub fn media_type(self) -> &'static str {
        match self {
            Version::V2_0 => {
                "application/json; profile=\"http://nodeinfo.diaspora.software/ns/schema/2.0#\"; charset=utf-8"
            }
            Version::V2_1 => {
                "application/json; profile=\"http://nodeinfo.diaspora.software/ns/schema/2.1#\"; charset=utf-8"
            }
        }
    }
}

/// How much is going on here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Our actors.
    pub users: usize,
    /// Those that published something in the last 30 days.
    pub active_month: usize,
    /// Those that published something in the last 180 days.
    pub active_half_year: usize,
    /// What they published and what is still there for everybody.
    pub posts: usize,
}

/// The NodeInfo document.
pub fn document(version: Version, name: &str, usage: Usage) -> Value {
    json!({
        "version": version.name(),
        "software": { "name": "tidings", "version": env!("CARGO_PKG_VERSION") },
        "protocols": ["activitypub"],
        "services": { "inbound": [], "outbound": [] },
        "openRegistrations": false,
        "usage": {
            "users": {
                "total": usage.users,
                "activeMonth": usage.active_month,
                "activeHalfyear": usage.active_half_year,
            },
            "localPosts": usage.posts,
        },
        "metadata": { "nodeName": name },
    })
}

/// Where the documents lie, the newest first, and which actor speaks for the server (FEP-2677).
pub fn index(iris: &Iris) -> Value {
    json!({
        "links": [
            {
                "rel": "http://nodeinfo.diaspora.software/ns/schema/2.1",
                "href": iris.nodeinfo(Version::V2_1.name()),
            },
            {
                "rel": "http://nodeinfo.diaspora.software/ns/schema/2.0",
                "href": iris.nodeinfo(Version::V2_0.name()),
            },
            {
                "rel": "https://www.w3.org/ns/activitystreams#Application",
                "href": iris.instance(),
            },
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_says_its_own_and_the_numbers_are_those_given() {
        let usage = Usage {
            users: 2,
            active_month: 1,
            active_half_year: 2,
            posts: 12,
        };
        let mut document = document(Version::V2_1, "A blog", usage);
        assert_eq!(super::document(Version::V2_0, "A blog", usage)["version"], "2.0");
        assert_eq!(document["software"]["version"], env!("CARGO_PKG_VERSION"));
        document["software"]["version"] = json!("(ours)");
        insta::with_settings!({ snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!("nodeinfo", document);
        });
    }

    #[test]
    fn the_index_names_both_versions() {
        let iris = Iris::new(&url::Url::parse("https://blog.example/").unwrap());
        assert_eq!(
            index(&iris)["links"][0]["href"],
            "https://blog.example/ap/nodeinfo/2.1"
        );
        assert_eq!(
            index(&iris)["links"][1]["href"],
            "https://blog.example/ap/nodeinfo/2.0"
        );
    }
}
