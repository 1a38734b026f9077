//! Content negotiation of encodings: `Accept-Encoding` (RFC 9110, section 12.5.3).

use axum::http::{HeaderMap, header::ACCEPT_ENCODING};

/// Weight of the plain form where the client names none: acceptable, and worse than any encoding that it names.
const UNNAMED_IDENTITY_WEIGHT: f32 = f32::MIN_POSITIVE;

/// Returns the encoding that a client prefers of those `available`, which stand in our own order of preference. `None`: the
/// plain form.
pub(crate) fn negotiate(headers: &HeaderMap, available: &[&'static str]) -> Option<&'static str> {
    let mut best = (weight(headers, "identity").unwrap_or(UNNAMED_IDENTITY_WEIGHT), None);
    // In reverse, so that the first of equals wins.
    for encoding in available.iter().rev() {
        let weight = weight(headers, encoding).unwrap_or(0.0);
        if weight > 0.0 && weight >= best.0 {
            best = (weight, Some(*encoding));
        }
    }
    best.1
}

/// Weight that a client gives to an encoding, by its name or by `*`. `None` if it says nothing about it.
fn weight(headers: &HeaderMap, encoding: &str) -> Option<f32> {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = None;
    for item in lists.flat_map(|list| list.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // A weight that is no number is ignored.
        let weight = weight.and_then(|weight| weight.trim().parse().ok()).unwrap_or(1.0);
        if name.eq_ignore_ascii_case(encoding) {
            return Some(weight);
        }
        if name == "*" {
            any = Some(weight);
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn clients_get_the_encoding_that_they_prefer() {
        for (accepted, encoding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP;Q=0.1", Some("gzip")),
            ("gzip;q=1.0, br;q=0.5", Some("gzip")),
            ("gzip;q=1.0, br;q=0", Some("gzip")),
            ("br;q=0, *", Some("gzip")),
            ("*", Some("br")),
            ("*;q=0", None),
            ("gzip;q=0.5, identity", None),
            ("gzip, identity;q=0.5", Some("gzip")),
            ("gzip;q=0", None),
            ("gzip;q=0.001", Some("gzip")),
            ("deflate, zstd", None),
            // There is no form that this client would take, and the plain one is the best guess.
            ("identity;q=0", None),
            ("identity", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assert_eq!(negotiate(&headers, &["br", "gzip"]), encoding, "{accepted}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &["br", "gzip"]), None);
    }

    #[test]
    fn a_list_may_be_spread_over_several_headers() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("deflate"));
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(negotiate(&headers, &["br", "gzip"]), Some("gzip"));
    }
}
