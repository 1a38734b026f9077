//! `GET /api/stats/ws`: the figures as they change, over WebSockets.
//!
//! - [`connections`]: who is watching, and how each can be reached.
//! - [`viewer`]: one WebSocket from its first frame to its last.
//! - [`management`]: the calls with which API Gateway lets others post to its connections.

mod connections;
pub(crate) mod management;
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
use heartbeat_functions::{App, problem::Problem};
use tokio::time::Instant;

use connections::Connections;

const PATH: &str = "/api/stats/ws";

/// Tells the one who connected by which name the management calls know the connection.
const CONNECTION_ID: HeaderName = HeaderName::from_static("x-connection-id");

/// Bytes that a connection reads and writes at a time: viewers have little to say, and thousands of
/// them must not take much memory. Frames larger than this go out in several writes.
const BUFFER: usize = 4 * 1024;

/// The longest message that a viewer may send, in bytes.
const MESSAGE_LIMIT: usize = 1024;

/// The time from one frame to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// Frames are due at multiples of this. The gap between a viewer's first two frames is off by half of
/// it at most.
const BEAT: Duration = Duration::from_millis(100);

/// Everything about the stream that lives as long as the server.
#[derive(Debug)]
pub(crate) struct Stream {
    app: App,
    connections: Connections,
    /// Whether the server itself sends a frame each second. If not, somebody else does, through
    /// the management calls.
    pushes: bool,
    started: Instant,
    /// The last frame that was due for more than one viewer, and when it was.
    frame: Mutex<Option<(Instant, Utf8Bytes)>>,
}

impl Stream {
    pub(crate) fn new(app: App, pushes: bool, room: usize) -> Arc<Self> {
        let connections = Connections::with_room(room);
        Arc::new(Self { app, connections, pushes, started: Instant::now(), frame: Mutex::default() })
    }

    /// The route.
    pub(crate) fn router(self: &Arc<Self>) -> Router<App> {
        Router::new().route(PATH, get(upgrade)).with_state(Arc::clone(self))
    }

    /// Says goodbye to all viewers, and waits until they have gone.
    pub(crate) async fn stop(&self) {
        self.connections.close().await;
    }

    /// When the second frame is due for a viewer who got the first at `first`: a period later, to the
    /// nearest [`BEAT`], so that thousands of viewers share the frames of a few moments.
    fn second_frame_due(&self, first: Instant) -> Instant {
        let since_start = (first + PERIOD + BEAT / 2) - self.started;
        let beats = since_start.as_millis() / BEAT.as_millis();
        self.started + BEAT * u32::try_from(beats).unwrap_or(u32::MAX)
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
    State(stream): State<Arc<Stream>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::UpgradeRequired)?;
    // Whoever cannot be shown anything is told so while there still is a status to tell it with.
    stream.app.heartbeat.check().await?;
    let connection = stream.connections.open().ok_or(Problem::TooManyViewers)?;
    let id = HeaderValue::from_str(connection.id()).ok();
    let watching = Arc::clone(&stream);
    let mut response = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(MESSAGE_LIMIT)
        .max_frame_size(MESSAGE_LIMIT)
        .on_upgrade(move |socket| viewer::serve(socket, connection, watching))
        .into_response();
    if !stream.pushes {
        response.headers_mut().extend(id.map(|id| (CONNECTION_ID, id)));
    }
    Ok(response)
}
