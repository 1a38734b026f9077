//! The owner's API as one Lambda function: its routes are used too seldom for each to have connections of its own.

#[cfg(feature = "webhook")]
use heartbeat_functions::api::channels;
use heartbeat_functions::{
    api::{alerts, devices, ok, snooze},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[
        alerts::ROUTE,
        alerts::alert::ROUTE,
        alerts::preview::ROUTE,
        alerts::test::ROUTE,
        #[cfg(feature = "webhook")]
        channels::ROUTE,
        #[cfg(feature = "webhook")]
        channels::channel::ROUTE,
        #[cfg(feature = "webhook")]
        channels::resend::ROUTE,
        #[cfg(feature = "webhook")]
        channels::test::ROUTE,
        devices::ROUTE,
        devices::device::ROUTE,
        devices::editor_key::ROUTE,
        devices::pairing::ROUTE,
        devices::token_generate::ROUTE,
        ok::ROUTE,
        snooze::ROUTE,
    ])
    .await
}
