//! Verifies the signatures of requests to AWS, as AWS does.
//!
//! Source: "Create a signed AWS API request" (Signature Version 4) in the user guide of AWS Identity and Access Management.

use std::fmt::Write;

use axum::http::{HeaderMap, header::AUTHORIZATION};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Algorithm, as the header names it.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What the signature of a request must hold.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) key_id: &'static str,
    pub(crate) secret_key: &'static str,
    /// Region, service and the end of the scope.
    pub(crate) scope: &'static str,
    /// Headers that the signature covers, in their order.
    pub(crate) signed: &'static [&'static str],
}

/// Verifies a `POST` of `body` to `/`. The error says what is wrong.
pub(crate) fn verify(expected: &Expected, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let time = header("x-amz-date");
    let date = time.get(..8).ok_or("x-amz-date")?;
    let signed = expected.signed.join(";");

    let canonical_headers = expected
        .signed
        .iter()
        .fold(String::new(), |text, name| text + name + ":" + header(name).trim() + "\n");
    let canonical = format!("POST\n/\n\n{canonical_headers}\n{signed}\n{}", hex(Sha256::digest(body)));
    let to_sign =
        format!("{ALGORITHM}\n{time}\n{date}/{}\n{}", expected.scope, hex(Sha256::digest(canonical)));
    let first_key = format!("AWS4{}", expected.secret_key).into_bytes();
    let parts = [date].into_iter().chain(expected.scope.split('/')).chain([&*to_sign]);
    let signature = hex(parts.fold(first_key, |key, part| hmac(&key, part.as_bytes())));

    let authorization = format!(
        "{ALGORITHM} Credential={}/{date}/{}, SignedHeaders={signed}, Signature={signature}",
        expected.key_id, expected.scope
    );
    let presented = header(AUTHORIZATION.as_str());
    if presented == authorization {
        Ok(())
    } else {
        Err(format!("expected {authorization}, found {presented}"))
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys of any length");
    mac.update(text);
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
    use axum::http::HeaderValue;

    use super::*;

    /// The request `post-vanilla` of AWS's Signature Version 4 test suite.
    fn post_vanilla(signature: &str) -> HeaderMap {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", &authorization),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value")))
        .collect()
    }

    #[test]
    fn a_request_of_the_test_suite_of_aws_is_verified() {
        let expected = Expected {
            key_id: "AKIDEXAMPLE",
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            scope: "us-east-1/service/aws4_request",
            signed: &["host", "x-amz-date"],
        };
        let headers = post_vanilla("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        assert_eq!(verify(&expected, &headers, b""), Ok(()));
        verify(&expected, &headers, b"another body").expect_err("another signature");
        let headers = post_vanilla("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6c");
        verify(&expected, &headers, b"").expect_err("a wrong signature");
    }
}
