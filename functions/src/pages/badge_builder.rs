//! `GET /badges`: puts badges together and says how to embed them.

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

/// The badges there are, as in their addresses, and what they say.
const BADGES: [(&str, &str); 2] = [("last-seen", "last online"), ("total-beats", "total beats")];

/// The formats there are, as in their addresses, and what they are called.
const FORMATS: [(&str, &str); 2] = [("", "SVG"), (".png", "PNG")];

/// The parameters of a badge that the form has a field for.
const PARAMETERS: [&str; 6] = ["device", "style", "label", "labelColor", "color", "logo"];

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(badges)).layer(super::compression())
}

#[derive(Template)]
#[template(path = "badge_builder.html")]
struct Page<'a> {
    frame: Frame<'a>,
    form: Form,
    /// Ids and names.
    devices: Vec<(String, &'a str)>,
}

/// What has been put together so far. Without a script the form comes back with each change; with one, the
/// script does the same in the browser.
struct Form {
    values: HashMap<String, String>,
}

impl Form {
    fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self { values: pairs.filter(|(_, value)| !value.is_empty()).collect() }
    }

    /// What a field holds.
    fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether a field holds `value`.
    fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// The chosen one of some `choices`, or the first.
    fn chosen<'a>(&self, field: &str, choices: &[(&'a str, &'a str)]) -> (&'a str, &'a str) {
        choices.iter().find(|(value, _)| *value == self.value(field)).copied().unwrap_or(choices[0])
    }

    /// What the badge says it is, in words for those who do not see it.
    fn alternative(&self) -> &str {
        if self.value("label").is_empty() { self.chosen("badge", &BADGES).1 } else { self.value("label") }
    }

    /// The address of the badge on this server.
    fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in PARAMETERS {
            let value = self.value(name);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let (query, badge, format) =
            (query.finish(), self.chosen("badge", &BADGES).0, self.chosen("format", &FORMATS).0);
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/badge/{badge}{format}{mark}{query}")
    }

    /// What to write into a Markdown file. The brackets of the text in it must not end it.
    fn markdown(&self, frame: &Frame<'_>) -> String {
        let text = self.alternative().replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
        format!("[![{text}]({})]({})", frame.absolute(&self.path()), frame.absolute("/"))
    }

    /// What to write into an HTML file.
    fn html(&self, frame: &Frame<'_>) -> String {
        let escaped = |text: &str| {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        };
        format!(
            r#"<a href="{}"><img src="{}" alt="{}"></a>"#,
            escaped(&frame.absolute("/")),
            escaped(&frame.absolute(&self.path())),
            escaped(self.alternative())
        )
    }
}

async fn badges(
    State(app): State<App>,
    Now(now): Now,
    method: Method,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(error::page)?;
    let devices = snapshot.stats.devices.iter();
    let page = Page {
        frame: Frame::new(PATH, "Badges", "Put a heartbeat badge together.".to_owned(), &app.config),
        form: Form::parse(query.as_deref().unwrap_or_default()),
        devices: devices.map(|it| (it.id.to_string(), it.name.as_deref().unwrap_or(UNNAMED))).collect(),
    };
    let html = html::render(&page).map_err(error::page)?;
    Ok(super::view(&app, &method, html).await)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn snippets_are_fit_for_where_they_go() {
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
        let nothing = Form::parse("badge=unknown");
        insta::assert_snapshot!(
            nothing.markdown(&frame),
            @"[![last online](https://beat.example.org/badge/last-seen)](https://beat.example.org/)"
        );
    }
}
