//! Entry points for the fuzz targets (`fuzz/`), which are built with `--cfg fuzzing`: parsers of untrusted input.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue};
use heartbeat_core::{
    badge::{
        Badge,
        picture::{Content, Picture, status_card::StatusCard},
        text::Text,
    },
    editor_key::EditorCredential,
    pairing::PairingCode,
    token::TokenHash,
};
use time::OffsetDateTime;

use crate::{
    api::{devices, pair, wakatime::times::Items},
    badges::{
        self,
        pictures::{Kind, Parameters as PictureParameters},
    },
    http::{auth, client_ip},
};

/// Parses the value of an `Authorization` header.
pub fn authorization(value: &[u8]) {
    let _ = TokenHash::of(auth::credentials(value));
    if let Some(presented) = auth::editor_credentials(value) {
        assert!(!presented.is_empty());
        let _ = EditorCredential::of(&presented);
    }
}

/// Parses what an editor sends.
pub fn editor_body(body: &[u8]) {
    let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for parsed in [Items::parse_list(body), Items::parse_one(body)] {
        let _ = parsed.map(|items| items.any_is_fresh(now));
    }
}

/// Parses the body of `POST /api/devices`.
pub fn device_body(body: &[u8]) {
    if let Ok(device) = devices::parse(body) {
        assert!((1..=100).contains(&device.name.as_str().chars().count()));
    }
}

/// Parses the body of `POST /api/pair`.
pub fn pairing_body(body: &[u8]) {
    if let Ok(Some(code)) = pair::parse(body) {
        let shown = code.to_string();
        assert!(shown.len() == 9 && PairingCode::parse(&shown) == Some(code), "{shown}");
    }
}

/// Parses the query of a badge or a picture, and draws it.
pub fn badge_query(query: &[u8]) {
    let Ok(query) = std::str::from_utf8(query) else { return };
    if let Ok(parameters) = badges::Parameters::parse(query) {
        let label = parameters.label.unwrap_or_default();
        let drawing = Badge { style: parameters.style, ..Badge::total_beats(&label, 1) }.svg();
        assert!(!drawing.contains(char::is_control), "{drawing}");
    }
    if let Ok(PictureParameters { look, label, .. }) = PictureParameters::parse(query, Kind::Card) {
        let card = StatusCard { name: label.as_deref().map(Text::new), ..StatusCard::default() };
        let drawing = Picture { look, content: Content::Card(card) }.svg();
        assert!(!drawing.contains(|c: char| c.is_control() && c != '\n'), "{drawing}");
    }
}

/// Parses the headers in which proxies name IP addresses.
pub fn forwarded(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let peer = client_ip::Peer::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let trusted = ["127.0.0.0/8".parse().expect("a network")];
    for name in ["forwarded", "x-forwarded-for"] {
        let headers = HeaderMap::from_iter([(name.parse().expect("a name"), value.clone())]);
        client_ip::client_ip(peer, &headers, &trusted, &name.parse().expect("a name"));
    }
}
