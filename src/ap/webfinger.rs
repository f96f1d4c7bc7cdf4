//! WebFinger (RFC 7033) and host-meta (RFC 6415): how a handle leads to an actor.

use serde_json::{Value, json};

use super::iri::Iris;
use super::{ACTIVITY_JSON, escape};

/// The media type of a JRD.
pub const JRD_JSON: &str = "application/jrd+json";

/// What a `resource` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// `acct:name@host`, also `acct:@name@host`.
    Account {
        /// The name, as it was written.
        name: &'a str,
        /// The host, with its port if it has one.
        host: &'a str,
    },
    /// A URL: an actor's id, or its page.
    Url(&'a str),
}

impl<'a> Resource<'a> {
    /// Reads a resource; `None` when it is of no kind that could be ours.
    pub fn read(text: &'a str) -> Option<Resource<'a>> {
        let (scheme, rest) = text.split_once(':')?;
        if scheme.eq_ignore_ascii_case("acct") {
            let (name, host) = rest.strip_prefix('@').unwrap_or(rest).split_once('@')?;
            return (!name.is_empty() && !host.is_empty()).then_some(Resource::Account { name, host });
        }
        let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        is_web.then_some(Resource::Url(text))
    }
}

/// An account as its JRD tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// `preferredUsername`.
    pub name: &'a str,
    /// What stands after the second @ of its handle.
    pub handle_domain: &'a str,
    /// The actor's id.
    pub actor: &'a str,
    /// Its page.
    pub page: &'a str,
    /// Its picture.
    pub avatar: Option<&'a str>,
}

/// The JRD of an account.
pub fn jrd(account: Account<'_>) -> Value {
    let mut links = vec![
        json!({ "rel": "self", "type": ACTIVITY_JSON, "href": account.actor }),
        json!({ "rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": account.page }),
    ];
    if let Some(avatar) = account.avatar {
        let mut link = json!({ "rel": "http://webfinger.net/rel/avatar", "href": avatar });
        let path = avatar.split(['?', '#']).next().unwrap_or(avatar);
        if let Some(media_type) = mime_guess::from_path(path).first_raw() {
            link["type"] = json!(media_type);
        }
        links.push(link);
    }
    json!({
        "subject": format!("acct:{}@{}", account.name, account.handle_domain),
        "aliases": [account.actor, account.page],
        "links": links,
    })
}

/// A JRD with only the links of these relations (RFC 7033, section 4.3); none means all.
pub fn only(mut jrd: Value, relations: &[String]) -> Value {
    if !relations.is_empty()
        && let Some(links) = jrd["links"].as_array_mut()
    {
        links.retain(|link| {
            link["rel"]
                .as_str()
                .is_some_and(|rel| relations.iter().any(|asked| asked == rel))
        });
    }
    jrd
}

/// host-meta as XRD.
pub fn host_meta(iris: &Iris) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\">\n  \
         <Link rel=\"lrdd\" type=\"{JRD_JSON}\" template=\"{}\"/>\n\
         </XRD>\n",
        escape(&iris.webfinger_template())
    )
}

/// host-meta as JSON.
pub fn host_meta_json(iris: &Iris) -> Value {
    json!({ "links": [{ "rel": "lrdd", "type": JRD_JSON, "template": iris.webfinger_template() }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_account_or_a_url() {
        let account = |name, host| Some(Resource::Account { name, host });
        assert_eq!(
            Resource::read("acct:blog@blog.example"),
            account("blog", "blog.example")
        );
        assert_eq!(
            Resource::read("ACCT:@blog@blog.example:8080"),
            account("blog", "blog.example:8080")
        );
        assert_eq!(
            Resource::read("https://blog.example/ap/actors/blog"),
            Some(Resource::Url("https://blog.example/ap/actors/blog"))
        );
        for wrong in [
            "",
            "blog",
            "acct:",
            "acct:blog",
            "acct:@blog",
            "acct:@@x",
            "mailto:a@b",
            "blog@blog.example",
        ] {
            assert_eq!(Resource::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_jrd_leads_to_the_actor_and_its_page() {
        let document = jrd(Account {
            name: "blog",
            handle_domain: "example.org",
            actor: "https://blog.example/ap/actors/blog",
            page: "https://blog.example/",
            avatar: Some("https://blog.example/avatar.png"),
        });
        insta::with_settings!({ snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!("webfinger", document);
        });
        let only_self = only(document, &["self".to_string()]);
        assert_eq!(only_self["links"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn host_meta_names_the_template_in_both_forms() {
        let iris = Iris::new(&url::Url::parse("https://blog.example/").unwrap());
        let template = "https://blog.example/.well-known/webfinger?resource={uri}";
        assert!(host_meta(&iris).contains(template));
        assert_eq!(host_meta_json(&iris)["links"][0]["template"], template);
    }
}
