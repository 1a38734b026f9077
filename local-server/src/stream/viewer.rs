//! One WebSocket from its first frame to its last.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, close_code},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{
    FRAME_INTERVAL, LocalStream,
    registry::{Posted, RegisteredViewer},
};

/// How often a viewer is asked for a sign of life, and how long none may come. Together they stay
/// below the thirty seconds after which a dead viewer must be gone.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PONG_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a frame may wait for a viewer that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a viewer may take to answer a goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Sends frames to a viewer until it goes, dies, or the server stops.
pub(super) async fn serve(mut socket: WebSocket, mut connection: RegisteredViewer, stream: Arc<LocalStream>) {
    let mut heard = Instant::now();
    if stream.pushes
        && let Some(frame) = stream.frame_now().await
        && !send(&mut socket, Message::Text(frame)).await
    {
        return;
    }
    let mut frames = interval_at(stream.second_frame_due(heard), FRAME_INTERVAL);
    // A viewer that was slow gets the next frame, not all that it missed.
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    loop {
        let message = tokio::select! {
            due = frames.tick(), if stream.pushes => tokio::select! {
                // There is nothing to wait for, unless the database is away.
                biased;
                frame = stream.frame_due(due) => match frame {
                    Some(frame) => Message::Text(frame),
                    None => continue,
                },
                () = connection.told_to_leave() => goodbye(close_code::AWAY, "the server stops"),
            },
            Ok(()) = connection.posted.changed() => match connection.posted.borrow_and_update().clone() {
                Posted::Frame(frame) => Message::Text(frame),
                Posted::Close => goodbye(close_code::NORMAL, "closed by request"),
                Posted::Leave => goodbye(close_code::AWAY, "the server stops"),
                Posted::Nothing => continue,
            },
            received = socket.recv() => match received {
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
                Some(Err(_)) | None => return,
            },
            _ = pings.tick() => {
                if heard.elapsed() > PONG_TIMEOUT {
                    return;
                }
                Message::Ping(Bytes::new())
            },
        };
        let last = matches!(message, Message::Close(_));
        let sent = send(&mut socket, message).await;
        if last {
            // What is not read when a socket is closed can take the goodbye down with it.
            let _ = timeout(CLOSE_TIMEOUT, async { while socket.recv().await.is_some() {} }).await;
        }
        if last || !sent {
            return;
        }
    }
}

/// Sends a message to a viewer; false if it cannot be told anything any more.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

fn goodbye(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
