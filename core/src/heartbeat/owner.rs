//! What the owner sees and decides: devices, the snooze, that they are well.

use tokio::time::sleep;

use super::{
    Heartbeat,
    worker::{Change, Command},
};
use crate::{
    Error,
    database::{owned_devices, owner},
    device::{DeviceUpdate, OwnedDevice},
    jobs::erase_beats::RELIANCE,
    snooze::{Snooze, SnoozeNote},
};

impl Heartbeat {
    /// All devices, ordered by id, archived ones last.
    pub async fn devices(&self) -> Result<Vec<OwnedDevice>, Error> {
        self.reads.run(owned_devices::all).await
    }

    /// The device that has this id, or had it formerly.
    pub async fn device(&self, id: i64) -> Result<OwnedDevice, Error> {
        let find = async |connection: &mut _| owned_devices::one(connection, id).await;
        self.reads.run(find).await?.ok_or(Error::UnknownDevice)
    }

    /// Changes device `id`. When this returns, it is committed: the token of a device that was archived is dead, whichever
    /// process it comes to.
    pub async fn update_device(&self, id: i64, update: DeviceUpdate) -> Result<OwnedDevice, Error> {
        self.ask(|reply| Command::Change(Change::UpdateDevice { id, update, reply })).await
    }

    /// Erases device `id` for good: when this returns, no figure counts it, and its token is dead. Its beats are deleted,
    /// and records follow, unless there are very many: then a job goes on.
    pub async fn erase_device(&self, id: i64) -> Result<(), Error> {
        let erased = self.ask(|reply| Command::Change(Change::EraseDevice { id, reply })).await?;
        if erased.has_just_beaten {
            sleep(RELIANCE).await;
        }
        if self.eraser.run_quickly(erased.id).await {
            self.cache.mark_outdated();
        }
        Ok(())
    }

    /// The snooze, unless there is none or it has ended.
    pub async fn snooze(&self) -> Result<Option<Snooze>, Error> {
        let stored = self.reads.run(owner::snooze).await?;
        Ok(stored.map(|stored| Snooze {
            until: stored.until,
            note: stored.note.and_then(|note| SnoozeNote::parse(&note).ok().flatten()),
        }))
    }

    /// Sets the snooze in the place of the one before, or ends it.
    pub async fn set_snooze(&self, snooze: Option<Snooze>) -> Result<(), Error> {
        self.ask(|reply| Command::Change(Change::SetSnooze { snooze, reply })).await
    }

    /// Records that the owner is well.
    pub async fn record_ok(&self) -> Result<(), Error> {
        self.ask(|reply| Command::Change(Change::RecordOk { reply })).await
    }
}
