//! One WebSocket from its first frame to its last.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, close_code},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{
    FRAME_INTERVAL, LocalStream,
    changes::ChangesFeed,
    registry::{Command, RegisteredViewer},
};

/// Interval of pings to a viewer. With [`PONG_TIMEOUT`] it stays below the thirty seconds after which a dead viewer
/// must be gone.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Timeout after the last message of a viewer, pongs included. Checked at each ping.
const PONG_TIMEOUT: Duration = Duration::from_secs(15);

/// Least interval of pings to a viewer of changes. They go out with its frames, and one that the viewer has not answered
/// when the next is due ends the connection: at rest within a minute. More often would cost more than all else that
/// such a viewer costs. A viewer whose machine or network is gone is noticed within thirty seconds all the same, by the
/// keep-alive of TCP (see `listener.rs`), which the system answers and no program. Pings find the others: viewers behind
/// a proxy that still answers for them.
const CHANGES_PING_INTERVAL: Duration = Duration::from_secs(25);

/// Maximum number of messages from a viewer between two pings. It has nothing to say but pongs, and each message costs
/// the server as much as a frame.
const MESSAGES_MAX: u32 = 100;

/// Timeout of sending a frame, for viewers that do not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of a viewer's answer to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Sends frames to a viewer until it disconnects, times out, or the server stops.
pub(super) async fn serve(mut socket: WebSocket, mut connection: RegisteredViewer, stream: Arc<LocalStream>) {
    let mut last_received = Instant::now();
    // Since the last ping.
    let mut messages = 0_u32;
    if stream.pushes
        && let Some(frame) = stream.current_frame().await
        && !send(&mut socket, Message::Text(frame)).await
    {
        return;
    }
    let mut frames = interval_at(stream.second_frame_due(last_received), FRAME_INTERVAL);
    // A viewer that was slow gets the next frame, not all that it missed.
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    loop {
        let message = tokio::select! {
            due = frames.tick(), if stream.pushes => tokio::select! {
                // Ready at once, unless the database is unavailable.
                biased;
                frame = stream.frame_at(due) => match frame {
                    Some(frame) => Message::Text(frame),
                    None => continue,
                },
                command = connection.closing_command() => match message(command) {
                    Some(message) => message,
                    None => continue,
                },
            },
            Ok(()) = connection.command.changed() => {
                let command = connection.command.borrow_and_update().clone();
                match message(command) {
                    Some(message) => message,
                    None => continue,
                }
            }
            received = socket.recv() => match received {
                Some(Ok(_)) => {
                    last_received = Instant::now();
                    messages += 1;
                    if messages > MESSAGES_MAX {
                        return;
                    }
                    continue;
                }
                Some(Err(_)) | None => return,
            },
            _ = pings.tick() => {
                if last_received.elapsed() > PONG_TIMEOUT {
                    return;
                }
                messages = 0;
                Message::Ping(Bytes::new())
            },
        };
        if matches!(message, Message::Close(_)) {
            return close(&mut socket, message).await;
        }
        if !send(&mut socket, message).await {
            return;
        }
    }
}

/// Sends frames to a viewer when something has changed, until it disconnects or the server stops. Between frames it
/// only waits: no timer wakes it.
pub(super) async fn serve_changes(
    mut socket: WebSocket,
    mut connection: RegisteredViewer,
    feed: Arc<ChangesFeed>,
) {
    let first = feed.current().await;
    if let Some(frame) = &first
        && !send(&mut socket, Message::Text(frame.text.clone())).await
    {
        return;
    }
    let _following = feed.follow(connection.number, connection.inbox.clone(), first.as_ref());
    drop(first);
    let mut last_ping = Instant::now();
    // Since the last ping. The first one finds the viewer as alive as its request.
    let mut messages = 1_u32;
    loop {
        tokio::select! {
            Ok(()) = connection.command.changed() => {
                let command = connection.command.borrow_and_update().clone();
                let Some(message) = message(command) else { continue };
                if matches!(message, Message::Close(_)) {
                    return close(&mut socket, message).await;
                }
                if last_ping.elapsed() >= CHANGES_PING_INTERVAL {
                    if messages == 0 || !send(&mut socket, Message::Ping(Bytes::new())).await {
                        return;
                    }
                    (last_ping, messages) = (Instant::now(), 0);
                }
                if !send(&mut socket, message).await {
                    return;
                }
            }
            received = socket.recv() => {
                messages += 1;
                if messages > MESSAGES_MAX || !matches!(received, Some(Ok(_))) {
                    return;
                }
            }
        }
    }
}

/// Returns the message that carries a command out.
fn message(command: Command) -> Option<Message> {
    match command {
        Command::Idle => None,
        Command::Send(frame) => Some(Message::Text(frame)),
        Command::Close => Some(close_message(close_code::NORMAL, "closed by request")),
        Command::MakeRoom => Some(close_message(close_code::AGAIN, "others need the place")),
        Command::GoAway => Some(close_message(close_code::AWAY, "the server stops")),
    }
}

/// Sends a message to a viewer; false if it can no longer be reached.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

/// Sends a close frame, and waits for the answer.
async fn close(socket: &mut WebSocket, message: Message) {
    let _ = send(socket, message).await;
    // Closing a socket with unread data resets the connection, which can discard the close frame.
    let _ = timeout(CLOSE_TIMEOUT, async { while socket.recv().await.is_some() {} }).await;
}

fn close_message(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
