//! The server that takes mail: SMTP over TLS, and what its answers mean.
//!
//! Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 4954 (authentication), RFC 3463 (enhanced
//! status codes).

use std::{
    error::{self, Error as _},
    io,
    time::Duration,
};

use lettre::{
    Address, Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::super::channel::Outcome;
use crate::{secret::Secret, tls};

/// Timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay after an answer that names a quota, or a mailbox that is full.
const QUOTA_DELAY: Duration = Duration::from_hours(1);

/// A server, and how to be let in.
#[derive(Debug)]
pub(super) struct MailServer {
    host: String,
    port: u16,
    /// Whether TLS comes first (`smtps`), or is asked for (`smtp`). Without it nothing is sent.
    is_implicit: bool,
    credentials: Option<Secret<(String, String)>>,
    /// The name by which we introduce ourselves.
    hello: ClientId,
}

/// Where a delivery failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Authenticate,
    Sender,
    Recipient,
    Message,
}

impl MailServer {
    /// Reads `mail.url`. `from` is the sender of all mail.
    pub(super) fn new(url: &Secret<Url>, from: &Address) -> Result<Self, &'static str> {
        let url = url.expose();
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err("mail.url: expected a host"),
        };
        let is_implicit = url.scheme() == "smtps";
        let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = decode(url.username());
        let credentials =
            (!user.is_empty()).then(|| Secret::new((user, decode(url.password().unwrap_or_default()))));
        Ok(Self {
            port: url.port().unwrap_or(if is_implicit { 465 } else { 587 }),
            is_implicit,
            host,
            credentials,
            hello: ClientId::Domain(from.domain().to_owned()),
        })
    }

    /// Makes one attempt to send a message.
    pub(super) async fn send(&self, message: &Message) -> Outcome {
        match self.attempt(message).await {
            Ok(()) => Outcome::Delivered(Duration::ZERO),
            Err((step, error)) => classify(step, &error),
        }
    }

    async fn attempt(&self, message: &Message) -> Result<(), (Step, Error)> {
        let at = |step| move |error| (step, error);
        let mut connection = self.connect().await.map_err(at(Step::Connect))?;
        if let Some(credentials) = &self.credentials {
            let (user, password) = credentials.expose().clone();
            let credentials = Credentials::new(user, password);
            connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(at(Step::Authenticate))?;
        }
        let envelope = message.envelope();
        let sender = Mail::new(envelope.from().cloned(), Vec::new());
        connection.command(sender).await.map_err(at(Step::Sender))?;
        for to in envelope.to() {
            connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(at(Step::Recipient))?;
        }
        connection.command(Data).await.map_err(at(Step::Message))?;
        connection.message(&message.formatted()).await.map_err(at(Step::Message))?;
        // It was taken: what becomes of the connection does not matter.
        connection.abort().await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let server = (self.host.as_str(), self.port);
        let tls = tls_parameters(&self.host)?;
        let implicit = self.is_implicit.then(|| tls.clone());
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &self.hello, implicit, None)
                .await?;
        if !self.is_implicit {
            connection.starttls(tls, &self.hello).await?;
        }
        Ok(connection)
    }
}

/// TLS with the roots of all other connections.
fn tls_parameters(host: &str) -> Result<TlsParameters, Error> {
    let builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    let further = tls::further_roots().into_iter().map(|root| Certificate::from_der(root.to_vec()));
    further.flatten().fold(builder, TlsParametersBuilder::add_root_certificate).build()
}

/// Classifies a failure. Reasons are in our words: those of servers hold addresses.
fn classify(step: Step, error: &Error) -> Outcome {
    let later = |reason: &str, retry_after| Outcome::RetryLater { reason: reason.to_owned(), retry_after };
    let Some(code) = error.status() else {
        return later(without_answer(step, error), None);
    };
    let what = match step {
        Step::Connect => "the server refuses us",
        Step::Authenticate => "user or password refused",
        Step::Sender => "sender refused",
        Step::Recipient => "recipient refused",
        Step::Message => "message refused",
    };
    let reason = format!("status {code}: {what}");
    // What the server says, which begins with an enhanced status code if it has any.
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let is = |codes: &[&str]| codes.iter().any(|code| said.starts_with(code));
    if is(&["4.2.2", "5.2.2", "4.5.3", "5.4.5", "4.7.28"]) {
        return Outcome::OutOfQuota {
            reason: format!("status {code}: quota reached"),
            retry_after: QUOTA_DELAY,
        };
    }
    if error.is_transient() {
        return later(&reason, None);
    }
    match step {
        Step::Connect => later(&reason, None),
        Step::Authenticate | Step::Sender => Outcome::Denied(reason),
        // Policy, which may be about us.
        Step::Recipient if is(&["5.7."]) => Outcome::Denied(reason),
        Step::Recipient => Outcome::Gone(reason),
        Step::Message => Outcome::Refused(reason),
    }
}

fn without_answer(step: Step, error: &Error) -> &'static str {
    if is_tls(error) {
        "no TLS, or a certificate that is not trusted"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        match step {
            Step::Connect if error.is_client() => "the server offers no TLS",
            Step::Authenticate if error.is_client() => "the server knows no way to authenticate that we know",
            Step::Connect => "cannot connect",
            _ => "the connection broke",
        }
    }
}

/// Whether TLS is among the causes of an error.
fn is_tls(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(<dyn error::Error + Send + Sync>::is::<rustls::Error>) {
            return true;
        }
        cause = error.source();
    }
    error.is_tls()
}
