//! `/manage/channels/{id}`: one channel, or, in place of an id, `new`.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use heartbeat_core::{
    channel::{Audience, CONFIGURED_ID, ChannelUpdate, NewChannel, OwnedChannel},
    device::{DeviceName, NAME_MAX_CHARS},
    notify::{settings, site::Site},
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use serde_json::Map;
use time::OffsetDateTime;

use super::{
    Form, NEW, SignedIn,
    channels::{self, Row},
    error,
    events::{self, EventChoice},
    kinds::{self, Filled, Kind},
    notice, see_other,
    sign_in::SignIn,
    unknown_form,
    webhook_secret::WebhookSecret,
};
use crate::{
    App,
    app::Now,
    http::{html, live_url::LiveUrl, number::canonical_number, problem::Problem},
    pages::Frame,
};

#[derive(Template)]
#[template(path = "manage/channel.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// `None` for one that is to be made.
    row: Option<Row>,
    kind: &'static Kind,
    name: String,
    is_friend: bool,
    fields: Vec<Filled>,
    events: Vec<EventChoice>,
    problem: Option<String>,
    notice: Option<&'static str>,
    /// Telegram: the link that finds the chat, or the code that does.
    start_link: Option<String>,
    start_code: Option<String>,
    /// The secret of a webhook, this once.
    secret: Option<String>,
}

impl Page<'_> {
    /// Path of the page itself.
    fn path(&self) -> String {
        match &self.row {
            Some(row) => format!("{}/{}", channels::PATH, row.id),
            None => format!("{}/{NEW}?kind={}", channels::PATH, self.kind.name),
        }
    }

    fn wants_events(&self) -> bool {
        self.events.iter().any(|event| event.is_chosen)
    }
}

/// What was typed, and what is wrong with it.
struct Typed<'a> {
    form: &'a Form,
    problem: String,
}

/// Channel that a path names; `None` for one that is to be made.
async fn find(app: &App, text: &str) -> Result<Option<OwnedChannel>, Problem> {
    if text == NEW {
        return Ok(None);
    }
    let id = canonical_number(text).ok_or(Problem::UnknownChannel)?;
    Ok(Some(app.heartbeat.channel(id).await?))
}

/// Kind of a channel, or the one that the query names for a channel that is to be made.
fn kind(channel: Option<&OwnedChannel>, query: &str) -> Result<&'static Kind, Problem> {
    let asked = notice::parameter(query, "kind").unwrap_or_default();
    kinds::find(channel.map_or(&asked, |channel| &channel.kind)).ok_or(Problem::UnknownChannel)
}

#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub(super) async fn page(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    sign_in: SignIn,
    headers: HeaderMap,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let query = query.unwrap_or_default();
    let channel = find(&app, &text).await.map_err(error::page)?;
    let kind = kind(channel.as_ref(), &query).map_err(error::page)?;
    let transport = sign_in.transport();
    let id = channel.as_ref().map(|channel| channel.id);
    let secret = transport.zip(id).and_then(|(transport, id)| WebhookSecret::read(transport, &headers, id));
    let mut page = page_of(&app, &live_url, now, channel.as_ref(), kind, None).await.map_err(error::page)?;
    page.notice = notice::of_query(Some(&query));
    let is_shown = secret.is_some();
    page.secret = secret.map(|secret| secret.text);
    let mut response = super::response(StatusCode::OK, html::render(&page).map_err(error::page)?);
    if let Some(transport) = transport.filter(|_| is_shown) {
        WebhookSecret::forget(transport, response.headers_mut());
    }
    Ok(response)
}

/// Handles a form about one channel.
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub(super) async fn post(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    sign_in: SignIn,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
    form: Form,
) -> Result<Response, Response> {
    let channel = find(&app, &text).await.map_err(error::page)?;
    let kind = kind(channel.as_ref(), query.as_deref().unwrap_or_default()).map_err(error::page)?;
    match change(&app, &sign_in, channel.as_ref(), kind, &form).await {
        Ok(response) => Ok(response),
        // What was typed stays, but for secrets.
        Err(Problem::BadRequest(problem)) if form.field("do") == "save" => {
            let typed = Typed { form: &form, problem };
            let page = page_of(&app, &live_url, now, channel.as_ref(), kind, Some(typed)).await;
            let html = page.and_then(|page| html::render(&page)).map_err(error::page)?;
            Ok(super::response(StatusCode::BAD_REQUEST, html))
        }
        Err(problem) => Err(error::page(problem)),
    }
}

async fn change(
    app: &App,
    sign_in: &SignIn,
    channel: Option<&OwnedChannel>,
    kind: &'static Kind,
    form: &Form,
) -> Result<Response, Problem> {
    let heartbeat = &app.heartbeat;
    let action = form.field("do");
    let Some(channel) = channel else {
        return if action == "save" { add(app, sign_in, kind, form).await } else { Err(unknown_form()) };
    };
    let id = channel.id;
    let done = match &*action {
        "save" => return save(app, sign_in, channel, kind, form).await,
        "test" => {
            heartbeat.test_channel(id).await?;
            "test-channel"
        }
        "enable" => {
            heartbeat.update_channel(id, ChannelUpdate { enable: true, ..ChannelUpdate::default() }).await?;
            "enable-channel"
        }
        "resend" => {
            heartbeat.resend_events_of_channel(id).await?;
            "resend"
        }
        "secret" if channel.kind == "webhook" => return renew_secret(app, sign_in, channel).await,
        "delete" => {
            heartbeat.delete_channel(id).await?;
            return Ok(see_other(&format!("{}?done=delete-channel", channels::PATH)));
        }
        _ => return Err(unknown_form()),
    };
    Ok(see_other(&format!("{}?done={done}#channel-{id}", channels::PATH)))
}

