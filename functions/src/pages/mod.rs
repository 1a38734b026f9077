//! Routes for people: HTML pages and the assets they load. The module itself holds what all pages share.
//!
//! - [`home`]: `GET /`
//! - [`stats`]: `GET /stats`
//! - [`privacy`]: `GET /privacy`
//! - `badge_builder`: `GET /badges`
//! - [`manage`]: `/manage`, for the owner
//! - [`links`]: `/ok/{code}` and others, from notifications
//! - [`pair`]: `GET /pair`
//! - [`assets`]: `GET /assets/{file}`
//! - [`embed`]: `GET /embed.js`
//! - [`error`]: error pages
//! - [`qr`]: QR codes as SVG
//! - [`timeline`]: the line on `/` with a dot for each device
//! - [`history`]: when devices were in use
//! - [`visit`]: a view of a page, and who sees it

pub(crate) mod asset_files;
pub mod assets;
#[cfg(feature = "badges")]
pub mod badge_builder;
pub mod embed;
pub mod error;
pub(crate) mod history;
pub mod home;
pub mod links;
pub mod manage;
pub mod pair;
pub mod privacy;
pub mod qr;
pub mod stats;
pub(crate) mod timeline;
pub(crate) mod visit;

use heartbeat_core::{
    Config, humanize,
    settings::Precision,
    stats::{DeviceStats, Stats},
};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};
use url::Url;

pub(crate) use asset_files::url as asset;

/// Values that the template `base.html` needs of a page.
pub(crate) struct Frame<'a> {
    /// Its path, which the navigation marks.
    pub(crate) path: &'static str,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) server_name: &'a str,
    pub(crate) repo: &'a str,
    pub(crate) live_url: &'a Url,
}

impl<'a> Frame<'a> {
    /// Takes what the pages differ in, the configuration, and the URL below which links lead to this server.
    pub(crate) fn new(
        path: &'static str,
        title: &str,
        description: String,
        config: &'a Config,
        live_url: &'a Url,
    ) -> Self {
        let server_name = config.server_name.as_str();
        let title =
            if title.is_empty() { server_name.to_owned() } else { format!("{title} · {server_name}") };
        Self { path, title, description, server_name, repo: config.repo.as_str(), live_url }
    }

    /// The absolute URL of one of our paths.
    pub(crate) fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.live_url.as_str().trim_end_matches('/'))
    }
}

/// Pages in the navigation, by path and title.
#[cfg(feature = "badges")]
pub(crate) const PAGES: &[(&str, &str)] =
    &[("/", "Heartbeat"), ("/stats", "Statistics"), ("/badges", "Embed"), ("/privacy", "Privacy")];
#[cfg(not(feature = "badges"))]
pub(crate) const PAGES: &[(&str, &str)] =
    &[("/", "Heartbeat"), ("/stats", "Statistics"), ("/privacy", "Privacy")];

/// Whether this program draws badges; templates offer only what there is.
pub(crate) const BADGES: bool = cfg!(feature = "badges");

/// The URL of the stream, as pages connect to it.
pub(crate) fn stream_url(config: &Config) -> &str {
    config.ws_url.as_ref().map_or("/api/stats/ws", Url::as_str)
}

/// Stats as a page holds them for its script: those of a frame, but for the devices and visits that the page does not show.
#[derive(Debug, Serialize)]
pub(crate) struct EmbeddedStats<'a> {
    last_seen: Option<i64>,
    last_seen_relative: Option<i64>,
    longest_absence: i64,
    total_beats: i64,
    /// Number of all devices, shown or not.
    num_devices: usize,
    devices: Vec<&'a DeviceStats>,
    uptime: i64,
}

impl<'a> EmbeddedStats<'a> {
    /// Takes the stats, and the devices that the script needs.
    pub(crate) fn new(stats: &Stats, devices: Vec<&'a DeviceStats>) -> Self {
        Self {
            last_seen: stats.last_seen,
            last_seen_relative: stats.last_seen_relative,
            longest_absence: stats.longest_absence,
            total_beats: stats.total_beats,
            num_devices: stats.devices.len(),
            devices,
            uptime: stats.uptime,
        }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers, text and lists are JSON")
    }
}

/// A point in time, for `<time>`.
pub(crate) struct Moment(OffsetDateTime);

impl Moment {
    /// Takes a Unix time; `None` if no calendar has it.
    pub(crate) fn at(unix_time: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp(unix_time).ok().map(Self)
    }

    /// For programs (RFC 3339).
    pub(crate) fn datetime(&self) -> String {
        self.0.format(&Rfc3339).unwrap_or_default()
    }

    /// For people whose own time zone is unknown.
    pub(crate) fn text(&self) -> String {
        let format =
            format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute]:[second] UTC");
        self.0.format(format).unwrap_or_default()
    }

    /// The day alone, for people whose own time zone is unknown.
    pub(crate) fn date(&self) -> String {
        self.0.format(format_description!("[day padding:none] [month repr:short] [year]")).unwrap_or_default()
    }
}

/// The stats in words, for link previews. Chats keep these for days, so they say as of when they are.
pub(crate) fn summary(stats: &Stats) -> String {
    match stats.last_seen {
        Some(_) => format!("{} ({})", sentence(stats), humanize::as_of(stats.as_of)),
        None => sentence(stats),
    }
}

/// One sentence about the stats.
fn sentence(stats: &Stats) -> String {
    match stats.last_seen_relative {
        Some(seconds) => {
            let (ago, beats) = (humanize::ago(seconds), humanize::count(stats.total_beats, "beat"));
            format!("Last heartbeat {ago}. {beats} so far.")
        }
        None => "No heartbeat yet.".to_owned(),
    }
}

/// Number of all devices, as people read it.
pub(crate) fn num_devices(stats: &Stats) -> String {
    humanize::grouped(i64::try_from(stats.devices.len()).unwrap_or(i64::MAX))
}

/// What the page says of stats that are not exact: as of when they are, and in which steps they change.
pub(crate) struct Steps {
    pub(crate) as_of: Moment,
    /// The length of a step, as people call it.
    pub(crate) each: &'static str,
}

impl Steps {
    /// Returns the steps in which the stats change; `None` if they are exact.
    pub(crate) fn of(stats: &Stats) -> Option<Self> {
        let each = match stats.precision {
            Precision::Exact => return None,
            Precision::Minute => "minute",
            Precision::Quarter => "quarter of an hour",
            Precision::Hour => "hour",
            Precision::Day => "day",
            Precision::Week => "week",
        };
        Some(Self { as_of: Moment::at(stats.as_of)?, each })
    }
}
