//! The web configuration file: TLS, users and headers, in the format that Prometheus and its exporters share.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::diagnostics::{Diagnostic, Diagnostics};
use super::reader::Support::{Ignored, Read, Refused};
use super::reader::{Fields, Keys, boolean, found, mapping, text, texts};
use super::yaml::Node;
use super::{ConfigError, read_file, yaml};

/// What a web configuration file asks for.
#[derive(Debug, Default)]
pub(crate) struct WebConfig {
    /// Nothing: no encryption.
    pub(crate) tls: Option<TlsSettings>,
    /// Names with the bcrypt hashes of their passwords; nobody has to say who they are without any.
    pub(crate) users: Vec<(String, String)>,
    /// Sent with every answer.
    pub(crate) headers: HeaderMap,
    /// What was accepted without having an effect.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// How connections are encrypted.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) certificate: Pem,
    pub(crate) key: Pem,
    pub(crate) client_auth: ClientAuth,
    pub(crate) client_ca: Option<Pem>,
    pub(crate) min_version: TlsVersion,
    pub(crate) max_version: TlsVersion,
    /// Go's names; all that are safe without any.
    pub(crate) cipher_suites: Vec<String>,
    /// Go's names; all that are safe without any.
    pub(crate) curves: Vec<String>,
}

/// A certificate or key.
#[derive(Clone)]
pub(crate) enum Pem {
    File(PathBuf),
    Inline(String),
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // It may be a key.
            Self::Inline(_) => f.write_str("Inline(<hidden>)"),
        }
    }
}

/// What clients have to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    #[default]
    Nothing,
    /// A certificate is checked when there is one.
    Optional,
    Required,
}

/// Versions of TLS that are safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    Tls12,
    Tls13,
}

const KEYS: Keys = &[
    ("tls_server_config", Read),
    ("http_server_config", Read),
    ("basic_auth_users", Read),
];
const TLS_KEYS: Keys = &[
    ("cert_file", Read),
    ("key_file", Read),
    ("client_ca_file", Read),
    ("cert", Read),
    ("key", Read),
    ("client_ca", Read),
    ("client_auth_type", Read),
    ("client_allowed_sans", Refused),
    ("min_version", Read),
    ("max_version", Read),
    ("cipher_suites", Read),
    ("curve_preferences", Read),
    // The client's preference counts where both are as good.
    ("prefer_server_cipher_suites", Ignored),
];
const HTTP_KEYS: Keys = &[("http2", Read), ("headers", Read)];

/// The headers that may be set.
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
];

/// Reads the web configuration file at `path`; files it names are relative to it.
///
/// # Errors
///
/// See [`ConfigError`]; all errors of the file are reported at once. The files it names are not read.
pub(crate) fn load_web(path: &Path) -> Result<WebConfig, ConfigError> {
    let text = read_file(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, folder).map_err(|errors| ConfigError::Invalid {
        file: path.to_owned(),
        errors,
    })
}

fn parse(text: &str, folder: &Path) -> Result<WebConfig, Vec<Diagnostic>> {
    let document = yaml::parse(text).map_err(|error| vec![error])?;
    let mut report = Diagnostics::default();
    let fields = Fields::read(&document, "the web configuration", KEYS, &mut report);
    let mut config = WebConfig::default();
    if let Some(node) = fields.get("tls_server_config") {
        config.tls = read_tls(node, folder, &mut report);
    }
    if let Some(node) = fields.get("http_server_config") {
        config.headers = read_http(node, &mut report);
    }
    if let Some(node) = fields.get("basic_auth_users") {
        config.users = read_users(node, &mut report);
    }
    if !report.errors.is_empty() {
        report.errors.sort_by_key(|error| error.position);
        return Err(report.errors);
    }
    config.warnings = report.warnings;
    Ok(config)
}

