//! The owner's alerts. Their statements run where reads do, so that no beat waits for them.

use super::Heartbeat;
use crate::{
    Error,
    alert::{
        AFTER_MAX, After, Alert, AlertRule, Window,
        preview::{self, Preview},
    },
    database::{Connection, alerts, past, unusual},
};

impl Heartbeat {
    /// All alerts, ordered by the length of their absences.
    pub async fn alerts(&self) -> Result<Vec<Alert>, Error> {
        self.reads.run(alerts::all).await
    }

    /// The alert that has this id.
    pub async fn alert(&self, id: i64) -> Result<Alert, Error> {
        let find = async |connection: &mut _| alerts::one(connection, id).await;
        self.reads.run(find).await?.ok_or(Error::UnknownAlert)
    }

    /// Adds an alert. It counts the absence that goes on already.
    pub async fn add_alert(&self, rule: AlertRule) -> Result<Alert, Error> {
        let add = async |connection: &mut _| alerts::add(connection, &rule).await;
        let id = self.reads.run(add).await?.ok_or(Error::TooManyAlerts)?;
        self.alert(id).await
    }

    /// Replaces the rule of alert `id`.
    pub async fn update_alert(&self, id: i64, rule: AlertRule) -> Result<Alert, Error> {
        let update = async |connection: &mut _| alerts::update(connection, id, &rule).await;
        if self.reads.run(update).await? { self.alert(id).await } else { Err(Error::UnknownAlert) }
    }

    /// Deletes alert `id`. Who was told that it fired is told that it resolved all the same.
    pub async fn delete_alert(&self, id: i64) -> Result<(), Error> {
        let delete = async |connection: &mut _| alerts::delete(connection, id).await;
        self.reads.run(delete).await?.then_some(()).ok_or(Error::UnknownAlert)
    }

    /// Has alert `id` fire a test when alerts are evaluated next.
    pub async fn test_alert(&self, id: i64) -> Result<(), Error> {
        let request = async |connection: &mut _| alerts::request_test(connection, id).await;
        self.reads.run(request).await?.then_some(()).ok_or(Error::UnknownAlert)
    }

    /// When an alert of this kind would have fired in the last year. `device` is the one whose absence it is; `None` if it is
    /// that of all.
    pub async fn preview(
        &self,
        after: After,
        device: Option<i64>,
        rest: Option<Window>,
    ) -> Result<Preview, Error> {
        let device = match device {
            Some(id) => Some(self.device(id).await?.id),
            None => None,
        };
        let timezone = self.settings().await?.effective().timezone;
        let read = async |connection: &mut Connection| {
            let effective_after = match after {
                After::Fixed(span) => Some(span),
                After::Unusual => unusual::read(connection, device, rest, &timezone).await?,
            };
            let shortest = effective_after.unwrap_or(AFTER_MAX);
            let past = past::read(connection, device, preview::LOOKBACK, shortest).await?;
            let firings = effective_after.map(|after| preview::firings(&past, after, rest, &timezone));
            let (firings, data_since) = (firings.unwrap_or_default(), past.data_since);
            Ok(Preview { effective_after, firings, data_since })
        };
        self.reads.run(read).await
    }
}
