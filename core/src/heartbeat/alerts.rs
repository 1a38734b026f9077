//! The owner's alerts. Their statements run where reads do, so that no beat waits for them.

use super::Heartbeat;
use crate::{
    Error,
    alert::{Alert, AlertRule},
    database::alerts,
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
}
