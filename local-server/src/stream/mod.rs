//! `GET /api/stats/ws`: the figures as they change, over WebSockets.
//!
//! - [`registry`]: the viewers, and how each can be reached.
//! - [`viewer`]: one WebSocket from its first frame to its last.
//! - [`management`]: the calls with which API Gateway lets others post to its connections.

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
        State,
        ws::{Utf8Bytes, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderName, HeaderValue},
    response::{IntoResponse, Response},
    routing::get,
};
use heartbeat_functions::{App, http::problem::Problem};
use tokio::time::Instant;

use registry::ViewerRegistry;

const PATH: &str = "/api/stats/ws";

/// Tells the one who connected by which name the management calls know the connection.
const CONNECTION_ID: HeaderName = HeaderName::from_static("x-connection-id");

/// Bytes that a connection reads and writes at a time: viewers have little to say, and thousands of
/// them must not take much memory. Frames larger than this go out in several writes.
const BUFFER_BYTES: usize = 4 * 1024;

/// The longest message that a viewer may send, in bytes.
const MESSAGE_MAX_BYTES: usize = 1024;

/// The time from one frame to the next.
const FRAME_INTERVAL: Duration = Duration::from_secs(1);

/// Frames are due at multiples of this. The gap between a viewer's first two frames is off by half of
/// it at most.
const FRAME_TICK: Duration = Duration::from_millis(100);

/// Everything about the stream that lives as long as the server.
#[derive(Debug)]
pub(crate) struct LocalStream {
    app: App,
    viewers: ViewerRegistry,
    /// Whether the server itself sends a frame each second. If not, somebody else does, through
    /// the management calls.
    pushes: bool,
    started: Instant,
    /// The last frame that was due for more than one viewer, and when it was.
    frame: Mutex<Option<(Instant, Utf8Bytes)>>,
}

impl LocalStream {
    pub(crate) fn new(app: App, pushes: bool, max_viewers: usize) -> Arc<Self> {
        let viewers = ViewerRegistry::new(max_viewers);
        Arc::new(Self { app, viewers, pushes, started: Instant::now(), frame: Mutex::default() })
    }

    /// The route.
    pub(crate) fn router(self: &Arc<Self>) -> Router<App> {
        Router::new().route(PATH, get(upgrade)).with_state(Arc::clone(self))
    }

    /// Says goodbye to all viewers, and waits until they have gone.
    pub(crate) async fn stop(&self) {
        self.viewers.close().await;
    }

    /// When the second frame is due for a viewer who got the first at `first`: a period later, to the
    /// nearest [`FRAME_TICK`], so that thousands of viewers share the frames of a few moments.
    fn second_frame_due(&self, first: Instant) -> Instant {
        let since_start = (first + FRAME_INTERVAL + FRAME_TICK / 2) - self.started;
        let beats = since_start.as_millis() / FRAME_TICK.as_millis();
        self.started + FRAME_TICK * u32::try_from(beats).unwrap_or(u32::MAX)
    }

    /// The frame of this moment. None while the database is away.
    async fn frame_now(&self) -> Option<Utf8Bytes> {
        let snapshot = self.app.heartbeat.snapshot((self.app.clock)()).await.ok()?;
        Utf8Bytes::try_from(snapshot.json.clone()).ok()
    }

    /// The frame that is due at `due`, made once for all viewers for whom it is.
    async fn frame_due(&self, due: Instant) -> Option<Utf8Bytes> {
        let last = || self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = last().as_ref().filter(|(made_for, _)| *made_for == due) {
            return Some(frame.clone());
        }
        let frame = self.frame_now().await?;
        *last() = Some((due, frame.clone()));
        Some(frame)
    }
}

async fn upgrade(
    State(stream): State<Arc<LocalStream>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::UpgradeRequired)?;
    // Whoever cannot be shown anything is told so while there still is a status to tell it with.
    stream.app.heartbeat.check().await?;
    let connection = stream.viewers.open().ok_or(Problem::TooManyViewers)?;
    let id = HeaderValue::from_str(connection.id()).ok();
    let watching = Arc::clone(&stream);
    let mut response = upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(MESSAGE_MAX_BYTES)
        .max_frame_size(MESSAGE_MAX_BYTES)
        .on_upgrade(move |socket| viewer::serve(socket, connection, watching))
        .into_response();
    if !stream.pushes {
        response.headers_mut().extend(id.map(|id| (CONNECTION_ID, id)));
    }
    Ok(response)
}
