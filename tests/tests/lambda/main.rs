//! Lambda functions: real programs, fed with events of API Gateway.

mod fake_cloud;
mod functions;
mod hanging_viewers;
mod links;
mod metrics;
mod parity;
mod secrets;
mod sessions;
mod stream;
mod stream_changes;
mod viewers;
