//! [`ScrapeUrl`]: where a target is.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// The URL of a target, in the pieces a request needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScrapeUrl {
    scheme: String,
    authority: String,
    /// Begins with `/`, percent-encoded.
    path_and_query: String,
}

impl ScrapeUrl {
    /// A URL of unescaped pieces.
    pub fn new(scheme: &str, authority: &str, path: &str, params: &BTreeMap<String, Vec<String>>) -> Self {
        let mut path_and_query = String::with_capacity(path.len() + 1);
        if !path.starts_with('/') {
            path_and_query.push('/');
        }
        push_escaped(path, b"-_.~$&+,/:;=@", &mut path_and_query);
        let mut separator = '?';
        for (name, value) in params
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
        {
            path_and_query.push(separator);
            separator = '&';
            push_query(name, &mut path_and_query);
            path_and_query.push('=');
            push_query(value, &mut path_and_query);
        }
        Self {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path_and_query,
        }
    }

    /// `http` or whatever the job says.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The address as the target has it: `host:port` or `host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What follows the authority, percent-encoded.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Where a `Location` header found at this URL points to; `None` when it is not a URL.
    pub(super) fn join(&self, location: &str) -> Option<Self> {
        let location = location.split('#').next().unwrap_or_default();
        if let Some((scheme, rest)) = location.split_once("://") {
            return Self::from_rest(scheme, rest);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::from_rest(&self.scheme, rest);
        }
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        let path_and_query = if location.starts_with('/') {
            location.to_owned()
        } else if location.is_empty() || location.starts_with('?') {
            format!("{path}{location}")
        } else {
            let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
            format!("{folder}{location}")
        };
        Some(Self {
            path_and_query,
            ..self.clone()
        })
    }

    fn from_rest(scheme: &str, rest: &str) -> Option<Self> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // Credentials in a URL are never taken over.
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        (!authority.is_empty()).then(|| Self {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_owned(),
            path_and_query: format!("{slash}{path}"),
        })
    }
}

impl fmt::Display for ScrapeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path_and_query)
    }
}

fn push_query(text: &str, out: &mut String) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        push_escaped(word, b"-_.~", out);
    }
}

fn push_escaped(text: &str, plain: &[u8], out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_escaped() {
        let params = [("b c", vec!["1", "x&y"]), ("a", vec!["\u{e9}"]), ("none", vec![])];
        let params = params
            .into_iter()
            .map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()))
            .collect();
        let url = ScrapeUrl::new("http", "[::1]:9100", "a b?/%", &params);
        assert_eq!(
            url.to_string(),
            "http://[::1]:9100/a%20b%3F/%25?a=%C3%A9&b+c=1&b+c=x%26y"
        );
    }

    #[test]
    fn redirects() {
        let base = ScrapeUrl::new(
            "http",
            "a:1",
            "/x/y",
            &BTreeMap::from([("q".to_owned(), vec!["1".to_owned()])]),
        );
        for (location, expected) in [
            ("/m", Some("http://a:1/m")),
            ("z?k=v#frag", Some("http://a:1/x/z?k=v")),
            ("?k=v", Some("http://a:1/x/y?k=v")),
            ("", Some("http://a:1/x/y")),
            ("//b/m", Some("http://b/m")),
            ("HTTPS://user:pw@b:2", Some("https://b:2/")),
            ("http://b?x", Some("http://b/?x")),
            ("http:///m", None),
        ] {
            let joined = base.join(location).map(|url| url.to_string());
            assert_eq!(joined.as_deref(), expected, "{location}");
        }
    }
}
