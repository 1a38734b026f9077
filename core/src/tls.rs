//! TLS as a client, on ring as for the database, with the roots that Mozilla trusts: an empty container, and Lambda's,
//! need none of their own. `SSL_CERT_FILE`, a file of certificates in PEM, adds roots to these, such as that of a home
//! network.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Environment variable with the path of a file of further roots, as OpenSSL and most other programs know it.
const ROOTS_FILE: &str = "SSL_CERT_FILE";

/// Returns the configuration of connections to any server on the internet.
///
/// # Panics
///
/// Never: what could fail is fixed when the program is built.
#[must_use]
pub fn client_config() -> ClientConfig {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(further_roots());
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for all versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Returns the roots that `SSL_CERT_FILE` adds. A file that cannot be read adds none, which is logged.
#[must_use]
pub fn further_roots() -> Vec<CertificateDer<'static>> {
    let Some(path) = std::env::var_os(ROOTS_FILE).filter(|path| !path.is_empty()) else { return Vec::new() };
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    certificates.unwrap_or_else(|_| {
        tracing::error!("{ROOTS_FILE}: expected a file of certificates in PEM that can be read");
        Vec::new()
    })
}
