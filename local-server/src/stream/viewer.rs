//! One WebSocket from its first frame to its last.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, close_code},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{
    FRAME_INTERVAL, LocalStream,
    registry::{Command, RegisteredViewer},
};

/// Interval of pings to a viewer. With [`PONG_TIMEOUT`] it stays below the thirty seconds after which a dead viewer
/// must be gone.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Timeout after the last message of a viewer, pongs included. Checked at each ping.
const PONG_TIMEOUT: Duration = Duration::from_secs(15);

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
        let last = matches!(message, Message::Close(_));
        let sent = send(&mut socket, message).await;
        if last {
            // Closing a socket with unread data resets the connection, which can discard the close frame.
            let _ = timeout(CLOSE_TIMEOUT, async { while socket.recv().await.is_some() {} }).await;
        }
        if last || !sent {
            return;
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

fn close_message(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
