//! What can be checked through the site's public address only: that the proxy passes on what is ours, as it came.

use bytes::Bytes;
use hyper::header::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};
use url::Url;

use super::Report;
use crate::ap::ACTIVITY_JSON;
use crate::ap::iri::Iris;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::Keys;
use crate::net::{Answer, Client, Reuse};
use crate::sig::{self, Outgoing, Scheme};
use crate::store::Disk;

/// Largest answer that is read, in bytes: our own documents are small.
const LIMIT: usize = 1 << 20;
/// How far the clocks may be apart without a word; signatures are off beyond an hour.
const CLOCK: SignedDuration = SignedDuration::from_secs(60);
/// What to do when the proxy doesn't pass something on.
const PROXY: &str = "the proxy must pass /ap/ and the four paths below /.well-known/ on to tidings, with path and Host \
                     unchanged: see proxy/ and `tidings init`";

/// The look from outside.
pub(super) struct Outside<'a> {
    pub(super) config: &'a Config,
    pub(super) iris: &'a Iris,
    pub(super) client: &'a Client,
}

impl Outside<'_> {
    /// The instance actor, whether it is our own, and the clock. When this fails nothing else can work.
    pub(super) async fn actor(&self, status: &Value, report: &mut Report<'_>) -> bool {
        let answer = match self.get(&self.iris.instance(), ACTIVITY_JSON).await {
            Ok(answer) => answer,
            Err(error) => {
                report.fail(
                    "public address",
                    error,
                    "is the web server running, is the certificate valid, does the firewall let it through? From inside \
                     a home network also: does the router let one reach one's own public address?",
                );
                return false;
            }
        };
        self.clock(&answer, report);
        match document(&answer) {
            Ok(found) if found["publicKey"] == status["instance"]["publicKey"] => {
                report.ok(
                    "proxy",
                    format!("{} is passed on to this tidings", self.iris.instance()),
                );
                true
            }
            Ok(_) => {
                report.fail(
                    "proxy",
                    format!("{} is answered by another tidings", self.iris.instance()),
                    "check to which address the proxy passes /ap/",
                );
                false
            }
            Err(error) => {
                report.fail("proxy", format!("{}: {error}", self.iris.instance()), PROXY);
                false
            }
        }
    }

    fn clock(&self, answer: &Answer, report: &mut Report<'_>) {
        let date = answer
            .header("date")
            .and_then(|date| httpdate::parse_http_date(date).ok());
        let Some(date) = date.and_then(|date| jiff::Timestamp::try_from(date).ok()) else {
            return;
        };
        let off = Clock::system().now().duration_since(date).abs();
        if off > CLOCK {
            report.warn(
                "clock",
                format!(
                    "the web server's clock and this one are {} s apart",
                    off.as_secs()
                ),
                "let NTP set both; other servers refuse signatures that are more than an hour off",
            );
        } else {
            report.ok("clock", "agrees with the web server's");
        }
    }

    /// The actors, NodeInfo and host-meta.
    pub(super) async fn documents(&self, report: &mut Report<'_>) {
        for actor in &self.config.actors {
            let id = self.iris.actor(&actor.name);
            match self.json(&id, ACTIVITY_JSON).await {
                Ok(found) if found["id"] == id.as_str() => report.ok("actor", id),
                Ok(_) => report.fail("actor", format!("{id} answers with another document"), PROXY),
                // With require_signed_fetch a stranger's look ends here, rightly.
                Err(error) if self.config.federation.require_signed_fetch && error.contains("401") => {
                    report.ok("actor", format!("{id} is open to signed requests only"));
                }
                Err(error) => report.fail("actor", format!("{id}: {error}"), PROXY),
            }
        }
        let nodeinfo = self.iris.at("/.well-known/nodeinfo");
        match self.json(&nodeinfo, "application/json").await {
            Ok(found) if found["links"].is_array() => report.ok("NodeInfo", nodeinfo),
            Ok(_) => report.fail("NodeInfo", format!("{nodeinfo} has no links"), PROXY),
            Err(error) => report.fail("NodeInfo", format!("{nodeinfo}: {error}"), PROXY),
        }
        let host_meta = self.iris.at("/.well-known/host-meta");
        match self.get(&host_meta, "application/xrd+xml, */*").await {
            Ok(answer) if answer.status.is_success() && contains(&answer.body, b"lrdd") => {
                report.ok("host-meta", host_meta);
            }
            Ok(answer) => report.fail(
                "host-meta",
                format!("{host_meta} answers {}", answer.status),
                PROXY,
            ),
            Err(error) => report.fail("host-meta", error, PROXY),
        }
    }

    /// From each handle to its actor, at the host of the handles and at the site's own.
    pub(super) async fn webfinger(&self, report: &mut Report<'_>) {
        let domain = &self.config.federation.handle_domain;
        let site = &self.config.site.url;
        let host = crate::net::host_of(site);
        for actor in &self.config.actors {
            let id = self.iris.actor(&actor.name);
            let subject = format!("acct:{}@{domain}", actor.name);
            let mut places = vec![(site.scheme(), domain.as_str())];
            if *domain != host {
                places.push((site.scheme(), host.as_str()));
            }
            for (scheme, place) in places {
                let url = format!("{scheme}://{place}/.well-known/webfinger?resource={subject}");
                let hint = if place == host {
                    PROXY.to_string()
                } else {
                    format!(
                        "{place} must redirect /.well-known/webfinger to {}, or pass it on",
                        self.iris.at("/.well-known/webfinger")
                    )
                };
                match self.json(&url, "application/jrd+json, application/json").await {
                    Ok(found) if self_link(&found) == Some(&id) && found["subject"] == subject.as_str() => {
                        report.ok("WebFinger", format!("{subject} at {place} leads to {id}"));
                    }
                    Ok(found) => report.fail(
                        "WebFinger",
                        format!(
                            "{subject} at {place} leads to {} under the name {}",
                            self_link(&found).unwrap_or("nothing"),
                            found["subject"].as_str().unwrap_or("(none)")
                        ),
                        hint,
                    ),
                    Err(error) => report.fail("WebFinger", format!("{url}: {error}"), hint),
                }
            }
        }
    }

    /// A page that is asked for as ActivityPub, and as a browser asks for it.
    pub(super) async fn page(&self, status: &Value, report: &mut Report<'_>) {
        let (Some(page), Some(object)) = (
            status["sample"]["page"].as_str(),
            status["sample"]["object"].as_str(),
        ) else {
            report.warn("page", "none is published yet", "run doctor again when one is");
            return;
        };
        let hint = "pages whose Accept begins with ActivityPub JSON must go to /ap/resolve: see proxy/. Without it a \
                    page's address can't be pasted into the search field of other servers, unless the page has a \
                    <link rel=\"alternate\" type=\"application/activity+json\">";
        match self.json(page, ACTIVITY_JSON).await {
            Ok(found) if found["id"] == object => {
                report.ok("page", format!("{page} leads servers to {object}"));
            }
            Ok(_) => report.fail(
                "page",
                format!("{page} leads servers to something else than {object}"),
                hint,
            ),
            Err(error) if self.config.federation.require_signed_fetch && error.contains("401") => {
                report.ok(
                    "page",
                    format!("{page} leads servers to {object}, which is open to signed requests only"),
                );
            }
            Err(error) => report.warn(
                "page",
                format!("{page} asked for as ActivityPub JSON: {error}"),
                hint,
            ),
        }
        match self.get(page, "text/html").await {
            Ok(answer)
                if answer.status.is_success() && answer.media_type().as_deref() == Some("text/html") =>
            {
                report.ok("page for readers", page);
            }
            Ok(answer) => report.fail(
                "page for readers",
                format!(
                    "{page} answers {} with {}",
                    answer.status,
                    answer.media_type().unwrap_or_else(|| "no type".to_string())
                ),
                if answer.status.is_success() {
                    "a cache may have kept what servers get: `Vary: Accept` must be set on pages"
                } else {
                    "does the web server have what lies in site.output? deploy the site there, or correct site.url"
                },
            ),
            Err(error) => report.fail("page for readers", error, "is site.url right?"),
        }
    }

    /// Sends itself a signed activity of no meaning: it is accepted only if body, path and Host arrive as they were
    /// signed. Both schemes are tried.
    pub(super) async fn signature(&self, report: &mut Report<'_>) {
        for (scheme, name) in [(Scheme::Cavage, "draft-cavage"), (Scheme::Rfc9421, "RFC 9421")] {
            match self.knock(scheme).await {
                Ok(status) if status.as_u16() == 202 => {
                    report.ok("signature", format!("{name} arrives as it was sent"));
                }
                Ok(status) if status.as_u16() == 401 => report.fail(
                    "signature",
                    format!("{name}: what was signed doesn't arrive as it was sent"),
                    "the proxy changes Host, the path, the body or the Digest header; it must leave them alone",
                ),
                Ok(status) => report.fail("signature", format!("{name}: the inbox answers {status}"), PROXY),
                Err(error) => report.fail("signature", format!("{name}: {error}"), PROXY),
            }
        }
    }

    async fn knock(&self, scheme: Scheme) -> Result<hyper::StatusCode, String> {
        let keys = Keys::new(&Disk::new(&self.config.site.data));
        let key = keys.instance().map_err(|error| error.to_string())?;
        let actor = self.iris.instance();
        let now = Clock::system().now();
        let check = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{actor}#check-{}-{}", now.as_millisecond(), std::process::id()),
            "type": "Check",
            "actor": actor,
            "to": [actor],
            "object": actor,
        });
        let body = check.to_string().into_bytes();
        let inbox = Url::parse(&self.iris.shared_inbox()).map_err(|error| error.to_string())?;
        let request = Outgoing {
            method: "POST",
            url: &inbox,
            body: Some(&body),
            content_type: Some(ACTIVITY_JSON),
        };
        let headers = sig::sign(scheme, &request, &key.rsa, &self.iris.main_key(&actor), now)
            .map_err(|error| error.to_string())?;
        let answer = self
            .client
            .post(&inbox, headers, Bytes::from(body), Reuse::Close)
            .await
            .map_err(|error| error.to_string())?;
        Ok(answer.status)
    }

    async fn get(&self, url: &str, accept: &str) -> Result<Answer, String> {
        let url = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        let unsigned = |_: &Url| Ok::<HeaderMap, String>(HeaderMap::new());
        self.client
            .get(&url, accept, LIMIT, unsigned)
            .await
            .map_err(|error| error.to_string())
    }

    async fn json(&self, url: &str, accept: &str) -> Result<Value, String> {
        document(&self.get(url, accept).await?)
    }
}

