//! `GET /api/stats/ws`: the stats as they change, over WebSockets.
//!
//! - [`registry`]: the registry of viewers, which delivers commands to their connections.
//! - [`viewer`]: one WebSocket from its first frame to its last.
//! - [`changes`]: frames for viewers that ask for changes alone.
//! - [`management`]: API Gateway's management API, through which another process pushes the frames.

mod changes;
pub(crate) mod management;
mod registry;
mod viewer;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{
        Extension, RawQuery, State,
        ws::{Utf8Bytes, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderName, HeaderValue},
    response::Response,
    routing::get,
};
use heartbeat_core::stream::frames::{FRAME_INTERVAL, Frames};
use heartbeat_functions::{
    App,
    http::{
        client_ip::{self, ClientIp},
        problem::Problem,
    },
};
use tokio::time::Instant;
use url::form_urlencoded;

use crate::limits::ConnectionLimits;
use changes::ChangesFeed;
use registry::ViewerRegistry;

const PATH: &str = "/api/stats/ws";

/// Header with the id of the connection in the management calls.
const CONNECTION_ID: HeaderName = HeaderName::from_static("x-connection-id");

/// Size of a connection's read buffer, in bytes. Viewers send little, and thousands of them must not take much
/// memory.
const READ_BUFFER_CAPACITY: usize = 4 * 1024;

/// Maximum size of a message from a viewer.
const MESSAGE_MAX_BYTES: usize = 1024;

/// Interval of the times at which frames are due. The time between a viewer's first two frames is off by half of it
/// at most.
const FRAME_TICK_INTERVAL: Duration = Duration::from_millis(100);

/// State of the stream, which lives as long as the server.
#[derive(Debug)]
pub(crate) struct LocalStream {
    app: App,
    viewers: ViewerRegistry,
    changes: Arc<ChangesFeed>,
    /// Whether the server itself sends the frames. If not, another process does, through the management calls.
    pushes: bool,
    started: Instant,
    /// The last frame that viewers share, and when it was due.
    shared_frame: Mutex<Option<(Instant, Utf8Bytes)>>,
}

impl LocalStream {
    /// Creates the stream within `limits`.
    pub(crate) fn new(app: App, pushes: bool, limits: ConnectionLimits) -> Arc<Self> {
        let gauge = app.heartbeat.metrics().viewers.clone();
        let viewers = ViewerRegistry::new(limits.max_viewers, limits.max_viewers_per_client, gauge);
        let changes = Arc::new(ChangesFeed::new(app.clone()));
        Arc::new(Self {
            app,
            viewers,
            changes,
            pushes,
            started: Instant::now(),
            shared_frame: Mutex::default(),
        })
    }

    /// Sends frames to the viewers of changes until `stop` is ready.
    pub(crate) async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.changes.run() => {}
            () = stop => {}
        }
    }

    /// Returns the route of the stream.
    pub(crate) fn router(self: &Arc<Self>) -> Router<App> {
        Router::new().route(PATH, get(upgrade)).with_state(Arc::clone(self))
    }

    /// Sends a close frame to all viewers, and waits until their connections have ended.
    pub(crate) async fn stop(&self) {
        self.viewers.close().await;
    }

    /// Returns when the second frame is due for a viewer that got the first at `first`: one interval later, rounded
    /// to [`FRAME_TICK_INTERVAL`], so that thousands of viewers share a few frames.
    fn second_frame_due(&self, first: Instant) -> Instant {
        let since_start = (first + FRAME_INTERVAL + FRAME_TICK_INTERVAL / 2) - self.started;
        let ticks = since_start.as_millis() / FRAME_TICK_INTERVAL.as_millis();
        self.started + FRAME_TICK_INTERVAL * u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// Returns the frame of the present second. `None` while the database is unavailable.
    async fn current_frame(&self) -> Option<Utf8Bytes> {
        let snapshot = self.app.heartbeat.snapshot((self.app.clock)()).await.ok()?;
        Utf8Bytes::try_from(snapshot.json.clone()).ok()
    }

    /// Returns the frame that is due at `due`, made once for all its viewers.
    async fn frame_at(&self, due: Instant) -> Option<Utf8Bytes> {
        let shared = || self.shared_frame.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = shared().as_ref().filter(|(at, _)| *at == due) {
            return Some(frame.clone());
        }
        let frame = self.current_frame().await?;
        *shared() = Some((due, frame.clone()));
        Some(frame)
    }
}

/// Parses the parameter `frames` of a query, as parameters of badges are: other names and empty values are ignored, and of
/// repeated values the last one counts.
fn parse_frames(query: &str) -> Result<Frames, Problem> {
    let values = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| name == "frames" && !value.is_empty());
    let last = values.map(|(_, value)| value).last().unwrap_or_default();
    Frames::parse(&last).ok_or(Problem::UnknownFrames)
}

async fn upgrade(
    State(stream): State<Arc<LocalStream>>,
    Extension(client): Extension<ClientIp>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::UpgradeRequired)?;
    let frames = parse_frames(query.as_deref().unwrap_or_default())?;
    // Checked before the upgrade, while the response can still carry the status of an error.
    stream.app.heartbeat.check().await?;
    let connection =
        stream.viewers.register(client.0.map(client_ip::share_key)).ok_or(Problem::TooManyViewers)?;
    let id = HeaderValue::from_str(connection.id()).ok();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_CAPACITY)
        .write_buffer_size(0)
        .max_message_size(MESSAGE_MAX_BYTES)
        .max_frame_size(MESSAGE_MAX_BYTES);
    let viewer_stream = Arc::clone(&stream);
    let mut response = match frames {
        // Where another process pushes the frames, it decides when.
        Frames::Changes if stream.pushes => {
            let feed = Arc::clone(&stream.changes);
            upgrade.on_upgrade(move |socket| viewer::serve_changes(socket, connection, feed))
        }
        _ => upgrade.on_upgrade(move |socket| viewer::serve(socket, connection, viewer_stream)),
    };
    if !stream.pushes {
        response.headers_mut().extend(id.map(|id| (CONNECTION_ID, id)));
    }
    Ok(response)
}
