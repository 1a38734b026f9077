//! `/manage`: the owner's pages, in a browser that signed in with the secret key.
//!
//! - [`sign_in`]: the form for the key, and what it leads to.
//! - [`overview`]: `GET /manage`
//! - [`connect`]: `GET /manage/devices/{id}`
//! - [`actions`]: what the other forms do.
//! - [`devices`], [`visibility`], [`snooze`], [`deliveries`]: the parts of the overview.
//! - [`handover`], `webhook_secret`: what a form made and the next page shows.
//! - [`alerts`]: `/manage/alerts`, [`alert`]: `/manage/alerts/{id}`
//! - [`ladder`], [`alert_form`], [`preview`], [`past_firings`]: alerts in words, as typed, as they would have fired, and as they did.
//! - `channels`: `/manage/channels`, `channel`: `/manage/channels/{id}` (feature `webhook`)
//! - `kinds`, `events`: the fields of each kind of channel, and the events that it can want (feature `webhook`).
//! - [`notice`], [`when`]: what forms did, and times, in words.
//!
//! Each form is posted to the page that it stands on, and answered with a redirect to a page, so that reloading that does
//! nothing twice. All of it works without a script. Views are not counted as visits.

mod actions;
mod alert;
mod alert_form;
mod alerts;
#[cfg(feature = "webhook")]
mod channel;
#[cfg(feature = "webhook")]
mod channels;
mod connect;
mod deliveries;
mod devices;
#[cfg(feature = "webhook")]
mod events;
mod handover;
#[cfg(feature = "webhook")]
mod kinds;
mod ladder;
mod notice;
mod overview;
mod past_firings;
mod preview;
mod sign_in;
mod snooze;
mod visibility;
#[cfg(feature = "webhook")]
mod webhook_secret;
mod when;

use std::borrow::Cow;

use axum::{
    Router,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{LOCATION, REFERRER_POLICY},
        request::Parts,
    },
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use url::form_urlencoded;

use super::error;
use crate::{
    App,
    app::Now,
    http::{
        auth::Owner,
        body::Body,
        html::{self, owner_policy},
        problem::Problem,
        route::{Audience, Route},
    },
};
use sign_in::SignIn;

const PATH: &str = "/manage";

const DEVICE_PATH: &str = "/manage/devices/{id}";

const PAIRING_PATH: &str = "/manage/devices/{id}/pairing";

const ALERT_PATH: &str = "/manage/alerts/{id}";

const PREVIEW_PATH: &str = "/manage/alerts/preview";

#[cfg(feature = "webhook")]
const CHANNEL_PATH: &str = "/manage/channels/{id}";

/// What stands in place of an id where something is to be made.
const NEW: &str = "new";

/// `/manage` and what is below it.
pub const ROUTE: Route = Route {
    name: "manage",
    paths: &[
        PATH,
        DEVICE_PATH,
        PAIRING_PATH,
        alerts::PATH,
        ALERT_PATH,
        PREVIEW_PATH,
        #[cfg(feature = "webhook")]
        channels::PATH,
        #[cfg(feature = "webhook")]
        CHANNEL_PATH,
    ],
    methods: &[Method::GET, Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    let router = Router::new()
        .route(PATH, get(overview::overview).post(post))
        .route(DEVICE_PATH, get(connect::page).post(actions::of_device))
        .route(PAIRING_PATH, get(connect::progress))
        .route(alerts::PATH, get(alerts::page).post(alerts::post))
        .route(ALERT_PATH, get(alert::page).post(alert::post))
        .route(PREVIEW_PATH, get(alert::preview));
    #[cfg(feature = "webhook")]
    let router = router
        .route(channels::PATH, get(channels::page))
        .route(CHANNEL_PATH, get(channel::page).post(channel::post));
    router
}

/// Proof that the owner is signed in. Others get the form to sign in in place of the page.
struct SignedIn;

impl FromRequestParts<App> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Owner::from_request_parts(parts, app).await {
            Ok(Owner) => Ok(Self),
            Err(Problem::Unauthorized) => Err(SignIn::of(parts, app).instead_of_a_page()),
            Err(problem) => Err(error::page(problem)),
        }
    }
}

/// Handles a form of `/manage`, which says in the field `do` what it is for.
async fn post(
    State(app): State<App>,
    Now(now): Now,
    sign_in: SignIn,
    signed_in: Result<SignedIn, Response>,
    form: Form,
) -> Result<Response, Response> {
    let action = form.field("do");
    if action == "sign-in" {
        return sign_in.with_key(&form.field("key")).await;
    }
    let SignedIn = signed_in?;
    match &*action {
        "sign-out" => Ok(sign_in.sign_out()),
        "add" => actions::add(&app, now, &sign_in, &form).await.map_err(error::page),
        "snooze" => actions::snooze(&app, now, &form).await.map_err(error::page),
        "end-snooze" => actions::end_snooze(&app).await.map_err(error::page),
        "ok" => actions::record_ok(&app).await.map_err(error::page),
        "settings" => actions::choose(&app, &form).await.map_err(error::page),
        _ => Err(error::page(unknown_form())),
    }
}

/// What a form sent.
struct Form(Bytes);

impl FromRequest<App> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let body = Body::from_request(request, app).await;
        body.map(|Body(body)| Self(body)).map_err(error::page)
    }
}

impl Form {
    /// Returns the value of a field, empty if the form does not have it.
    fn field(&self, name: &str) -> Cow<'_, str> {
        let mut fields = form_urlencoded::parse(&self.0);
        fields.find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
    }

    /// Returns all values of a field, such as those of checkboxes.
    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        form_urlencoded::parse(&self.0).filter(move |(found, _)| found == name).map(|(_, value)| value)
    }
}

/// The problem of a form that is none of ours.
fn unknown_form() -> Problem {
    Problem::BadRequest("The form does not say what to do. Open the page again and repeat it.".to_owned())
}

/// Returns a page for the owner, which no other site may frame, embed or open a window on.
fn response(status: StatusCode, html: Bytes) -> Response {
    let mut response = html::response(html, owner_policy());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // With `no-referrer`, browsers would not say from which page a form comes.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    for name in ["cross-origin-resource-policy", "cross-origin-opener-policy"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("same-origin"));
    }
    response
}

/// Returns the response after a form: the browser goes to one of our pages.
fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).expect("one of our paths");
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, location);
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Returns the response after a form that changed something: the overview says what, at the device if there is one.
fn see_other_done(action: &str, device: Option<i64>) -> Response {
    let fragment = device.map(|id| format!("#device-{id}")).unwrap_or_default();
    see_other(&format!("{PATH}?done={action}{fragment}"))
}
