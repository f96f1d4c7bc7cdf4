//! The components that an RFC 9421 signature covers: their identifiers, and their values in a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sfv::{BareItem, ItemSerializer};

use super::error::excerpt;
use super::target::Target;
use super::{Message, SigError};

/// What a query parameter's name and value keep unencoded: RFC 9421, 2.2.8, which refers to the URL standard's
/// application/x-www-form-urlencoded percent-encode set.
const QUERY_PARAM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

/// A covered component.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Component {
    pub(super) name: String,
    /// The name of the parameter, for `@query-param`.
    query_param: Option<String>,
    /// The identifier as it stands in the base: `"name"`, with its parameters.
    pub(super) identifier: String,
}

impl Component {
    /// Reads an identifier.
    pub(super) fn read(item: &sfv::Item) -> Result<Component, SigError> {
        let BareItem::String(name) = &item.bare_item else {
            return Err(SigError::Malformed("a component isn't a string"));
        };
        let query_param = match (name.as_str(), item.params.len()) {
            ("@query-param", 1) => item.params.get("name").and_then(|name| name.as_string()),
            (_, 0) => None,
            _ => return Err(SigError::Unsupported(excerpt(name.as_str()))),
        };
        let identifier = ItemSerializer::new()
            .bare_item(&item.bare_item)
            .parameters(&item.params)
            .finish();
        let query_param = query_param.map(|name| name.as_str().to_owned());
        Ok(Component {
            name: name.as_str().to_owned(),
            query_param,
            identifier,
        })
    }

    /// A component without parameters.
    pub(super) fn plain(name: &str) -> Component {
        Component {
            name: name.to_owned(),
            query_param: None,
            identifier: format!("\"{name}\""),
        }
    }

    /// Appends the component's value: RFC 9421, 2.1 and 2.2.
    pub(super) fn push_value(
        &self,
        base: &mut String,
        message: &Message<'_>,
        target: &Target<'_>,
    ) -> Result<(), SigError> {
        match self.name.as_str() {
            "@method" => base.push_str(message.method),
            "@target-uri" => base.push_str(target.uri),
            // A proxy may pass another Host than the one that the sender knows us by.
            "@authority" | "host" => base.push_str(&target.authority),
            "@scheme" => base.push_str(target.scheme),
            "@request-target" => target.push_request_target(base),
            "@path" => base.push_str(target.path),
            "@query" => {
                base.push('?');
                base.push_str(target.query.unwrap_or_default());
            }
            "@query-param" => base.push_str(&self.query_param_value(target)?),
            name if name.starts_with('@') => return Err(SigError::Unsupported(excerpt(name))),
            // RFC 9421, 2.1: names of fields are in small letters.
            name if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                return Err(SigError::Malformed("a component with capital letters"));
            }
            name => {
                let value = message
                    .header(name)?
                    .ok_or_else(|| SigError::Absent(excerpt(name)))?;
                base.push_str(&value);
            }
        }
        Ok(())
    }

    /// RFC 9421, 2.2.8: decoded and encoded again; a name that occurs twice can't be covered.
    fn query_param_value(&self, target: &Target<'_>) -> Result<String, SigError> {
        let absent = || SigError::Absent("@query-param".to_owned());
        let wanted = self
            .query_param
            .as_deref()
            .ok_or(SigError::Malformed("@query-param without a name"))?;
        let query = target.query.ok_or_else(absent)?;
        let encode = |text: &str| utf8_percent_encode(text, QUERY_PARAM).to_string();
        let mut found =
            url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| encode(name) == wanted);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(encode(&value)),
            _ => Err(absent()),
        }
    }
}
