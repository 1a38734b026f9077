//! `/manage/channels`: where notifications go, and what became of them.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use heartbeat_core::{
    channel::{Audience, CONFIGURED_ID, ChannelState, Failure, OwnedChannel, UNSUBSCRIBED},
    database::delivery_state,
    humanize,
    settings::Timezone,
};
use time::OffsetDateTime;

use super::{
    SignedIn,
    deliveries::{self, DeadNote},
    error, kinds, notice, when,
};
use crate::{
    App,
    app::Now,
    http::{html, live_url::LiveUrl, problem::Problem},
    pages::Frame,
};

pub(super) const PATH: &str = "/manage/channels";

#[derive(Template)]
#[template(path = "manage/channels.html")]
struct Page<'a> {
    frame: Frame<'a>,
    notice: Option<&'static str>,
    rows: Vec<Row>,
    dead_letters: Vec<DeadNote>,
}

/// A channel in the list.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) is_friend: bool,
    /// Class of its state, as the API writes it.
    pub(super) state: &'static str,
    pub(super) sentences: Vec<String>,
    pub(super) dead: i64,
    /// Whether there is somewhere to send a test to: the chat of a Telegram channel may not be known yet.
    is_linked: bool,
    is_healthy: bool,
}

impl Row {
    pub(super) fn new(channel: &OwnedChannel, timezone: &Timezone, now: OffsetDateTime) -> Self {
        let state = channel.state();
        Self {
            id: channel.id,
            name: channel.name.clone(),
            kind: kinds::title(&channel.kind).to_owned(),
            is_friend: channel.audience == Audience::Friend,
            state: state.as_str(),
            sentences: sentences(channel, timezone, now),
            dead: channel.dead,
            is_linked: channel.start_code.is_none(),
            is_healthy: !matches!(state, ChannelState::Disabled | ChannelState::Failing) && channel.dead == 0,
        }
    }

    /// Whether the configuration owns it.
    pub(super) fn is_configured(&self) -> bool {
        self.id == CONFIGURED_ID
    }
}

fn sentences(channel: &OwnedChannel, timezone: &Timezone, now: OffsetDateTime) -> Vec<String> {
    let moment = |at: OffsetDateTime| when::moment(at, now, timezone);
    let mut sentences = vec![match (channel.state(), &channel.disabled, &channel.failing) {
        (ChannelState::Disabled, Some(Failure { at, reason }), _) if reason == UNSUBSCRIBED => {
            format!("Wants no more messages since {}. Nothing is sent.", moment(*at))
        }
        (ChannelState::Disabled, Some(Failure { at, reason }), _) => {
            format!("Refused everything for good {} ({reason}). Nothing is sent any more.", moment(*at))
        }
        (ChannelState::Failing, _, Some(Failure { at, reason })) => {
            format!("The last attempt failed {} ({reason}). It is tried again.", moment(*at))
        }
        (ChannelState::Unlinked, ..) => "Its chat is not known yet: open its link.".to_owned(),
        (ChannelState::Unconfirmed, ..) => {
            "Not confirmed yet: they were asked whether this reaches them.".to_owned()
        }
        _ => "Works, as far as is known.".to_owned(),
    }];
    if let Some(at) = channel.confirmed_at.filter(|_| channel.audience == Audience::Friend) {
        sentences.push(format!("Confirmed {}.", moment(at)));
    }
    sentences.push(match channel.delivered_at {
        Some(at) => format!("Last delivery {}.", moment(at)),
        None => "Nothing was delivered yet.".to_owned(),
    });
    if channel.waiting > 0 {
        let verb = if channel.waiting == 1 { "waits" } else { "wait" };
        sentences.push(format!("{} {verb}.", humanize::count(channel.waiting, "notification")));
    }
    if channel.dead > 0 {
        sentences
            .push(format!("{} given up in the last week.", humanize::count(channel.dead, "notification")));
    }
    sentences
}

/// Returns all channels, those first that need attention.
fn rows(channels: &[OwnedChannel], timezone: &Timezone, now: OffsetDateTime) -> Vec<Row> {
    let mut rows: Vec<_> = channels.iter().map(|channel| Row::new(channel, timezone, now)).collect();
    rows.sort_by_key(|row| row.is_healthy);
    rows
}

pub(super) async fn page(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    show(&app, &live_url, now, query.as_deref()).await.map_err(error::page)
}

async fn show(
    app: &App,
    live_url: &LiveUrl,
    now: OffsetDateTime,
    query: Option<&str>,
) -> Result<Response, Problem> {
    let heartbeat = &app.heartbeat;
    let channels = heartbeat.channels().await?;
    let states = heartbeat.reads().run(delivery_state::channels).await?;
    let letters = heartbeat.reads().run(delivery_state::dead_letters).await?;
    let page = Page {
        frame: Frame::new("", "Channels", String::new(), &app.config, live_url.url()),
        notice: notice::of_query(query),
        rows: rows(&channels, &heartbeat.settings().await?.effective().timezone, now),
        dead_letters: deliveries::dead(&letters, &states),
    };
    Ok(super::response(StatusCode::OK, html::render(&page)?))
}
