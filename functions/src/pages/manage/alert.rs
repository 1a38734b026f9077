//! `/manage/alerts/{id}`: one alert, or, in place of an id, `new`.

use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use heartbeat_core::{
    Error,
    alert::{AlertRule, MESSAGE_MAX_CHARS},
    channel::{Audience, OwnedChannel},
    device::{NAME_MAX_CHARS, OwnedDevice},
};

use super::{
    Form, NEW, SignedIn, alert_form::AlertForm, alerts, devices, error, ladder::World,
    past_firings::PastFiring, preview::PreviewWords, see_other, unknown_form,
};
use crate::{
    App,
    app::Now,
    http::{
        auth::Owner, html, json::JsonLine, live_url::LiveUrl, number::canonical_number, problem::Problem,
    },
    pages::Frame,
};

#[derive(Template)]
#[template(path = "manage/alert.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// `None` for one that is to be made.
    id: Option<i64>,
    form: AlertForm,
    /// What is wrong with what was typed.
    problem: Option<String>,
    preview: Option<PreviewWords>,
    channels: &'a [OwnedChannel],
    devices: Vec<&'a OwnedDevice>,
    timezone: &'a str,
    past: Vec<PastFiring>,
}

impl Page<'_> {
    /// Path of the page itself.
    fn path(&self) -> String {
        self.id.map_or_else(|| format!("{}/{NEW}", alerts::PATH), |id| format!("{}/{id}", alerts::PATH))
    }
}

/// Alert that a path names; `None` for one that is to be made.
fn id(text: &str) -> Result<Option<i64>, Problem> {
    if text == NEW { Ok(None) } else { canonical_number(text).map(Some).ok_or(Problem::UnknownAlert) }
}

/// Shows the form. The button that asks for a preview sends what was typed in the query, and changes nothing.
pub(super) async fn page(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let id = id(&text).map_err(error::page)?;
    let stored = rule(&app, id).await.map_err(error::page)?;
    let typed = Form(query.unwrap_or_default().into());
    let (form, preview) = if typed.field("do") == "preview" {
        let form = AlertForm::read(&typed, stored.is_none_or(|rule| rule.enabled));
        let preview = PreviewWords::of(&app, &form, now).await.map_err(error::page)?;
        (form, Some(preview))
    } else {
        (stored.as_ref().map_or_else(AlertForm::empty, AlertForm::of), None)
    };
    show(&app, &live_url, id, form, preview, None).await.map_err(error::page)
}

/// `GET /manage/alerts/preview`: what an alert as typed would have done, for the script of the page.
pub(super) async fn preview(
    _: Owner,
    State(app): State<App>,
    Now(now): Now,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let form = AlertForm::read(&Form(query.unwrap_or_default().into()), true);
    Ok(JsonLine(PreviewWords::of(&app, &form, now).await?).into_response())
}

/// Handles a form about one alert.
pub(super) async fn post(
    _: SignedIn,
    State(app): State<App>,
    live_url: LiveUrl,
    Path(text): Path<String>,
    form: Form,
) -> Result<Response, Response> {
    let id = id(&text).map_err(error::page)?;
    change(&app, &live_url, id, &form).await.map_err(error::page)
}

async fn change(app: &App, live_url: &LiveUrl, id: Option<i64>, form: &Form) -> Result<Response, Problem> {
    let heartbeat = &app.heartbeat;
    let stored = rule(app, id).await?;
    let action = form.field("do");
    let done = match (&*action, id, stored) {
        ("save", id, stored) => return save(app, live_url, id, stored, form).await,
        ("test", Some(id), _) => {
            heartbeat.test_alert(id).await?;
            "test-alert"
        }
        ("enable" | "disable", Some(id), Some(rule)) => {
            let enabled = action == "enable";
            heartbeat.update_alert(id, AlertRule { enabled, ..rule }).await?;
            if enabled { "enable-alert" } else { "disable-alert" }
        }
        ("delete", Some(id), _) => {
            heartbeat.delete_alert(id).await?;
            "delete-alert"
        }
        _ => return Err(unknown_form()),
    };
    Ok(to_ladder(done, id.filter(|_| done != "delete-alert")))
}

/// Stores what was typed. What is wrong with it is shown beside it.
async fn save(
    app: &App,
    live_url: &LiveUrl,
    id: Option<i64>,
    stored: Option<AlertRule>,
    form: &Form,
) -> Result<Response, Problem> {
    let typed = AlertForm::read(form, stored.is_none_or(|rule| rule.enabled));
    let rule = match typed.rule() {
        Ok(rule) => rule,
        Err(problem) => return show(app, live_url, id, typed, None, Some(problem)).await,
    };
    if let Err(problem) = exists(app, &rule).await? {
        return show(app, live_url, id, typed, None, Some(problem)).await;
    }
    let alert = match id {
        Some(id) => app.heartbeat.update_alert(id, rule).await?,
        None => app.heartbeat.add_alert(rule).await?,
    };
    Ok(to_ladder("save-alert", Some(alert.id)))
}

/// Checks that all that a rule names is still there.
async fn exists(app: &App, rule: &AlertRule) -> Result<Result<(), String>, Problem> {
    let channels = app.heartbeat.channels().await?;
    if !rule.channels.iter().all(|id| channels.iter().any(|channel| channel.id == *id)) {
        return Ok(Err("A channel that you chose was deleted meanwhile.".to_owned()));
    }
    match rule.device {
        Some(id) => match app.heartbeat.device(id).await {
            Err(Error::UnknownDevice) => {
                Ok(Err("The device that you chose was erased meanwhile.".to_owned()))
            }
            found => Ok(found.map(drop).map(Ok)?),
        },
        None => Ok(Ok(())),
    }
}

/// Returns the rule of an alert, unless it is to be made.
async fn rule(app: &App, id: Option<i64>) -> Result<Option<AlertRule>, Problem> {
    match id {
        Some(id) => Ok(Some(app.heartbeat.alert(id).await?.rule)),
        None => Ok(None),
    }
}

async fn show(
    app: &App,
    live_url: &LiveUrl,
    id: Option<i64>,
    form: AlertForm,
    preview: Option<PreviewWords>,
    problem: Option<String>,
) -> Result<Response, Problem> {
    let channels = app.heartbeat.channels().await?;
    let devices = app.heartbeat.devices().await?;
    let timezone = app.heartbeat.settings().await?.effective().timezone;
    let past = match id {
        Some(id) => app.heartbeat.past_firings(id).await?,
        None => Vec::new(),
    };
    let world = World { channels: &channels, devices: &devices, timezone: &timezone, now: (app.clock)() };
    let title = if id.is_some() { "An alert" } else { "A new alert" };
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Page {
        frame: Frame::new("", title, String::new(), &app.config, live_url.url()),
        id,
        devices: devices.iter().filter(|it| it.archived_at.is_none() || form.device == Some(it.id)).collect(),
        form,
        problem,
        preview,
        channels: &channels,
        timezone: timezone.name(),
        past: past.iter().map(|firing| PastFiring::new(firing, world)).collect(),
    };
    Ok(super::response(status, html::render(&page)?))
}

fn to_ladder(done: &str, id: Option<i64>) -> Response {
    let fragment = id.map(|id| format!("#alert-{id}")).unwrap_or_default();
    see_other(&format!("{}?done={done}{fragment}", alerts::PATH))
}
