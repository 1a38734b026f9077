//! `GET /badges`: the badge builder, with snippets to embed a badge.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::Method,
    response::Response,
    routing::get,
};
use heartbeat_core::{badge::Style, device::UNNAMED};
use url::form_urlencoded;

use super::{Frame, error};
use crate::{
    App,
    app::Now,
    http::{html, route::Route},
};

const PATH: &str = "/badges";

/// `GET /badges`
pub const ROUTE: Route =
    Route { name: "badge_builder", paths: &[PATH], methods: &[Method::GET], router, needs_database: true };

/// Kinds of badges: the name in URLs and the default label.
const BADGES: [(&str, &str); 2] = [("last-seen", "last online"), ("total-beats", "total beats")];

/// Formats of badges: the extension in URLs and the name.
const FORMATS: [(&str, &str); 2] = [("", "SVG"), (".png", "PNG")];

/// Query parameters of a badge that the form has a field for.
const PARAMETERS: [&str; 6] = ["device", "style", "label", "labelColor", "color", "logo"];

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(badge_builder)).layer(super::compression())
}

#[derive(Template)]
#[template(path = "badge_builder.html")]
struct Page<'a> {
    frame: Frame<'a>,
    form: Form,
    /// Devices: id and name.
    devices: Vec<(String, &'a str)>,
}

/// Values of the form. Browsers without scripts submit it after changes; otherwise `assets/heartbeat.js` does the same
/// in the browser.
struct Form {
    values: HashMap<String, String>,
}

impl Form {
    fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self { values: pairs.filter(|(_, value)| !value.is_empty()).collect() }
    }

    /// Returns the value of a field.
    fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether a field has this value.
    fn has(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// Returns the selected one of some `options`, by default the first.
    fn selected<'a>(&self, field: &str, options: &[(&'a str, &'a str)]) -> (&'a str, &'a str) {
        options.iter().find(|(value, _)| *value == self.value(field)).copied().unwrap_or(options[0])
    }

    /// Returns the alternative text of the badge: its label, or the default one.
    fn alt_text(&self) -> &str {
        if self.value("label").is_empty() { self.selected("badge", &BADGES).1 } else { self.value("label") }
    }

    /// Returns the path and query of the badge.
    fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in PARAMETERS {
            let value = self.value(name);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let (query, badge, format) =
            (query.finish(), self.selected("badge", &BADGES).0, self.selected("format", &FORMATS).0);
        let separator = if query.is_empty() { "" } else { "?" };
        format!("/badge/{badge}{format}{separator}{query}")
    }

    /// Returns the Markdown snippet. Brackets in the alternative text are escaped, so that they do not end it.
    fn markdown(&self, frame: &Frame<'_>) -> String {
        let text = self.alt_text().replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
        format!("[![{text}]({})]({})", frame.absolute(&self.path()), frame.absolute("/"))
    }

    /// Returns the HTML snippet.
    fn html(&self, frame: &Frame<'_>) -> String {
        let escape = |text: &str| {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        };
        format!(
            r#"<a href="{}"><img src="{}" alt="{}"></a>"#,
            escape(&frame.absolute("/")),
            escape(&frame.absolute(&self.path())),
            escape(self.alt_text())
        )
    }
}

async fn badge_builder(
    State(app): State<App>,
    Now(now): Now,
    method: Method,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(error::page)?;
    let devices = snapshot.stats.devices.iter();
    let page = Page {
        frame: Frame::new(PATH, "Badges", "Build a heartbeat badge.".to_owned(), &app.config),
        form: Form::parse(query.as_deref().unwrap_or_default()),
        devices: devices
            .map(|device| (device.id.to_string(), device.name.as_deref().unwrap_or(UNNAMED)))
            .collect(),
    };
    let html = html::render(&page).map_err(error::page)?;
    Ok(super::view(&app, &method, html).await)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn snippets_are_escaped_for_their_format() {
        let live_url = Url::parse("https://beat.example.org/").expect("a URL");
        let frame = Frame {
            path: PATH,
            title: String::new(),
            description: String::new(),
            server_name: "",
            repo: "",
            live_url: &live_url,
        };
        let form = Form::parse("badge=total-beats&format=.png&label=a%5Db+%22%3C%26&style=&color=%23fff&x=1");
        insta::assert_snapshot!(
            form.markdown(&frame),
            @r##"[![a\]b "<&](https://beat.example.org/badge/total-beats.png?label=a%5Db+%22%3C%26&color=%23fff)](https://beat.example.org/)"##
        );
        insta::assert_snapshot!(
            form.html(&frame),
            @r##"<a href="https://beat.example.org/"><img src="https://beat.example.org/badge/total-beats.png?label=a%5Db+%22%3C%26&amp;color=%23fff" alt="a]b &quot;&lt;&amp;"></a>"##
        );
        let defaults = Form::parse("badge=unknown");
        insta::assert_snapshot!(
            defaults.markdown(&frame),
            @"[![last online](https://beat.example.org/badge/last-seen)](https://beat.example.org/)"
        );
    }
}
