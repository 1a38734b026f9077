//! TLS as a client, on ring as for the database, with the roots that Mozilla trusts: an empty container, and Lambda's,
//! need none of their own.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Returns the configuration of connections to any server on the internet.
///
/// # Panics
///
/// Never: what could fail is fixed when the program is built.
#[must_use]
pub fn client_config() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for all versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
