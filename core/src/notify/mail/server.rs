//! The server that takes mail: SMTP over TLS, and what its answers mean.
//!
//! Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 4954 (authentication), RFC 3463 (enhanced
//! status codes).

use std::{
    error::{self, Error as _},
    io,
    time::Duration,
};

use futures_util::FutureExt;
use lettre::{
    Address, Message,
    transport::smtp::{
        self,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use tokio::time::timeout;
use url::{Host, Url};

use super::{
    super::{http::NO_ANSWER, outcome::Outcome},
    connection,
};
use crate::{secret::Secret, tls};

/// Timeout of all that comes before the message. What is late then has certainly not been sent: the timeout of the whole
/// attempt comes later.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(7);

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

/// Enhanced status codes by which a recipient, or the server, takes no more for now (RFC 3463; 4.7.28 is Gmail's).
const QUOTA_REACHED: [&str; 5] = ["4.2.2", "5.2.2", "4.5.3", "5.4.5", "4.7.28"];

/// Enhanced status codes that say that an address does not exist: of the mailbox, of its domain, its form, one that has moved,
/// and a domain without mail (RFC 3463 section 3.2, RFC 7505).
const NO_SUCH_ADDRESS: [&str; 5] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"];

const NO_TLS: &str = "no TLS, or a certificate that is not trusted";

/// Where a delivery failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Authenticate,
    Sender,
    Recipient,
    Message,
    /// From here on, the server may have taken it.
    Content,
}

/// Why it failed.
#[derive(Debug)]
enum Failure {
    Connection(io::Error),
    Smtp(smtp::Error),
}

impl From<smtp::Error> for Failure {
    fn from(error: smtp::Error) -> Self {
        Self::Smtp(error)
    }
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
        let prepared = timeout(PREPARE_TIMEOUT, self.prepare(message)).await;
        let late = || Outcome::RetryLater { reason: NO_ANSWER.to_owned(), retry_after: None };
        let Ok(prepared) = prepared else { return late() };
        let mut connection = match prepared {
            Ok(connection) => connection,
            Err((step, failure)) => return classify(step, &failure),
        };
        let outcome = match connection.message(&message.formatted()).await {
            Ok(_) => Outcome::Delivered(Duration::ZERO),
            Err(error) => classify(Step::Content, &Failure::Smtp(error)),
        };
        // Says goodbye, and does not wait for an answer: what becomes of the connection does not matter.
        let _ = connection.abort().now_or_never();
        outcome
    }

    /// Does all that comes before the message itself.
    async fn prepare(&self, message: &Message) -> Result<AsyncSmtpConnection, (Step, Failure)> {
        let at = |step| move |error| (step, Failure::Smtp(error));
        let mut connection = self.connect().await.map_err(|failure| (Step::Connect, failure))?;
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
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let (host, port) = (self.host.as_str(), self.port);
        let stream = if self.is_implicit {
            connection::tls(host, port).await
        } else {
            connection::plain(host, port).await
        };
        let stream = stream.map_err(Failure::Connection)?;
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await?;
        if !self.is_implicit {
            connection.starttls(tls_parameters(host)?, &self.hello).await?;
        }
        Ok(connection)
    }
}

/// TLS with the roots of all other connections.
fn tls_parameters(host: &str) -> Result<TlsParameters, smtp::Error> {
    let builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    let further = tls::further_roots().into_iter().map(|root| Certificate::from_der(root.to_vec()));
    further.flatten().fold(builder, TlsParametersBuilder::add_root_certificate).build()
}

/// Classifies a failure. Reasons are in our words: those of servers hold addresses.
fn classify(step: Step, failure: &Failure) -> Outcome {
    match failure {
        Failure::Smtp(error) => match error.status() {
            Some(code) => {
                // What the server says, which begins with an enhanced status code if it has any.
                let said = error.source().map(ToString::to_string).unwrap_or_default();
                refusal(step, code.into(), error.is_transient(), &said)
            }
            None if step == Step::Content => Outcome::Unknown(without_answer(step, error).to_owned()),
            None => later(without_answer(step, error)),
        },
        Failure::Connection(error) if is_tls(error) => later(NO_TLS),
        Failure::Connection(error) if error.kind() == io::ErrorKind::TimedOut => later(NO_ANSWER),
        Failure::Connection(_) => later("cannot connect"),
    }
}

/// Classifies an answer that is a refusal. `said` is what the server wrote behind the status `code`.
fn refusal(step: Step, code: u16, is_transient: bool, said: &str) -> Outcome {
    let what = match step {
        Step::Connect => "the server refuses us",
        Step::Authenticate => "user or password refused",
        Step::Sender => "sender refused",
        Step::Recipient => "recipient refused",
        Step::Message | Step::Content => "message refused",
    };
    let reason = format!("status {code}: {what}");
    let is = |codes: &[&str]| codes.iter().any(|code| said.starts_with(code));
    if is(&QUOTA_REACHED) {
        let reason = format!("status {code}: quota reached");
        return Outcome::OutOfQuota { reason, retry_after: QUOTA_DELAY };
    }
    match step {
        _ if is_transient => later(&reason),
        Step::Connect => later(&reason),
        Step::Recipient if is(&NO_SUCH_ADDRESS) => Outcome::Gone(reason),
        // Other refusals of a recipient are policy, and may be about us.
        Step::Authenticate | Step::Sender | Step::Recipient => Outcome::Denied(reason),
        Step::Message | Step::Content => Outcome::Refused(reason),
    }
}

fn later(reason: &str) -> Outcome {
    Outcome::RetryLater { reason: reason.to_owned(), retry_after: None }
}

fn without_answer(step: Step, error: &smtp::Error) -> &'static str {
    if is_tls(error) || error.is_tls() {
        NO_TLS
    } else if error.is_timeout() {
        NO_ANSWER
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
fn is_tls(error: &(dyn error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(<dyn error::Error + Send + Sync>::is::<rustls::Error>) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_gone_only_if_the_server_says_that_there_is_no_such_address() {
        let refused = |code, said: &str| refusal(Step::Recipient, code, code < 500, said);
        for said in ["5.1.1 <x@example.org>: no such user", "5.1.2 bad domain", "5.1.10 null MX"] {
            assert_eq!(
                refused(550, said),
                Outcome::Gone("status 550: recipient refused".to_owned()),
                "{said}"
            );
        }
        for (code, said) in [
            (550, ""),
            (550, "no such user"),
            (550, "5.7.1 rejected by policy"),
            (550, "5.1.8 bad sender address"),
            (503, "5.5.1 bad sequence of commands"),
            (554, "relay access denied"),
        ] {
            let denied = Outcome::Denied(format!("status {code}: recipient refused"));
            assert_eq!(refused(code, said), denied, "{said}");
        }
        assert_eq!(refused(450, "4.1.1 try again"), later("status 450: recipient refused"));
    }
}