/// The JSON of an answer that is one.
fn document(answer: &Answer) -> Result<Value, String> {
    let kind = answer.media_type().unwrap_or_else(|| "no type".to_string());
    if !answer.status.is_success() {
        return Err(format!("answers {}", answer.status));
    }
    if !kind.contains("json") {
        return Err(format!("answers with {kind} instead of JSON"));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("answers with broken JSON: {error}"))
}

/// Where a JRD says that the account is.
fn self_link(jrd: &Value) -> Option<&str> {
    jrd["links"]
        .as_array()?
        .iter()
        .find(|link| link["rel"] == "self")?["href"]
        .as_str()
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_document_only_when_it_is_json_and_no_error() {
        let answer = |status: u16, kind: &str, body: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", kind.parse().unwrap());
            document(&Answer {
                url: Url::parse("https://blog.example/").unwrap(),
                status: hyper::StatusCode::from_u16(status).unwrap(),
                headers,
                body: Bytes::from(body),
            })
        };
        assert_eq!(answer(200, ACTIVITY_JSON, "{}").unwrap(), json!({}));
        assert!(answer(404, ACTIVITY_JSON, "{}").unwrap_err().contains("404"));
        assert!(
            answer(200, "text/html; charset=utf-8", "{}")
                .unwrap_err()
                .contains("text/html")
        );
        assert!(answer(200, ACTIVITY_JSON, "{").is_err());
    }

    #[test]
    fn the_self_link_is_the_account() {
        let jrd = json!({ "links": [{ "rel": "avatar", "href": "a" }, { "rel": "self", "href": "b" }] });
        assert_eq!(self_link(&jrd), Some("b"));
        assert_eq!(self_link(&json!({})), None);
    }
}