fn read_tls(node: &Node, folder: &Path, report: &mut Diagnostics) -> Option<TlsSettings> {
    let fields = Fields::read(node, "tls_server_config", TLS_KEYS, report);
    let certificate = pem(&fields, "cert_file", "cert", folder, report);
    let key = pem(&fields, "key_file", "key", folder, report);
    let client_ca = pem(&fields, "client_ca_file", "client_ca", folder, report);
    let client_auth = fields
        .get("client_auth_type")
        .and_then(|node| read_client_auth(node, report));
    let mut version = |name: &str| fields.get(name).and_then(|node| read_version(node, name, report));
    let min_version = version("min_version").unwrap_or(TlsVersion::Tls12);
    let max_version = version("max_version").unwrap_or(TlsVersion::Tls13);
    let mut names = |name: &str| {
        fields
            .get(name)
            .map(|node| texts(node, name, report))
            .unwrap_or_default()
    };
    let (cipher_suites, curves) = (names("cipher_suites"), names("curve_preferences"));
    if min_version > max_version {
        report.error(fields.position, "min_version is newer than max_version");
    }
    let client_auth = client_auth.unwrap_or_default();
    match (client_auth, &client_ca) {
        (ClientAuth::Nothing, Some(_)) => {
            report.error(
                fields.position,
                "client_ca_file without a client_auth_type that checks certificates",
            );
        }
        (ClientAuth::Optional | ClientAuth::Required, None) => {
            report.error(
                fields.position,
                "client_auth_type checks certificates, so client_ca_file is needed",
            );
        }
        _ => {}
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsSettings {
            certificate,
            key,
            client_auth,
            client_ca,
            min_version,
            max_version,
            cipher_suites,
            curves,
        }),
        (None, None) if client_ca.is_none() && client_auth == ClientAuth::Nothing => None,
        (None, _) => {
            report.error(fields.position, "missing cert_file");
            None
        }
        (_, None) => {
            report.error(fields.position, "missing key_file");
            None
        }
    }
}

fn pem(
    fields: &Fields<'_>,
    file: &str,
    inline: &str,
    folder: &Path,
    report: &mut Diagnostics,
) -> Option<Pem> {
    let mut value = |name: &str| {
        let node = fields.get(name)?;
        let text = text(node, name, report)?;
        (!text.is_empty()).then_some((node.position, text))
    };
    match (value(file), value(inline)) {
        (Some(_), Some((position, _))) => {
            report.error(position, format!("{file} and {inline} exclude each other"));
            None
        }
        (Some((_, path)), None) => Some(Pem::File(folder.join(path))),
        (None, Some((_, text))) => Some(Pem::Inline(text)),
        (None, None) => None,
    }
}

fn read_client_auth(node: &Node, report: &mut Diagnostics) -> Option<ClientAuth> {
    match text(node, "client_auth_type", report)?.as_str() {
        // A certificate that is asked for and not looked at changes nothing.
        "" | "NoClientCert" | "RequestClientCert" => Some(ClientAuth::Nothing),
        "VerifyClientCertIfGiven" => Some(ClientAuth::Optional),
        "RequireAndVerifyClientCert" => Some(ClientAuth::Required),
        "RequireAnyClientCert" => {
            let message = "RequireAnyClientCert trusts any certificate and is not supported; use \
                           RequireAndVerifyClientCert and client_ca_file";
            report.error(node.position, message);
            None
        }
        _ => {
            let expected = "NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert";
            let message = format!("expected {expected} for client_auth_type, found {}", found(node));
            report.error(node.position, message);
            None
        }
    }
}

fn read_version(node: &Node, what: &str, report: &mut Diagnostics) -> Option<TlsVersion> {
    match text(node, what, report)?.as_str() {
        "TLS12" => Some(TlsVersion::Tls12),
        "TLS13" => Some(TlsVersion::Tls13),
        old @ ("TLS10" | "TLS11") if what == "min_version" => {
            report.warn(
                node.position,
                format!("{old} is not safe and not offered; TLS12 is the oldest"),
            );
            Some(TlsVersion::Tls12)
        }
        _ => {
            report.error(
                node.position,
                format!("expected TLS12 or TLS13 for {what}, found {}", found(node)),
            );
            None
        }
    }
}

fn read_http(node: &Node, report: &mut Diagnostics) -> HeaderMap {
    let fields = Fields::read(node, "http_server_config", HTTP_KEYS, report);
    if let Some(node) = fields.get("http2") {
        // HTTP/1.1 is what is served; clients that could do more use it as well.
        boolean(node, "http2", report);
    }
    let mut headers = HeaderMap::new();
    let Some(node) = fields.get("headers") else {
        return headers;
    };
    for entry in mapping(node, "headers", report) {
        let name = HEADERS.iter().find(|name| **name == entry.key);
        let Some(name) = name.and_then(|name| HeaderName::from_str(name).ok()) else {
            let message = format!(
                "`{}` cannot be set; expected one of {}",
                entry.key,
                HEADERS.join(", ")
            );
            report.error(entry.key_position, message);
            continue;
        };
        let Some(value) = text(&entry.value, &entry.key, report).filter(|value| !value.is_empty()) else {
            continue;
        };
        match HeaderValue::from_str(&value) {
            Ok(value) => drop(headers.insert(name, value)),
            Err(_) => report.error(
                entry.value.position,
                format!("not a value of a header: {value:?}"),
            ),
        }
    }
    headers
}