/// Adds a channel of this kind.
async fn add(app: &App, sign_in: &SignIn, kind: &Kind, form: &Form) -> Result<Response, Problem> {
    let typed = settings::merge(&heartbeat_core::secret::Secret::new(Map::new()), kind.changes(form));
    let complete = complete(app, kind.name, typed)?;
    let channel = NewChannel {
        name: name(form)?,
        kind: kind.name.to_owned(),
        // Friends are told less: where it is not said, it is a friend's.
        audience: Audience::parse(&form.field("audience")).unwrap_or(Audience::Friend),
        settings: complete.settings,
        events: events::chosen(form),
    };
    let has_start_code = complete.start_code.is_some();
    let channel = app.heartbeat.add_channel(channel, complete.start_code).await?;
    let own_page = has_start_code || complete.secret.is_some();
    let secret = complete.secret.map(|secret| secret.expose().clone());
    Ok(lead_on(sign_in, channel.id, "add-channel", own_page, secret))
}

/// Changes name, settings and events of a channel.
async fn save(
    app: &App,
    sign_in: &SignIn,
    channel: &OwnedChannel,
    kind: &Kind,
    form: &Form,
) -> Result<Response, Problem> {
    if channel.id == CONFIGURED_ID {
        return Err(Problem::ConfiguredChannel);
    }
    let merged = settings::merge(&channel.settings, kind.changes(form));
    let complete = complete(app, kind.name, merged)?;
    // New settings enable a channel again, so the same ones are left alone.
    let is_changed = complete.settings.expose() != channel.settings.expose();
    let update = ChannelUpdate {
        name: Some(name(form)?),
        settings: is_changed.then_some(complete.settings),
        events: Some(events::chosen(form)),
        start_code: complete.start_code.filter(|_| channel.start_code.is_none()),
        ..ChannelUpdate::default()
    };
    app.heartbeat.update_channel(channel.id, update).await?;
    let secret = complete.secret.map(|secret| secret.expose().clone());
    Ok(lead_on(sign_in, channel.id, "save-channel", secret.is_some(), secret))
}

/// Gives a webhook a new secret. The old one goes on signing as well, until the next.
async fn renew_secret(app: &App, sign_in: &SignIn, channel: &OwnedChannel) -> Result<Response, Problem> {
    let mut kept = channel.settings.expose().clone();
    if let Some(previous) = kept.remove("secret") {
        kept.insert("secret_previous".to_owned(), previous);
    }
    let complete = complete(app, &channel.kind, kept)?;
    let update = ChannelUpdate { settings: Some(complete.settings), ..ChannelUpdate::default() };
    app.heartbeat.update_channel(channel.id, update).await?;
    let secret = complete.secret.map(|secret| secret.expose().clone());
    Ok(lead_on(sign_in, channel.id, "save-channel", true, secret))
}

/// Completes settings, which the kind then has checked.
fn complete(
    app: &App,
    kind: &str,
    typed: Map<String, serde_json::Value>,
) -> Result<settings::CompleteSettings, Problem> {
    let site = Site::of(&app.config, app.heartbeat.runtime());
    let complete = settings::complete(kind, typed, &site, &mut UnwrapErr(SysRng));
    complete.map_err(|problem| Problem::BadRequest(format!("{problem}.")))
}

/// Leads to the list, or to the page of the channel if there is something to see, such as a new secret.
fn lead_on(sign_in: &SignIn, id: i64, done: &str, own_page: bool, secret: Option<String>) -> Response {
    let path = channels::PATH;
    let mut response = see_other(&if own_page {
        format!("{path}/{id}?done={done}")
    } else {
        format!("{path}?done={done}#channel-{id}")
    });
    if let Some((text, transport)) = secret.zip(sign_in.transport()) {
        WebhookSecret { channel: id, text }.set(transport, response.headers_mut());
    }
    response
}

fn name(form: &Form) -> Result<DeviceName, Problem> {
    let refused = |problem| Problem::BadRequest(format!("The name is refused: {problem}."));
    DeviceName::parse(&form.field("name")).map_err(refused)
}

async fn page_of<'a>(
    app: &'a App,
    live_url: &'a LiveUrl,
    now: OffsetDateTime,
    channel: Option<&OwnedChannel>,
    kind: &'static Kind,
    typed: Option<Typed<'_>>,
) -> Result<Page<'a>, Problem> {
    let timezone = app.heartbeat.settings().await?.effective().timezone;
    let form = typed.as_ref().map(|typed| typed.form);
    let is_chosen = |event: &str| match form {
        Some(form) => form.all("event").any(|chosen| chosen == event),
        None => channel.is_some_and(|channel| channel.events.iter().any(|wanted| wanted == event)),
    };
    let is_friend = match (channel, form) {
        (Some(channel), _) => channel.audience == Audience::Friend,
        (None, form) => form.is_none_or(|form| form.field("audience") != "owner"),
    };
    let title = if channel.is_some() { "A channel" } else { "A new channel" };
    Ok(Page {
        frame: Frame::new("", title, String::new(), &app.config, live_url.url()),
        row: channel.map(|channel| Row::new(channel, &timezone, now)),
        kind,
        name: match form {
            Some(form) => form.field("name").into_owned(),
            None => channel.map(|channel| channel.name.clone()).unwrap_or_default(),
        },
        is_friend,
        fields: kind.filled(channel, form),
        events: events::choices(kind, is_chosen),
        problem: typed.map(|typed| typed.problem),
        notice: None,
        start_link: channel.and_then(settings::start_link),
        start_code: channel.and_then(|channel| channel.start_code.clone()),
        secret: None,
    })
}
