//! TLS in front of a server, as a proxy on a home network has it: with a certificate of its own that no system trusts.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::Server;

/// A TLS server that passes on what it hears.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    folder: TempDir,
}

impl TlsFront {
    /// Starts one in front of `server`, for `localhost`.
    pub async fn before(server: &Server) -> Self {
        Self::before_port(server.port()).await
    }

    /// Starts one in front of the server on a port of this machine.
    pub async fn before_port(server_port: u16) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a configuration");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its port").port();
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), server_port));
        Self { port, folder }
    }

    /// URL of the server behind it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// PEM file with the certificate.
    pub fn ca_file(&self) -> PathBuf {
        Path::join(self.folder.path(), "ca.pem")
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, port: u16) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that does not trust the certificate goes away.
            let Ok(mut client) = acceptor.accept(stream).await else { return };
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
            // Clients need not say that they close.
            let _ = copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