fn read_users(node: &Node, report: &mut Diagnostics) -> Vec<(String, String)> {
    let mut users = Vec::new();
    for entry in mapping(node, "basic_auth_users", report) {
        if entry.key.contains(':') {
            report.error(entry.key_position, "the name of a user cannot hold a colon");
        }
        let Some(hash) = text(&entry.value, "the hash of a password", report) else {
            continue;
        };
        // What is not a hash may be a password: it is not shown.
        if bcrypt::HashParts::from_str(&hash).is_ok() {
            users.push((entry.key.clone(), hash));
        } else {
            let message = format!(
                "expected a bcrypt hash of the password of {}, such as $2y$10$...",
                entry.key
            );
            report.error(entry.value.position, message);
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

    fn errors(text: &str) -> Vec<String> {
        let errors = parse(text, Path::new("")).expect_err("it is refused");
        let show = |error: &Diagnostic| error.display(Path::new("web.yml")).to_string();
        errors.iter().map(show).collect()
    }

    #[test]
    fn everything_at_once() {
        let text = format!(
            "tls_server_config:\n  cert_file: a.pem\n  key: |\n    secret\n  client_auth_type: RequireAndVerifyClientCert\n  \
             client_ca_file: /ca.pem\n  min_version: TLS13\n  curve_preferences: [X25519]\n\
             http_server_config:\n  http2: true\n  headers: {{X-Frame-Options: deny}}\n\
             basic_auth_users:\n  ann: {HASH}\n"
        );
        let config = parse(&text, Path::new("/etc")).unwrap();
        let tls = config.tls.unwrap();
        assert!(matches!(&tls.certificate, Pem::File(path) if path == Path::new("/etc/a.pem")));
        assert!(matches!(&tls.client_ca, Some(Pem::File(path)) if path == Path::new("/ca.pem")));
        assert_eq!(
            (tls.client_auth, tls.min_version),
            (ClientAuth::Required, TlsVersion::Tls13)
        );
        assert_eq!(tls.curves, ["X25519"]);
        assert!(!format!("{tls:?}").contains("secret"));
        assert_eq!(config.headers["x-frame-options"], "deny");
        assert_eq!(config.users, [("ann".to_owned(), HASH.to_owned())]);
        assert!(parse("", Path::new("")).unwrap().tls.is_none());
    }

    #[test]
    fn old_versions_are_raised() {
        let config = parse(
            "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}",
            Path::new(""),
        )
        .unwrap();
        assert_eq!(config.tls.unwrap().min_version, TlsVersion::Tls12);
        assert_eq!(config.warnings.len(), 1);
    }

    #[test]
    fn mistakes_have_places_and_secrets_are_not_shown() {
        for (text, expected) in [
            (
                "tls: {}",
                "web.yml:1:1: unknown key `tls` in the web configuration",
            ),
            (
                "tls_server_config: {cert_file: a}",
                "web.yml:1:20: missing key_file",
            ),
            (
                "tls_server_config: {client_ca_file: a}",
                "web.yml:1:20: client_ca_file without a client_auth_type",
            ),
            (
                "tls_server_config: {cert_file: a, cert: b}",
                "web.yml:1:41: cert_file and cert exclude each other",
            ),
            (
                "tls_server_config: {client_auth_type: None}",
                "web.yml:1:39: expected NoClientCert",
            ),
            (
                "tls_server_config: {max_version: TLS11}",
                "web.yml:1:34: expected TLS12 or TLS13 for max_version",
            ),
            (
                "http_server_config: {headers: {X-Other: a}}",
                "web.yml:1:32: `X-Other` cannot be set",
            ),
            (
                "basic_auth_users: {ann: password1}",
                "web.yml:1:25: expected a bcrypt hash of the password of ann",
            ),
        ] {
            let errors = errors(text);
            assert!(
                errors.iter().any(|error| error.starts_with(expected)),
                "{text}: {errors:#?}"
            );
            assert!(!errors.concat().contains("password1"), "{errors:#?}");
        }
    }
}
