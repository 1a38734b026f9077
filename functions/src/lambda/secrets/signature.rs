//! Signatures of requests to AWS. AWS's own crate for them would make the smallest functions larger by a tenth.
//!
//! Source: "Create a signed AWS API request" (Signature Version 4) in the user guide of AWS Identity and Access Management.

use std::fmt::Write;

use heartbeat_core::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, macros::format_description};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Credentials, and what they are used for.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) key_id: String,
    pub(super) secret_key: Secret<String>,
    pub(super) region: String,
    /// Service, as AWS abbreviates it.
    pub(super) service: &'static str,
}

impl Signer {
    /// Returns the value of `Authorization` for a `POST` of `body` to `/`, without a query. All `headers` are signed;
    /// their names are in lower case and sorted, and one of them is `x-amz-date`, the [`timestamp`] of `now`.
    pub(super) fn authorization(
        &self,
        headers: &[(&'static str, String)],
        body: &str,
        now: OffsetDateTime,
    ) -> String {
        let time = timestamp(now);
        let date = &time[..8];
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let lines =
            headers.iter().fold(String::new(), |lines, (name, value)| lines + name + ":" + value + "\n");
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", hex(Sha256::digest(body)));
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(Sha256::digest(canonical)));
        let first_key = format!("AWS4{}", self.secret_key.expose()).into_bytes();
        let parts = [date, &self.region, self.service, "aws4_request", &text];
        let signature = hex(parts.into_iter().fold(first_key, |key, part| hmac(&key, part)));
        let credential = format!("{}/{scope}", self.key_id);
        format!("{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}")
    }
}

/// Returns the value of `x-amz-date` at the time `now`.
pub(super) fn timestamp(now: OffsetDateTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    now.format(format).expect("a time of this millennium")
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory");
        text
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    /// Requests of AWS's Signature Version 4 test suite: `post-vanilla`, `post-sts-header-before` and
    /// `post-x-www-form-urlencoded`.
    #[test]
    fn signatures_are_those_of_the_test_suite_of_aws() {
        const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        let signer = Signer {
            key_id: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            region: "us-east-1".to_owned(),
            service: "service",
        };
        let now = datetime!(2015-08-30 12:36 UTC);
        let host = ("host", "example.amazonaws.com".to_owned());
        let date = ("x-amz-date", timestamp(now));
        let token = ("x-amz-security-token", TOKEN.to_owned());
        let form = ("content-type", "application/x-www-form-urlencoded".to_owned());
        let length = ("content-length", "13".to_owned());
        let hash = ("x-amz-content-sha256", hex(Sha256::digest("Param1=value1")));
        for (headers, body, signature) in [
            (
                vec![host.clone(), date.clone()],
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                vec![host.clone(), date.clone(), token],
                "",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
            (
                vec![length, form, host, hash, date],
                "Param1=value1",
                "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
            ),
        ] {
            let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
            assert_eq!(
                signer.authorization(&headers, body, now),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders={names}, Signature={signature}"
                )
            );
        }
    }
}
