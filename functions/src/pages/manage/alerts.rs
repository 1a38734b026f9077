//! `/manage/alerts`: the ladder, and the one that is offered ready-made.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use heartbeat_core::{
    alert::{AlertStatus, Span},
    channel::{Audience, OwnedChannel},
    device::OwnedDevice,
    settings::Timezone,
};
use time::OffsetDateTime;

use super::{
    Form, SignedIn, error,
    ladder::{self, Ladder, World},
    notice, see_other, unknown_form,
};
use crate::{
    App,
    app::Now,
    http::{html, live_url::LiveUrl, number::canonical_number, problem::Problem},
    pages::Frame,
};

pub(super) const PATH: &str = "/manage/alerts";

/// The ladder that is offered: after 24 hours the owner, half an hour before the friends the owner again, and after 48
/// hours the friends.
const OWNER_FIRST: Span = Span::from_seconds(24 * 3_600);
const OWNER_AGAIN: Span = Span::from_seconds(48 * 3_600 - 1_800);
const FRIENDS: Span = Span::from_seconds(48 * 3_600);

/// All that the words about alerts are made of.
pub(super) struct Known {
    pub(super) alerts: Vec<AlertStatus>,
    pub(super) channels: Vec<OwnedChannel>,
    pub(super) devices: Vec<OwnedDevice>,
    pub(super) timezone: Timezone,
}

impl Known {
    pub(super) async fn read(app: &App) -> Result<Self, Problem> {
        let heartbeat = &app.heartbeat;
        Ok(Self {
            alerts: heartbeat.alert_states().await?,
            channels: heartbeat.channels().await?,
            devices: heartbeat.devices().await?,
            timezone: heartbeat.settings().await?.effective().timezone,
        })
    }

    pub(super) fn ladder(&self, now: OffsetDateTime) -> Ladder {
        let Self { alerts, channels, devices, timezone } = self;
        Ladder::new(alerts, World { channels, devices, timezone, now })
    }
}

#[derive(Template)]
#[template(path = "manage/alerts.html")]
struct Page<'a> {
    frame: Frame<'a>,
    notice: Option<&'static str>,
    ladder: Ladder,
    /// Channels that the ready-made ladder can tell.
    of_owner: Vec<&'a OwnedChannel>,
    of_friends: Vec<&'a OwnedChannel>,
}

pub(super) async fn page(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let known = Known::read(&app).await.map_err(error::page)?;
    let page = Page {
        frame: Frame::new("", "Alerts", String::new(), &app.config, live_url.url()),
        notice: notice::of_query(query.as_deref()),
        ladder: known.ladder(now),
        of_owner: ladder::of_audience(&known.channels, Audience::Owner),
        of_friends: ladder::of_audience(&known.channels, Audience::Friend),
    };
    Ok(super::response(StatusCode::OK, html::render(&page).map_err(error::page)?))
}

/// Handles the form of the ready-made ladder.
pub(super) async fn post(_: SignedIn, State(app): State<App>, form: Form) -> Result<Response, Response> {
    match &*form.field("do") {
        "ladder" => make_ladder(&app, &form).await.map_err(error::page),
        _ => Err(error::page(unknown_form())),
    }
}

/// Makes the rungs for which there is a channel.
async fn make_ladder(app: &App, form: &Form) -> Result<Response, Problem> {
    let channels = app.heartbeat.channels().await?;
    let chosen = |audience: Audience| -> Vec<i64> {
        let is_chosen = |id: i64| form.all("channel").any(|text| canonical_number(&text) == Some(id));
        let ids = ladder::of_audience(&channels, audience).into_iter().map(|channel| channel.id);
        ids.filter(|id| is_chosen(*id)).collect()
    };
    let (owner, friends) = (chosen(Audience::Owner), chosen(Audience::Friend));
    let rungs = [
        (OWNER_FIRST, &owner, !owner.is_empty()),
        (OWNER_AGAIN, &owner, !owner.is_empty() && !friends.is_empty()),
        (FRIENDS, &friends, !friends.is_empty()),
    ];
    if rungs.iter().all(|(.., is_wanted)| !is_wanted) {
        return Err(Problem::BadRequest("No channel is chosen: nobody would be told.".to_owned()));
    }
    for (after, channels, _) in rungs.into_iter().filter(|(.., is_wanted)| *is_wanted) {
        let form = super::alert_form::AlertForm {
            after: after.to_string(),
            channels: channels.iter().copied().collect(),
            ..super::alert_form::AlertForm::empty()
        };
        app.heartbeat.add_alert(form.rule().map_err(Problem::BadRequest)?).await?;
    }
    Ok(see_other(&format!("{PATH}?done=ladder")))
}
