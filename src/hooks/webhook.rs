//! A webhook: an event as a POST, signed by Standard Webhooks.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::net::Client;

/// POSTs the event, signed by Standard Webhooks.
pub(super) async fn post(
    client: &Client,
    url: &url::Url,
    secret: &str,
    id: &str,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<(), String> {
    let time = now.as_second();
    let signature = webhook_signature(secret, id, time, &body);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", &time.to_string()),
        ("webhook-signature", &signature),
    ] {
        let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        headers.insert(HeaderName::from_static(name), value);
    }
    let host = url.host_str().unwrap_or_default();
    let answer = client
        .post(url, headers, body.into(), crate::net::Reuse::Close)
        .await
        // What a URL says after its host may be as secret as a key.
        .map_err(|error| format!("{host}: {}", error.to_string().replace(url.as_str(), host)))?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(format!("{host} answered {}", answer.status))
    }
}

/// The value of `webhook-signature`: `v1,` and the HMAC-SHA256 of id, time and body in base64. A secret that begins with
/// `whsec_` is base64, as the specification has it; any other is taken as it is.
///
/// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
fn webhook_signature(secret: &str, id: &str, time: i64, body: &[u8]) -> String {
    let key = secret
        .strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec());
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    context.update(format!("{id}.{time}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_signed_as_the_specification_has_it() {
        // The example of the specification's reference libraries.
        assert_eq!(
            webhook_signature(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#,
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
