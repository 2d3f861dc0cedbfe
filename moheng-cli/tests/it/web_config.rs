//! TLS, users and headers by a web configuration file.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Answer, Server, connect, directory, moheng, request, talk, wait_for};

/// Of the password `open sesame`, made quickly.
fn hash() -> String {
    bcrypt::hash("open sesame", 4).expect("it can be hashed")
}

const RIGHT: &str = "Basic YW5uOm9wZW4gc2VzYW1l";
const WRONG: &str = "Basic YW5uOmNsb3NlIHNlc2FtZQ==";
const UNKNOWN: &str = "Basic Ym9iOm9wZW4gc2VzYW1l";

fn write(directory: &Path, name: &str, content: &str) {
    fs::write(directory.join(name), content).expect("a file can be written");
}

/// An exporter of nothing but itself by the rules of `config`.
fn exporter(directory: &Path, config: &str) -> Server {
    write(directory, "web.yml", config);
    let arguments = [
        "exporter",
        "host",
        "--collector.disable-defaults",
        "--web.config.file=web.yml",
    ];
    Server::spawn(directory, &arguments)
}

fn as_user(server: &Server, path: &str, credentials: &str) -> Answer {
    request(
        &server.address,
        "GET",
        path,
        &[("Authorization", credentials)],
        "",
    )
}

#[test]
fn only_users_are_let_in() {
    let directory = directory();
    let config = format!(
        "basic_auth_users: {{ann: {}}}\nhttp_server_config: {{headers: {{X-Frame-Options: deny}}}}\n",
        hash()
    );
    let server = exporter(directory.path(), &config);
    let answer = server.get("/metrics");
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some("Basic"))
    );
    assert_eq!(answer.header("x-frame-options"), Some("deny"));
    for path in ["/metrics", "/", "/nothing"] {
        for (credentials, status) in [(WRONG, 401), (UNKNOWN, 401), ("Basic !", 401), ("Bearer x", 401)] {
            assert_eq!(
                as_user(&server, path, credentials).status,
                status,
                "{path} {credentials}"
            );
        }
    }
    // Twice, as the second time is remembered.
    for _ in 0..2 {
        assert_eq!(as_user(&server, "/metrics", RIGHT).status, 200);
        assert_eq!(as_user(&server, "/nothing", RIGHT).status, 404);
    }
}

#[test]
fn the_server_follows_its_files() {
    let directory = directory();
    let server = exporter(directory.path(), "");
    assert_eq!(server.get("/metrics").status, 200);
    for (config, status) in [
        (format!("basic_auth_users: {{ann: {}}}\n", hash()), 401),
        ("basic_auth_users: {ann: nothing}\n".to_owned(), 500),
        ("http_server_config: {}\n".to_owned(), 200),
    ] {
        write(directory.path(), "web.yml", &config);
        assert_eq!(server.get("/metrics").status, status, "{config}");
    }
}

#[test]
fn the_database_is_guarded_as_well() {
    let directory = directory();
    write(
        directory.path(),
        "web.yml",
        &format!("basic_auth_users: {{ann: {}}}\n", hash()),
    );
    let arguments = ["run", "--storage.tsdb.path=data", "--web.config.file=web.yml"];
    let server = Server::spawn(directory.path(), &arguments);
    assert_eq!(server.get("/api/v1/query?query=up").status, 401);
    wait_for("readiness", || {
        (as_user(&server, "/-/ready", RIGHT).status == 200).then_some(())
    });
}

/// A certificate authority, with a certificate for this machine.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("it can sign itself");
        Self { issuer }
    }

    /// Certificate and key of `name`.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key can be made");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("the name is valid");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        (certificate.pem(), key.serialize_pem())
    }

    /// Asks for the metrics over TLS, with a certificate of the client's own where there is one.
    fn ask(&self, server: &Server, client: Option<(String, String)>) -> io::Result<Answer> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("it is a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions are supported")
            .with_root_certificates(roots);
        let config = match client {
            Some((certificate, key)) => {
                let certificate =
                    CertificateDer::from_pem_slice(certificate.as_bytes()).expect("it is a certificate");
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("it is a key");
                builder
                    .with_client_auth_cert(vec![certificate], key)
                    .expect("they fit")
            }
            None => builder.with_no_client_auth(),
        };
        let name = ServerName::try_from("localhost").expect("it is a name");
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let stream = StreamOwned::new(connection, connect(&server.address));
        talk(stream, "localhost", "GET", "/metrics", &[], "")
    }
}

#[test]
fn connections_are_encrypted() {
    let directory = directory();
    let authority = Authority::new();
    let (certificate, key) = authority.sign("localhost");
    write(directory.path(), "server.pem", &certificate);
    write(directory.path(), "server.key", &key);
    let server = exporter(
        directory.path(),
        "tls_server_config: {cert_file: server.pem, key_file: server.key}\n",
    );
    assert_eq!(authority.ask(&server, None).expect("it answers").status, 200);
    let mut plain = connect(&server.address);
    plain
        .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
        .expect("it is taken");
    let mut answer = Vec::new();
    // The connection may also be cut.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "nothing is said in the clear");

    // A new certificate of another authority is used as soon as it is there.
    let other = Authority::new();
    assert!(other.ask(&server, None).is_err());
    let (certificate, key) = other.sign("localhost");
    write(directory.path(), "server.key", &key);
    write(directory.path(), "server.pem", &certificate);
    assert_eq!(other.ask(&server, None).expect("it answers").status, 200);
}

#[test]
fn clients_show_their_certificates() {
    let directory = directory();
    let authority = Authority::new();
    let (certificate, key) = authority.sign("localhost");
    write(directory.path(), "server.pem", &certificate);
    write(directory.path(), "server.key", &key);
    write(directory.path(), "clients.pem", &authority.issuer.pem());
    let config = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  \
                  client_ca_file: clients.pem\n  client_auth_type: RequireAndVerifyClientCert\n";
    let server = exporter(directory.path(), config);
    let own = authority.sign("prometheus");
    assert_eq!(authority.ask(&server, Some(own)).expect("it answers").status, 200);
    assert!(authority.ask(&server, None).is_err());
    let foreign = Authority::new().sign("prometheus");
    assert!(authority.ask(&server, Some(foreign)).is_err());
}

#[test]
fn mistakes_are_found_before_anything_is_served() {
    let directory = directory();
    write(
        directory.path(),
        "web.yml",
        "tls_server_config: {cert_file: none.pem, key_file: none.key}\n",
    );
    let web = directory.path().join("web.yml").display().to_string();
    for arguments in [
        vec!["check", "web-config", &web],
        vec!["exporter", "host", "--web.config.file", &web],
        vec!["run", "--web.config.file", &web],
    ] {
        let finished = moheng(&arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}");
        assert!(
            finished.stderr.contains("none.pem: No such file"),
            "{}",
            finished.stderr
        );
    }
    write(directory.path(), "web.yml", "basic_auth_user: {}\n");
    let finished = moheng(&["check", "web-config", &web]);
    assert!(
        finished
            .stderr
            .contains("web.yml:1:1: unknown key `basic_auth_user`"),
        "{}",
        finished.stderr
    );
    write(directory.path(), "web.yml", "");
    assert_eq!(
        moheng(&["check", "web-config", &web]).success(),
        format!("{web}: ok\n")
    );
}
