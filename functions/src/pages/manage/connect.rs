//! `GET /manage/devices/{id}`: connecting a device, with the token and the code that were just made for it.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use heartbeat_core::{Error, device::OwnedDevice, humanize, pairing::PairingState};
use serde::Serialize;
use time::OffsetDateTime;
use url::Url;

use super::{
    SignedIn, devices, error,
    handover::{HandedToken, Handover},
    sign_in::SignIn,
};
use crate::{
    App,
    api::devices::DeviceId,
    app::Now,
    http::{auth::Owner, html, json::JsonLine, live_url::LiveUrl, problem::Problem},
    pages::{Frame, qr},
};

#[derive(Template)]
#[template(path = "manage/connect.html")]
struct Page<'a> {
    frame: Frame<'a>,
    id: i64,
    name: &'a str,
    has_namesake: bool,
    is_archived: bool,
    progress: Progress,
    /// The token, this once.
    token: Option<&'a str>,
    token_was_shown: bool,
    code: Option<Code<'a>>,
    /// URL of the server, without a slash at its end.
    server: String,
}

/// A pairing code, while it holds.
struct Code<'a> {
    text: &'a str,
    /// Its picture, as SVG.
    picture: String,
}

/// How far a device is on its way to the first beat with what was made for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Progress {
    state: &'static str,
    /// The state in words.
    text: String,
    /// How long it lasts, which changes from minute to minute.
    left: String,
    /// Whether it is still to change.
    is_waiting: bool,
}

impl Progress {
    /// Takes the last pairing code, the device, and what was made for it.
    fn new(
        pairing: Option<PairingState>,
        device: &OwnedDevice,
        handover: Option<&Handover>,
        now: OffsetDateTime,
    ) -> Self {
        if device.archived_at.is_some() {
            return Self::done("archived", "Archived: bring it back first.");
        }
        // Of a device with a new token, any beat is one with that, or with one that the code gave.
        let has_new_token = handover.is_some_and(|it| it.token != HandedToken::None);
        let beat_since = handover.is_some_and(|handover| device.num_beats > handover.num_beats);
        if has_new_token && beat_since {
            return Self::done("arrived", "First beat arrived.");
        }
        match pairing {
            Some(PairingState::Waiting { expires_at }) => {
                let minutes = (expires_at - now).whole_minutes() + 1;
                let left = format!("{} left", humanize::count(minutes.max(1), "minute"));
                Self::waiting("waiting", "Waiting for the device.", left)
            }
            Some(PairingState::Redeemed) => Self::waiting(
                "redeemed",
                "Paired, waiting for its first beat. If that was not you, make a new code.",
                String::new(),
            ),
            Some(PairingState::Used) => Self::done("arrived", "First beat arrived."),
            Some(PairingState::Expired) if has_new_token => Self::waiting(
                "token",
                "The code has expired, the token holds: waiting for its first beat.",
                String::new(),
            ),
            Some(PairingState::Expired) => Self::done("expired", "The code has expired. Make another."),
            None if has_new_token => {
                Self::waiting("token", "Waiting for a beat with the new token.", String::new())
            }
            None => Self::done("none", &last_beat(device, now)),
        }
    }

    fn waiting(state: &'static str, text: &str, left: String) -> Self {
        Self { state, text: text.to_owned(), left, is_waiting: true }
    }

    fn done(state: &'static str, text: &str) -> Self {
        Self { state, text: text.to_owned(), left: String::new(), is_waiting: false }
    }
}

fn last_beat(device: &OwnedDevice, now: OffsetDateTime) -> String {
    match devices::age(device, now) {
        Some(age) => format!("Last beat {}.", humanize::ago(age)),
        None => "It has not beaten yet.".to_owned(),
    }
}

pub(super) async fn page(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    sign_in: SignIn,
    headers: HeaderMap,
    id: Result<DeviceId, Problem>,
) -> Result<Response, Response> {
    let DeviceId(id) = id.map_err(error::page)?;
    let all = app.heartbeat.devices().await.map_err(error::page)?;
    let is_asked_for = |device: &&OwnedDevice| device.id == id || device.former_id == Some(id);
    let device = all.iter().find(is_asked_for).ok_or_else(|| error::page(Error::UnknownDevice))?;
    let pairing = app.heartbeat.pairing_state(device.id).await.map_err(error::page)?;
    let handover = sign_in.transport().and_then(|it| Handover::read(it, &headers, device.id));
    let progress = Progress::new(pairing, device, handover.as_ref(), now);
    let holds = matches!(pairing, Some(PairingState::Waiting { .. } | PairingState::Redeemed));
    let code = handover.as_ref().and_then(|it| it.code.as_deref()).filter(|_| holds);
    let token = handover.as_ref().map(|it| &it.token);
    let page = Page {
        id: device.id,
        name: devices::name(device),
        has_namesake: devices::has_namesake(device, &all),
        is_archived: device.archived_at.is_some(),
        progress,
        token: token
            .and_then(|token| if let HandedToken::New(token) = token { Some(token.as_str()) } else { None }),
        token_was_shown: token == Some(&HandedToken::Shown),
        code: code.map(|text| Code { text, picture: qr::svg(&pair_url(live_url.url(), text)) }),
        server: live_url.url().as_str().trim_end_matches('/').to_owned(),
        frame: Frame::new("", "Connect a device", String::new(), &app.config, live_url.url()),
    };
    let mut response = super::response(StatusCode::OK, html::render(&page).map_err(error::page)?);
    if let Some((handover, transport)) = handover.as_ref().zip(sign_in.transport()) {
        handover.without_token().set(transport, response.headers_mut());
    }
    Ok(response)
}

/// Returns the URL of the page that redeems a code. The code stands in the fragment, which browsers send to no server.
fn pair_url(live_url: &Url, code: &str) -> String {
    format!("{}/pair#{code}", live_url.as_str().trim_end_matches('/'))
}

/// `GET /manage/devices/{id}/pairing`: how far it is, for the script of the page.
pub(super) async fn progress(
    _: Owner,
    State(app): State<App>,
    Now(now): Now,
    sign_in: SignIn,
    headers: HeaderMap,
    DeviceId(id): DeviceId,
) -> Result<Response, Problem> {
    let device = app.heartbeat.device(id).await?;
    let pairing = app.heartbeat.pairing_state(device.id).await?;
    let handover = sign_in.transport().and_then(|it| Handover::read(it, &headers, device.id));
    Ok(JsonLine(Progress::new(pairing, &device, handover.as_ref(), now)).into_response())
}
