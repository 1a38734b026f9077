//! Changes to the devices and to their credentials, which are rare: one statement each.

use time::OffsetDateTime;
use tokio::time::Instant;

use super::{Reply, Writer};
use crate::{
    Error,
    database::{devices, editor_keys, pairings, settings},
    device::{DeviceName, Registered},
    notify::event::EventKind,
    pairing::CodeHash,
    settings::Choices,
    token::TokenHash,
};

/// A change to the devices.
#[derive(Debug)]
pub(in crate::heartbeat) enum Change {
    Register { name: DeviceName, token: TokenHash, reply: Reply<Registered> },
    ReplaceToken { id: i64, token: TokenHash, reply: Reply<Registered> },
    ReplaceEditorKey { id: i64, key: TokenHash, reply: Reply<Registered> },
    RemoveEditorKey { id: i64, reply: Reply<()> },
    Choose { choices: Choices, reply: Reply<()> },
    StartPairing { id: i64, code: CodeHash, reply: Reply<OffsetDateTime> },
}

impl Writer {
    /// Makes a change, and answers the caller, who may have gone.
    pub(super) async fn change(&self, change: Change, deadline: Instant) {
        match change {
            Change::Register { name, token, reply } => {
                let _ = reply.send(self.register(name, token, deadline).await);
            }
            Change::ReplaceToken { id, token, reply } => {
                let replaced = self
                    .session
                    .run(deadline, async |connection| devices::replace_token(connection, id, token).await)
                    .await;
                let _ = reply.send(replaced.and_then(|found| found.ok_or(Error::UnknownDevice)));
            }
            Change::ReplaceEditorKey { id, key, reply } => {
                let replaced = self
                    .session
                    .run(deadline, async |connection| editor_keys::replace(connection, id, key).await)
                    .await;
                let _ = reply.send(replaced.and_then(|found| found.ok_or(Error::UnknownDevice)));
            }
            Change::RemoveEditorKey { id, reply } => {
                let removed = self
                    .session
                    .run(deadline, async |connection| editor_keys::remove(connection, id).await)
                    .await;
                let _ = reply.send(removed.and_then(|found| found.then_some(()).ok_or(Error::UnknownDevice)));
            }
            Change::Choose { choices, reply } => {
                let _ = reply.send(self.choose(&choices, deadline).await);
            }
            Change::StartPairing { id, code, reply } => {
                let started = self
                    .session
                    .run(deadline, async |connection| pairings::start(connection, id, code).await)
                    .await;
                let _ = reply.send(started.and_then(|found| found.ok_or(Error::UnknownDevice)));
            }
        }
    }

    async fn choose(&self, choices: &Choices, deadline: Instant) -> Result<(), Error> {
        self.session.run(deadline, async |connection| settings::choose(connection, choices).await).await?;
        self.cache.mark_outdated();
        Ok(())
    }

    async fn register(
        &self,
        name: DeviceName,
        token: TokenHash,
        deadline: Instant,
    ) -> Result<Registered, Error> {
        let configured = self.configured.to(EventKind::DeviceAdded.name());
        let device = self
            .session
            .run(deadline, async |connection| devices::add(connection, &name, token, &configured).await)
            .await?;
        self.cache.add_device(device.id, name.as_str());
        if device.queued_events {
            self.queued_events.notify_one();
        }
        Ok(Registered { id: device.id, name: Some(name.as_str().to_owned()) })
    }
}
