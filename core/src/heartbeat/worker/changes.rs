//! Changes that the owner makes, which are rare: each is one transaction.

use time::OffsetDateTime;
use tokio::time::Instant;

use super::{Reply, Writer};
use crate::{
    Error,
    database::{
        Connection,
        credentials::Credentials,
        devices, editor_keys,
        erasures::{self, Erased},
        owned_devices, owner, pairings, settings,
    },
    device::{DeviceName, DeviceUpdate, OwnedDevice, Registered},
    notify::event::EventKind,
    pairing::CodeHash,
    settings::Choices,
    snooze::{Snooze, SnoozeNote},
    token::TokenHash,
};

/// A change that the owner makes.
#[derive(Debug)]
pub(in crate::heartbeat) enum Change {
    Register { name: DeviceName, token: TokenHash, reply: Reply<Registered> },
    ReplaceToken { id: i64, token: TokenHash, reply: Reply<Registered> },
    ReplaceEditorKey { id: i64, key: TokenHash, reply: Reply<Registered> },
    RemoveEditorKey { id: i64, reply: Reply<()> },
    Choose { choices: Choices, reply: Reply<()> },
    StartPairing { id: i64, code: CodeHash, reply: Reply<OffsetDateTime> },
    UpdateDevice { id: i64, update: DeviceUpdate, reply: Reply<OwnedDevice> },
    EraseDevice { id: i64, reply: Reply<Erased> },
    SetSnooze { snooze: Option<Snooze>, reply: Reply<()> },
    RecordOk { reply: Reply<()> },
}

impl Writer {
    /// Makes a change, and answers the caller, who may have gone.
    pub(super) async fn change(&self, change: Change, deadline: Instant) {
        match change {
            Change::Register { name, token, reply } => {
                let _ = reply.send(self.register(name, token, deadline).await);
            }
            Change::ReplaceToken { id, token, reply } => {
                let replace =
                    async |connection: &mut Connection| devices::replace_token(connection, id, token).await;
                let replaced = self.session.run(deadline, replace).await;
                let _ = reply.send(replaced.and_then(changed));
            }
            Change::ReplaceEditorKey { id, key, reply } => {
                let replace =
                    async |connection: &mut Connection| editor_keys::replace(connection, id, key).await;
                let replaced = self.session.run(deadline, replace).await;
                let _ = reply.send(replaced.and_then(changed));
            }
            Change::RemoveEditorKey { id, reply } => {
                let remove = async |connection: &mut Connection| editor_keys::remove(connection, id).await;
                let removed = self.session.run(deadline, remove).await;
                let _ = reply.send(removed.and_then(|found| found.then_some(()).ok_or(Error::UnknownDevice)));
            }
            Change::Choose { choices, reply } => {
                let _ = reply.send(self.choose(&choices, deadline).await);
            }
            Change::StartPairing { id, code, reply } => {
                let start = async |connection: &mut Connection| pairings::start(connection, id, code).await;
                let started = self.session.run(deadline, start).await;
                let _ = reply.send(started.and_then(changed));
            }
            Change::UpdateDevice { id, update, reply } => {
                let _ = reply.send(self.update_device(id, &update, deadline).await);
            }
            Change::EraseDevice { id, reply } => {
                let _ = reply.send(self.erase_device(id, deadline).await);
            }
            Change::SetSnooze { snooze, reply } => {
                let _ = reply.send(self.set_snooze(snooze.as_ref(), deadline).await);
            }
            Change::RecordOk { reply } => {
                let _ = reply.send(self.session.run(deadline, owner::record_ok).await);
            }
        }
    }

    async fn choose(&self, choices: &Choices, deadline: Instant) -> Result<(), Error> {
        self.session.run(deadline, async |connection| settings::choose(connection, choices).await).await?;
        self.cache.mark_outdated();
        Ok(())
    }

    async fn update_device(
        &self,
        id: i64,
        update: &DeviceUpdate,
        deadline: Instant,
    ) -> Result<OwnedDevice, Error> {
        let change = async |connection: &mut Connection| owned_devices::update(connection, id, update).await;
        let device = self.session.run(deadline, change).await?.ok_or(Error::UnknownDevice)?;
        self.cache.mark_outdated();
        Ok(device)
    }

    async fn erase_device(&self, id: i64, deadline: Instant) -> Result<Erased, Error> {
        let erase = async |connection: &mut Connection| erasures::erase(connection, id).await;
        let erased = self.session.run(deadline, erase).await?.ok_or(Error::UnknownDevice)?;
        self.cache.mark_outdated();
        Ok(erased)
    }

    async fn set_snooze(&self, snooze: Option<&Snooze>, deadline: Instant) -> Result<(), Error> {
        let until = snooze.map(|snooze| snooze.until);
        let note = snooze.and_then(|snooze| snooze.note.as_ref()).map(SnoozeNote::as_str);
        let set = async |connection: &mut Connection| owner::set_snooze(connection, until, note).await;
        self.session.run(deadline, set).await
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

/// Returns what is known of credentials that were changed.
fn changed<T>(credentials: Credentials<T>) -> Result<T, Error> {
    match credentials {
        Credentials::Changed(change) => Ok(change),
        Credentials::UnknownDevice => Err(Error::UnknownDevice),
        Credentials::Archived => Err(Error::ArchivedDevice),
    }
}
