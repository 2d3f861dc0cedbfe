//! Encryption as the web configuration asks for it.

use std::fs;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use crate::config::{ClientAuth, Pem, TlsSettings, TlsVersion};

/// Go's names of key exchanges, and those of the library.
const CURVES: [(&str, &str); 5] = [
    ("X25519", "X25519"),
    ("CurveP256", "secp256r1"),
    ("CurveP384", "secp384r1"),
    ("CurveP521", "secp521r1"),
    ("X25519MLKEM768", "X25519MLKEM768"),
];

/// The library's configuration of a server.
///
/// # Errors
///
/// What is wrong with a certificate or key, with its file.
pub(super) fn server_config(settings: &TlsSettings) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(provider(settings)?);
    let versions: Vec<&SupportedProtocolVersion> = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)]
        .into_iter()
        .filter(|(version, _)| (settings.min_version..=settings.max_version).contains(version))
        .map(|(_, version)| version)
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| format!("tls_server_config: {error}"))?;
    let builder = match client_verifier(settings, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let certificates = certificates(&settings.certificate)?;
    let key = read(&settings.key)?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| format!("{}: no private key: {error}", place(&settings.key)))?;
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| format!("{}: {error}", place(&settings.certificate)))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What is offered: all that is safe, or what was chosen of it.
fn provider(settings: &TlsSettings) -> Result<CryptoProvider, String> {
    let mut provider = aws_lc_rs::default_provider();
    if !settings.cipher_suites.is_empty() {
        let mut wanted = Vec::new();
        for name in &settings.cipher_suites {
            let found = provider.cipher_suites.iter().find(|suite| is_called(suite, name));
            let suite = found.ok_or_else(|| format!("cipher_suites: {name} is unknown or not safe"))?;
            wanted.push(*suite);
        }
        // As in Go, those of TLS 1.3 cannot be chosen.
        let is_chosen = |suite: &SupportedCipherSuite| suite.tls13().is_some() || wanted.contains(suite);
        provider.cipher_suites.retain(is_chosen);
    }
    if !settings.curves.is_empty() {
        let mut chosen = Vec::new();
        for name in &settings.curves {
            let known = CURVES.iter().find(|(go, _)| go == name).map(|(_, name)| *name);
            let found = provider.kx_groups.iter().find(|group| {
                known.is_some_and(|known| format!("{:?}", group.name()).eq_ignore_ascii_case(known))
            });
            chosen.push(*found.ok_or_else(|| format!("curve_preferences: {name} is not supported"))?);
        }
        provider.kx_groups = chosen;
    }
    Ok(provider)
}

/// Go writes `TLS_AES_128_GCM_SHA256` where the library writes `TLS13_AES_128_GCM_SHA256`.
fn is_called(suite: &SupportedCipherSuite, name: &str) -> bool {
    let own = format!("{:?}", suite.suite());
    let own = own.replacen("TLS13_", "TLS_", 1);
    own == name || own == format!("{name}_SHA256")
}

fn client_verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let (Some(authority), true) = (&settings.client_ca, settings.client_auth != ClientAuth::Nothing) else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{}: {error}", place(authority)))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match settings.client_auth {
        ClientAuth::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    builder
        .build()
        .map(Some)
        .map_err(|error| format!("{}: {error}", place(authority)))
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| format!("{}: {error}", place(pem)))?;
    if found.is_empty() {
        return Err(format!("{}: no certificate in it", place(pem)));
    }
    Ok(found)
}

fn read(pem: &Pem) -> Result<Vec<u8>, String> {
    match pem {
        Pem::File(path) => fs::read(path).map_err(|error| format!("{}: {error}", path.display())),
        Pem::Inline(text) => Ok(text.clone().into_bytes()),
    }
}

fn place(pem: &Pem) -> String {
    match pem {
        Pem::File(path) => path.display().to_string(),
        Pem::Inline(_) => "tls_server_config".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> TlsSettings {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        TlsSettings {
            certificate: Pem::Inline(certificate.cert.pem()),
            key: Pem::Inline(certificate.signing_key.serialize_pem()),
            client_auth: ClientAuth::Nothing,
            client_ca: None,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
            curves: Vec::new(),
        }
    }

    #[test]
    fn what_go_calls_it_is_known() {
        let mut settings = settings();
        for curve in ["X25519", "CurveP256", "CurveP384", "X25519MLKEM768"] {
            settings.curves.push(curve.to_owned());
        }
        for suite in [
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
            "TLS_AES_128_GCM_SHA256",
        ] {
            settings.cipher_suites.push(suite.to_owned());
        }
        let provider = provider(&settings).unwrap();
        assert_eq!(provider.kx_groups.len(), 4);
        assert_eq!(
            provider
                .cipher_suites
                .iter()
                .filter(|suite| suite.tls13().is_none())
                .count(),
            2
        );
        server_config(&settings).unwrap();
    }

    #[test]
    fn mistakes_name_their_place() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut TlsSettings), expected: &str) {
            let mut settings = settings();
            change(&mut settings);
            let error = server_config(&settings).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        check(
            |settings| settings.curves = vec!["P1".to_owned()],
            "curve_preferences: P1 is not supported",
        );
        check(
            |settings| settings.cipher_suites = vec!["RC4".to_owned()],
            "cipher_suites: RC4 is unknown",
        );
        check(
            |settings| settings.certificate = Pem::File("/none".into()),
            "/none: No such file",
        );
        check(
            |settings| settings.certificate = Pem::Inline(String::new()),
            "tls_server_config: no certificate in it",
        );
        check(
            |settings| settings.key = Pem::Inline("x".to_owned()),
            "tls_server_config: no private key",
        );
        let other = self::settings();
        check(|settings| settings.key = other.key, "tls_server_config: ");
    }
}
