//! `GET /metrics`: figures for Prometheus. They are exact, and the owner's alone.

use axum::{
    Router,
    extract::State,
    http::{Method, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use heartbeat_core::{
    database::metrics::{self as stored, StoredMetrics},
    runtime::Runtime,
};
use prometheus::{
    GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder, core::Collector,
};
use time::OffsetDateTime;

use crate::{
    App,
    http::{
        error_responses::ErrorResponse,
        monitor::Monitor,
        problem::Problem,
        route::{Audience, Route},
    },
};

const PATH: &str = "/metrics";

/// `GET /metrics`
pub const ROUTE: Route = Route {
    name: "metrics",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Monitoring,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(metrics))
}

/// Get metrics for Prometheus
///
/// In Prometheus' text format. Hidden and archived devices have figures by id, and no name. Figures of the process, as
/// their help calls them, begin again when it does; on AWS Lambda they are left out.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "metrics",
    tag = "server",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("metricsToken" = []), ("metricsTokenBare" = [])),
    responses(
        (status = 200, description = "The metrics.", body = String, content_type = "text/plain; version=0.0.4",
            headers(("cache-control" = String, description = "`no-store`"))),
        ErrorResponse<401>,
        (status = 404, description = "The server has neither a secret key nor a `metrics_token`. The body is an HTML \
            page.", body = String, content_type = "text/html"),
        (status = 405, description = "Another method. The body is an HTML page.", body = String,
            content_type = "text/html",
            headers(("allow" = String, description = "Allowed methods."))),
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn metrics(_: Monitor, State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let of_database = app.heartbeat.reads().run(stored::read).await?;
    let mut families =
        database_registry(&of_database, app.heartbeat.runtime()).map_err(|_| Problem::Internal)?.gather();
    if app.heartbeat.runtime() == Runtime::Server {
        families.extend(app.heartbeat.metrics().registry().gather());
    }
    let text = TextEncoder::new().encode_to_string(&families).map_err(|_| Problem::Internal)?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text))
}

/// Returns a registry of what the database and the program know, which every process tells alike.
fn database_registry(of_database: &StoredMetrics, runtime: Runtime) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    add_devices(&registry, of_database)?;
    add_outbox(&registry, of_database)?;
    add_alerts(&registry, of_database)?;
    let gauge = |name, help, value| -> prometheus::Result<()> {
        added(&registry, IntGaugeVec::new(Opts::new(name, help), &[])?)?
            .with_label_values::<&str>(&[])
            .set(value);
        Ok(())
    };
    gauge(
        "heartbeat_longest_absence_seconds",
        "Longest time between two consecutive beats of any devices, the time since the last one included.",
        of_database.longest_absence,
    )?;
    gauge("heartbeat_snoozed", "Whether alerts are snoozed.", of_database.is_snoozed.into())?;
    if runtime == Runtime::Lambda {
        gauge("heartbeat_viewers", "Viewers of the stream.", of_database.gateway_viewers)?;
    }
    let build = Opts::new("heartbeat_build_info", "Version of the program; always 1.");
    let build = added(&registry, IntGaugeVec::new(build, &["version"])?)?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    Ok(registry)
}

fn add_devices(registry: &Registry, of_database: &StoredMetrics) -> prometheus::Result<()> {
    let beats = Opts::new("heartbeat_beats_total", "Beats of a device.");
    let beats = added(registry, IntCounterVec::new(beats, &["device"])?)?;
    let last_beat =
        Opts::new("heartbeat_last_beat_timestamp_seconds", "Unix time of the last beat of a device.");
    let last_beat = added(registry, GaugeVec::new(last_beat, &["device"])?)?;
    let info = Opts::new(
        "heartbeat_device_info",
        "Name of a device; always 1. Hidden and archived devices are not named.",
    );
    let info = added(registry, IntGaugeVec::new(info, &["device", "name"])?)?;
    for device in &of_database.devices {
        let id = device.id.to_string();
        beats.with_label_values(&[&id]).inc_by(device.num_beats.unsigned_abs());
        if let Some(time) = device.last_beat {
            last_beat.with_label_values(&[&id]).set(unix_seconds(time));
        }
        if let Some(name) = &device.name {
            info.with_label_values(&[&id, name]).set(1);
        }
    }
    Ok(())
}

fn add_outbox(registry: &Registry, of_database: &StoredMetrics) -> prometheus::Result<()> {
    let waiting = Opts::new("heartbeat_outbox_waiting", "Events that wait to be sent to a channel.");
    let waiting = added(registry, IntGaugeVec::new(waiting, &["channel"])?)?;
    let oldest = Opts::new(
        "heartbeat_outbox_oldest_timestamp_seconds",
        "Unix time of the oldest event that waits to be sent to a channel; missing if none does.",
    );
    let oldest = added(registry, GaugeVec::new(oldest, &["channel"])?)?;
    for channel in &of_database.channels {
        waiting.with_label_values(&[&channel.channel]).set(channel.events);
        if let Some(time) = channel.oldest {
            oldest.with_label_values(&[&channel.channel]).set(unix_seconds(time));
        }
    }
    Ok(())
}

fn add_alerts(registry: &Registry, of_database: &StoredMetrics) -> prometheus::Result<()> {
    let firing =
        Opts::new("heartbeat_alert_firing", "Whether an alert has fired for an absence that goes on.");
    let firing = added(registry, IntGaugeVec::new(firing, &["alert"])?)?;
    for alert in &of_database.alerts {
        firing.with_label_values(&[&alert.id.to_string()]).set(alert.is_firing.into());
    }
    let evaluation = Opts::new(
        "heartbeat_alert_evaluation_timestamp_seconds",
        "Unix time of the last evaluation of all alerts; missing before the first.",
    );
    let evaluation = added(registry, GaugeVec::new(evaluation, &[])?)?;
    if let Some(time) = of_database.alerts_evaluated_at {
        evaluation.with_label_values::<&str>(&[]).set(unix_seconds(time));
    }
    Ok(())
}

/// Adds a metric to `registry` and returns it.
fn added<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// Returns a Unix time with its fraction: exact to less than a microsecond.
fn unix_seconds(time: OffsetDateTime) -> f64 {
    (time - OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
}
