//! What channels of the kind `webhook` send, in the `OpenAPI` document: one webhook for each kind of event.

use heartbeat_core::notify::{
    event::EventKind,
    webhook_payload::{
        AbsenceData, AlertData, ChannelData, ConfirmData, DeviceData, SinceData, WebhookAlert,
        WebhookChannel, WebhookDevice,
    },
};
use serde_json::{Value, json};
use utoipa::{
    OpenApi, PartialSchema,
    openapi::{
        ContentBuilder, HttpMethod, KnownFormat, ObjectBuilder, PathItem, Paths, Ref, ResponseBuilder,
        SchemaFormat, Type,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
    },
};

const DESCRIPTION: &str = "\
Sent by channels of the kind `webhook` as Standard Webhooks (standardwebhooks.com) says: at least once, in order, signed with \
the secret of the channel. The `webhook-id` is the same in every attempt. A status from 200 to 299 says that it was taken, 410 \
disables the channel, and anything else is tried again.";

/// Adds the webhooks to the document, with the schemas of what they send.
pub(super) fn add(document: &mut utoipa::openapi::OpenApi) {
    document.merge(Schemas::openapi());
    let mut webhooks = Paths::new();
    for name in EventKind::NAMES {
        webhooks.paths.insert(name.to_owned(), PathItem::new(HttpMethod::Post, operation(name)));
    }
    document.webhooks = Some(webhooks);
}

#[derive(OpenApi)]
#[openapi(components(schemas(
    AbsenceData,
    AlertData,
    ChannelData,
    ConfirmData,
    DeviceData,
    SinceData,
    WebhookAlert,
    WebhookChannel,
    WebhookDevice
)))]
struct Schemas;

fn operation(name: &str) -> Operation {
    let (summary, data, _) = event(name);
    let kind = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([name]));
    let timestamp = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("When it happened."));
    let body = ObjectBuilder::new()
        .property("type", kind)
        .required("type")
        .property("timestamp", timestamp)
        .required("timestamp")
        .property("data", Ref::from_schema_name(data))
        .required("data");
    let content = ContentBuilder::new().schema(Some(body)).example(Some(example(name))).build();
    let taken = ResponseBuilder::new().description("It was taken.");
    let gone = ResponseBuilder::new().description("Nothing is to be sent any more: the channel is disabled.");
    OperationBuilder::new()
        .operation_id(Some(format!("webhook.{name}")))
        .tag("channels")
        .summary(Some(summary))
        .description(Some(DESCRIPTION))
        .parameters(Some(headers()))
        .request_body(Some(RequestBodyBuilder::new().content("application/json", content).build()))
        .response("2XX", taken)
        .response("410", gone)
        .build()
}

/// Returns the headers of Standard Webhooks.
fn headers() -> [Parameter; 3] {
    let header = |name: &str, description: &str, example: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(utoipa::openapi::Required::True)
            .description(Some(description))
            .schema(Some(String::schema()))
            .example(Some(example.into()))
            .build()
    };
    [
        header("webhook-id", "Id of the event: the same in every attempt.", "evt_7_1698918520"),
        header("webhook-timestamp", "Unix time of the attempt, in seconds.", "1698919200"),
        header(
            "webhook-signature",
            "`v1,` and HMAC-SHA256 of `id.timestamp.body` in base64; while a secret is rotated, two of them with a blank between.",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ]
}

/// Returns what a kind of event tells, the schema of its details, and an example of these.
fn event(name: &str) -> (&'static str, &'static str, Value) {
    let device = json!({ "id": 3, "name": "Laptop" });
    let alert = |more: Value| {
        let mut data = json!({
            "alert": { "id": 1, "name": "After 48 hours" }, "firing": 7, "since": "2026-11-24T20:05:00Z", "repetition": 0,
            "test": false
        });
        let members = more.as_object().into_iter().flatten();
        members.for_each(|(name, value)| data[name] = value.clone());
        data
    };
    match name {
        "beat" => ("A device beat", "DeviceData", json!({ "device": device })),
        "device.added" => ("A device was added", "DeviceData", json!({ "device": device })),
        "device.paired" => ("A device was paired with a code", "DeviceData", json!({ "device": device })),
        "device.suspicious" => (
            "A device beats without a pause: maybe it is not used by a person",
            "SinceData",
            json!({ "device": device, "since": "2026-11-25T23:10:00Z" }),
        ),
        "device.quiet" => (
            "A device has not beaten for a week, while others have",
            "SinceData",
            json!({ "device": device, "since": "2026-11-19T18:02:00Z" }),
        ),
        "absence.ended" => (
            "An absence of more than an hour has ended",
            "AbsenceData",
            json!({
                "device": device, "started_at": "2026-11-25T20:05:00Z", "ended_at": "2026-11-26T07:12:00Z",
                "seconds": 40_020
            }),
        ),
        "alert.fired" => (
            "An alert fired, or repeats itself",
            "AlertData",
            alert(
                json!({ "ok_url": "https://beat.example.org/ok/AQAAAAAAAAAHAAAAAAAAAAUSMfbAv3jNuJQ0Wm0wbYxM" }),
            ),
        ),
        "alert.resolved" => (
            "What an alert told of is over",
            "AlertData",
            alert(json!({ "ended_at": "2026-11-26T21:30:00Z", "ended_by": "beat" })),
        ),
        "alert.reached" => {
            ("A friend has reached the owner", "AlertData", alert(json!({ "reached_by": "Anna" })))
        }
        "channel.confirm" => (
            "Asks a friend to confirm the channel",
            "ConfirmData",
            json!({
                "confirm_url": "https://beat.example.org/confirm/AwAAAAAAAAAAAAAAAAAAAAUSMfbAv3jNuJQ0Wm0wbYxM",
                "unsubscribe_url": "https://beat.example.org/unsubscribe/BAAAAAAAAAAAAAAAAAAAAAUSMfbAv3jNuJQ0Wm0wbYxM"
            }),
        ),
        "channel.failing" => (
            "Nothing arrives through another channel",
            "ChannelData",
            json!({ "channel": { "id": 2, "name": "Anna" }, "reason": "status 404", "disabled": true }),
        ),
        _ => ("A test of the channel", "DeviceData", json!({})),
    }
}

/// Returns an example of a body.
fn example(name: &str) -> Value {
    let (_, _, data) = event(name);
    json!({ "type": name, "timestamp": "2026-11-26T20:05:04Z", "data": data })
}
