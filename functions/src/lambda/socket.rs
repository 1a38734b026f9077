//! Events of the WebSocket API, and responses to them.
//!
//! Source: "Working with WebSocket APIs", Amazon API Gateway developer guide.

use std::net::IpAddr;

use heartbeat_core::stream::frames::Frames;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::{client_ip, problem::Problem};

/// Event of a WebSocket at API Gateway.
#[derive(Debug, Deserialize)]
pub(crate) struct SocketEvent {
    #[serde(rename = "requestContext")]
    context: Context,
    /// Message of the viewer, where there is one.
    body: Option<String>,
    /// Parameters of the URL that a viewer connects to.
    #[serde(rename = "queryStringParameters")]
    parameters: Option<Parameters>,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    frames: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Context {
    #[serde(rename = "connectionId")]
    connection_id: String,
    identity: Option<Identity>,
}

#[derive(Debug, Deserialize)]
struct Identity {
    #[serde(rename = "sourceIp")]
    source_ip: Option<String>,
}

impl SocketEvent {
    /// Returns the connection id.
    pub(crate) fn connection_id(&self) -> &str {
        &self.context.connection_id
    }

    /// Returns the IP address by which the viewer is counted, as API Gateway reports it: behind CloudFront, that of an edge
    /// location.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        let ip = self.context.identity.as_ref()?.source_ip.as_deref()?;
        ip.parse::<IpAddr>().ok().map(|ip| client_ip::share_key(ip.to_canonical()))
    }

    /// Returns the frames that a viewer asks for: as it connects, by `?frames=changes`, and in a hello,
    /// `{"action": "hello", "frames": "changes"}`. `None` if it asks for none in particular, as by the text `hello`.
    pub(crate) fn frames(&self) -> Result<Option<Frames>, Problem> {
        if let Some(frames) = self.parameters.as_ref().and_then(|parameters| parameters.frames.as_deref()) {
            return Frames::parse(frames).map(Some).ok_or(Problem::UnknownFrames);
        }
        let message = serde_json::from_str(self.body.as_deref().unwrap_or_default()).unwrap_or(Value::Null);
        match &message["frames"] {
            Value::Null => Ok(None),
            Value::String(frames) => Frames::parse(frames).map(Some).ok_or(Problem::UnknownFrames),
            _ => Err(Problem::UnknownFrames),
        }
    }
}

/// Response to a [`SocketEvent`]. On `$connect`, API Gateway refuses the connection unless the status is 200.
#[derive(Debug, Serialize)]
pub(crate) struct SocketResponse {
    #[serde(rename = "statusCode")]
    status: u16,
}

impl SocketResponse {
    /// The event was handled.
    pub(crate) const OK: Self = Self { status: 200 };
}

impl From<Problem> for SocketResponse {
    fn from(problem: Problem) -> Self {
        Self { status: problem.status().as_u16() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(source_ip: &str, body: &str) -> SocketEvent {
        let context = json!({ "connectionId": "one", "identity": { "sourceIp": source_ip } });
        serde_json::from_value(json!({ "requestContext": context, "body": body })).expect("an event")
    }

    #[test]
    fn a_hello_asks_for_frames() {
        for (body, frames) in [
            ("", Ok(None)),
            ("hello", Ok(None)),
            ("\"changes\"", Ok(None)),
            (r#"{"action": "hello"}"#, Ok(None)),
            (r#"{"action": "hello", "frames": null}"#, Ok(None)),
            (r#"{"action": "hello", "frames": ""}"#, Ok(Some(Frames::EachSecond))),
            (r#"{"action": "hello", "frames": "changes"}"#, Ok(Some(Frames::Changes))),
            (r#"{"action": "hello", "frames": "Changes"}"#, Err(Problem::UnknownFrames)),
            (r#"{"action": "hello", "frames": 1}"#, Err(Problem::UnknownFrames)),
        ] {
            assert_eq!(event("203.0.113.7", body).frames(), frames, "{body}");
        }
    }

    #[test]
    fn a_viewer_asks_for_frames_as_it_connects() {
        for (parameters, frames) in [
            (json!({ "frames": "changes" }), Ok(Some(Frames::Changes))),
            (json!({ "frames": "" }), Ok(Some(Frames::EachSecond))),
            (json!({ "frames": "Changes" }), Err(Problem::UnknownFrames)),
            (json!({ "other": "changes" }), Ok(None)),
            (json!(null), Ok(None)),
        ] {
            let connect = json!({
                "requestContext": { "connectionId": "one" },
                "queryStringParameters": parameters,
            });
            let connect: SocketEvent = serde_json::from_value(connect).expect("an event");
            assert_eq!(connect.frames(), frames, "{parameters}");
        }
    }

    #[test]
    fn a_viewer_is_counted_by_its_ip_address_or_prefix() {
        for (source_ip, client) in [
            ("203.0.113.7", Some("203.0.113.7")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("2001:db8::17:4", Some("2001:db8::")),
            ("", None),
        ] {
            assert_eq!(event(source_ip, "").client(), client.and_then(|ip| ip.parse().ok()), "{source_ip}");
        }
        let without = json!({ "requestContext": { "connectionId": "one" } });
        let without: SocketEvent = serde_json::from_value(without).expect("an event");
        assert_eq!((without.client(), without.frames()), (None, Ok(None)));
    }
}
