//! AWS clients of the stream's functions: posting frames to the WebSockets that API Gateway holds, and invoking the
//! pusher, which does so.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_apigatewaymanagement::{
    self as gateway,
    config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig},
    operation::{delete_connection::DeleteConnectionError, post_to_connection::PostToConnectionError},
    primitives::Blob,
};
use aws_sdk_lambda::{self as functions, types::InvocationType};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use bytes::Bytes;
use heartbeat_core::stream::{Delivery, Gateway, GatewayStream, POST_TIMEOUT};

use super::{Error, required};

/// Timeout for invoking the pusher. A viewer that connects waits for that.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(2);

/// Client of API Gateway, which holds the WebSockets.
#[derive(Debug)]
pub struct ApiGateway(gateway::Client);

impl ApiGateway {
    /// Creates a client of the API at `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, with the credentials of this function.
    pub fn from_environment() -> Result<Self, Error> {
        let config = gateway::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(required("AWS_REGION")?))
            .endpoint_url(required("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")?)
            .credentials_provider(credentials()?)
            .http_client(http_client())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(POST_TIMEOUT).build())
            .build();
        Ok(Self(gateway::Client::from_conf(config)))
    }

    /// Closes a connection. A failure is logged only: API Gateway closes a connection that is idle for ten minutes.
    pub async fn close(&self, connection: &str) {
        let close = self.0.delete_connection().connection_id(connection);
        if let Err(error) = Box::pin(close.send()).await {
            let is_gone = error.as_service_error().is_some_and(DeleteConnectionError::is_gone_exception);
            if !is_gone {
                tracing::warn!(%error, "a connection was not closed");
            }
        }
    }
}

impl Gateway for ApiGateway {
    async fn post(&self, connection: &str, frame: &Bytes) -> Delivery {
        let post = self.0.post_to_connection().connection_id(connection).data(Blob::new(frame.clone()));
        // Boxed: the SDK's future nests too deep for the compiler's recursion limit.
        match Box::pin(post.send()).await {
            Ok(_) => Delivery::Taken,
            Err(error) => {
                if error.as_service_error().is_some_and(PostToConnectionError::is_gone_exception) {
                    return Delivery::Gone;
                }
                tracing::warn!(%error, "a frame was not taken");
                Delivery::Failed
            }
        }
    }
}

/// Client that invokes the pusher.
#[derive(Debug)]
pub struct PusherStarter {
    client: functions::Client,
    function: String,
}

impl PusherStarter {
    /// Creates a client that invokes the function `PUSHER_FUNCTION`, with the credentials of this function.
    /// `AWS_ENDPOINT_URL_LAMBDA` overrides the endpoint of Lambda.
    pub fn from_environment() -> Result<Self, Error> {
        let mut config = functions::Config::builder()
            .behavior_version(functions::config::BehaviorVersion::latest())
            .region(functions::config::Region::new(required("AWS_REGION")?))
            .credentials_provider(credentials()?)
            .http_client(http_client())
            .retry_config(functions::config::retry::RetryConfig::disabled())
            .timeout_config(
                functions::config::timeout::TimeoutConfig::builder()
                    .operation_timeout(INVOKE_TIMEOUT)
                    .build(),
            );
        config.set_endpoint_url(required("AWS_ENDPOINT_URL_LAMBDA").ok());
        let client = functions::Client::from_conf(config.build());
        Ok(Self { client, function: required("PUSHER_FUNCTION")? })
    }

    /// Starts the pusher if there are viewers and none runs. After a failure, viewers that get no frames say hello, which
    /// retries; so does [`minutely`](super::minutely).
    pub async fn start_if_needed(&self, stream: &GatewayStream) {
        if let Ok(true) = stream.needs_pusher().await {
            self.start().await;
        }
    }

    /// Starts the pusher, without waiting until it ends. A failure is logged only.
    pub async fn start(&self) {
        let invocation =
            self.client.invoke().function_name(&self.function).invocation_type(InvocationType::Event);
        match Box::pin(invocation.send()).await {
            Ok(_) => tracing::info!("started the pusher"),
            Err(error) => tracing::error!(%error, "cannot start the pusher"),
        }
    }
}

/// Returns the credentials that Lambda puts into the environment of this function.
fn credentials() -> Result<Credentials, Error> {
    let token = required("AWS_SESSION_TOKEN").ok();
    let (id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(id, secret, token, None, "environment"))
}

fn http_client() -> aws_sdk_apigatewaymanagement::config::SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
