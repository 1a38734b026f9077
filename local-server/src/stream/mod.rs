//! `GET /api/stats/ws`: the figures as they change, over WebSockets.
//!
//! - [`connections`]: who is watching, and how each can be reached.
//! - [`viewer`]: one WebSocket from its first frame to its last.
//! - [`management`]: the calls with which API Gateway lets others post to its connections.

mod connections;
pub(crate) mod management;
mod viewer;

use std::sync::{Arc, Mutex, PoisonError};

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
use heartbeat_core::stats::Snapshot;
use heartbeat_functions::{App, problem::Problem};

use connections::Connections;

const PATH: &str = "/api/stats/ws";

/// Tells the one who connected by which name the management calls know the connection.
const CONNECTION_ID: HeaderName = HeaderName::from_static("x-connection-id");

/// Bytes that a connection reads and writes at a time: viewers have little to say, and thousands of
/// them must not take much memory. Frames larger than this go out in several writes.
const BUFFER: usize = 4 * 1024;

/// The longest message that a viewer may send, in bytes.
const MESSAGE_LIMIT: usize = 1024;

/// Everything about the stream that lives as long as the server.
#[derive(Debug)]
pub(crate) struct Stream {
    app: App,
    connections: Connections,
    /// Whether the server itself sends a frame each second. If not, somebody else does, through
    /// the management calls.
    pushes: bool,
    /// The last frame, and the snapshot that it was made of.
    frame: Mutex<Option<(Arc<Snapshot>, Utf8Bytes)>>,
}

impl Stream {
    pub(crate) fn new(app: App, pushes: bool) -> Arc<Self> {
        Arc::new(Self { app, connections: Connections::default(), pushes, frame: Mutex::default() })
    }

    /// The route.
    pub(crate) fn router(self: &Arc<Self>) -> Router<App> {
        Router::new().route(PATH, get(upgrade)).with_state(Arc::clone(self))
    }

    /// Says goodbye to all viewers, and waits until they have gone.
    pub(crate) async fn stop(&self) {
        self.connections.close().await;
    }

    /// The frame that shows the figures of this second, made once for all viewers. None while the
    /// database is away.
    async fn frame(&self) -> Option<Utf8Bytes> {
        let snapshot = self.app.heartbeat.snapshot((self.app.clock)()).await.ok()?;
        let mut last = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((shown, frame)) = &*last
            && Arc::ptr_eq(shown, &snapshot)
        {
            return Some(frame.clone());
        }
        let frame = Utf8Bytes::try_from(snapshot.json.clone()).ok()?;
        *last = Some((snapshot, frame.clone()));
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
    let connection = stream.connections.open();
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
