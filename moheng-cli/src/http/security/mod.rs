//! Who may talk to a server, and how: the web configuration, followed as its files change.

mod passwords;
mod tls;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::ServerConfig;

use self::passwords::Passwords;
use crate::config::{self, Pem, WebConfig};

/// The web configuration of a server. Its files are looked at again for every request and connection.
#[derive(Debug, Default)]
pub(crate) struct Security {
    /// Nothing: everybody may talk to it, without encryption.
    path: Option<PathBuf>,
    state: Mutex<ReadState>,
    passwords: Passwords,
}

/// What the files said when they were read.
#[derive(Debug, Default)]
struct ReadState {
    /// How the files looked then.
    stamps: Vec<(PathBuf, Option<Stamp>)>,
    /// Nothing while the files are wrong.
    rules: Option<Arc<Rules>>,
    /// As it was when the files were right; then even refusals are said over it.
    tls: Option<Arc<ServerConfig>>,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size_bytes: u64,
    inode: u64,
}

/// The rules that hold now.
#[derive(Debug, Default)]
struct Rules {
    tls: Option<Arc<ServerConfig>>,
    users: HashMap<String, String>,
    headers: HeaderMap,
}

impl Security {
    /// Reads the web configuration at `path`, with the certificates it names.
    ///
    /// # Errors
    ///
    /// What is wrong with the files, as a message for the user.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let (stamps, rules) = read(path);
        let rules = Arc::new(rules?);
        Ok(Self {
            path: Some(path.to_owned()),
            state: Mutex::new(ReadState {
                stamps,
                tls: rules.tls.clone(),
                rules: Some(rules),
            }),
            passwords: Passwords::default(),
        })
    }

    /// Whether connections are encrypted now.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls().is_some()
    }

    /// How a new connection is encrypted.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.rules();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tls.clone()
    }

    /// The rules that hold now; nothing while the files are wrong, when nobody may talk to the server.
    fn rules(&self) -> Option<Arc<Rules>> {
        let Some(path) = &self.path else {
            return Some(Arc::default());
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stamps.iter().any(|(path, stamp)| Stamp::of(path) != *stamp) {
            let (stamps, rules) = read(path);
            state.stamps = stamps;
            state.rules = match rules {
                Ok(rules) => {
                    state.tls.clone_from(&rules.tls);
                    tracing::info!(path = %path.display(), "web configuration read again");
                    Some(Arc::new(rules))
                }
                Err(error) => {
                    tracing::error!(%error, "the web configuration is wrong; all requests are refused until it is right");
                    None
                }
            };
        }
        state.rules.clone()
    }
}

/// `router` behind the rules of `security`.
pub(crate) fn secured(router: Router, security: &Arc<Security>) -> Router {
    if security.path.is_none() {
        return router;
    }
    router.layer(from_fn_with_state(Arc::clone(security), guard))
}

async fn guard(State(security): State<Arc<Security>>, request: Request, next: Next) -> Response {
    let Some(rules) = security.rules() else {
        let message = "the web configuration is wrong; the log says why\n";
        return (StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
    };
    let mut response = if security.admits(&rules, request.headers()).await {
        next.run(request).await
    } else {
        let challenge = [(WWW_AUTHENTICATE, "Basic")];
        (StatusCode::UNAUTHORIZED, challenge, "Unauthorized\n").into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in &rules.headers {
        headers.insert(name, value.clone());
    }
    response
}

impl Security {
    async fn admits(&self, rules: &Rules, headers: &HeaderMap) -> bool {
        if rules.users.is_empty() {
            return true;
        }
        let Some((user, password)) = credentials(headers) else {
            return false;
        };
        // Somebody unknown takes as long as somebody known.
        let any = || rules.users.values().next();
        let Some(hash) = rules.users.get(&user).or_else(any) else {
            return false;
        };
        let is_right = self.passwords.check(hash, password).await;
        is_right && rules.users.contains_key(&user)
    }
}

/// Name and password of basic authentication.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

type Stamped<T> = (Vec<(PathBuf, Option<Stamp>)>, T);

/// The rules, and how the files looked before they were read.
fn read(path: &Path) -> Stamped<Result<Rules, String>> {
    let stamp = |path: &Path| (path.to_owned(), Stamp::of(path));
    let mut stamps = vec![stamp(path)];
    let config = match config::load_web(path) {
        Ok(config) => config,
        Err(error) => return (stamps, Err(error.to_string())),
    };
    if let Some(tls) = &config.tls {
        let pems = [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()];
        for pem in pems.into_iter().flatten() {
            if let Pem::File(path) = pem {
                stamps.push(stamp(path));
            }
        }
    }
    (stamps, rules(path, config))
}

fn rules(path: &Path, config: WebConfig) -> Result<Rules, String> {
    for warning in &config.warnings {
        tracing::warn!("{}", warning.display(path));
    }
    let tls = config.tls.as_ref().map(tls::server_config).transpose()?;
    Ok(Rules {
        tls,
        users: config.users.into_iter().collect(),
        headers: config.headers,
    })
}

impl Stamp {
    /// Nothing where there is no file.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            size_bytes: metadata.len(),
            inode: metadata.ino(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords() {
        for (value, expected) in [
            ("Basic YW5uOnNlY3JldA==", Some(("ann", "secret"))),
            ("basic YW5uOmE6Yg==", Some(("ann", "a:b"))),
            ("Basic YW5u", None),
            ("Basic !", None),
            ("Bearer YW5uOnNlY3JldA==", None),
            ("Basic", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
            assert_eq!(credentials(&headers), expected, "{value}");
        }
    }
}
