//! The address of a server as the command line takes it.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// `http://HOST[:PORT][/PREFIX]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    /// `HOST:PORT` to connect to.
    pub(super) address: String,
    /// What the `Host` header says.
    pub(super) authority: String,
    /// What comes before every path, without a slash at the end.
    pub(super) path_prefix: String,
}

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let invalid = || format!("`{text}` is not the URL of a server; expected http://HOST:PORT");
        let uri: Uri = with_scheme.parse().map_err(|_| invalid())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(format!(
                    "{text}: https is not supported yet by this version of moheng"
                ));
            }
            _ => return Err(invalid()),
        }
        let authority = uri.authority().ok_or_else(invalid)?;
        if authority.host().is_empty() || authority.as_str().contains('@') || uri.query().is_some() {
            return Err(invalid());
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            address: format!("{}:{port}", authority.host()),
            authority: authority.to_string(),
            path_prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path_prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("http://127.0.0.1:9090", Some(("127.0.0.1:9090", ""))),
            ("localhost:9090", Some(("localhost:9090", ""))),
            ("http://[::1]:9090/", Some(("[::1]:9090", ""))),
            ("http://host/prometheus/", Some(("host:80", "/prometheus"))),
            ("https://host", None),
            ("ftp://host", None),
            ("http://user@host", None),
            ("http://host?x=1", None),
            ("", None),
        ] {
            let parsed: Option<ServerUrl> = text.parse().ok();
            let shown = parsed
                .as_ref()
                .map(|url| (url.address.as_str(), url.path_prefix.as_str()));
            assert_eq!(shown, expected, "{text}");
        }
    }
}
