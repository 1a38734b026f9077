//! The owner's channels. Their statements run where reads do, so that no beat waits for them.

use super::Heartbeat;
use crate::{
    Error,
    channel::{self, CONFIGURED_ID, ChannelUpdate, NewChannel, OwnedChannel},
    database::{
        channel_readers,
        dead_letters::{self, DeadLetters},
        owned_channels,
    },
    link::Link,
};

impl Heartbeat {
    /// All channels, ordered by id: first the one that the configuration names, if it does.
    pub async fn channels(&self) -> Result<Vec<OwnedChannel>, Error> {
        let configured = self.configured_channel.as_deref();
        self.reads.run(async |connection: &mut _| owned_channels::all(connection, configured).await).await
    }

    /// The channel that has this id.
    pub async fn channel(&self, id: i64) -> Result<OwnedChannel, Error> {
        let configured = self.configured_channel.as_deref();
        let find = async |connection: &mut _| owned_channels::one(connection, id, configured).await;
        self.reads.run(find).await?.ok_or(Error::UnknownChannel)
    }

    /// Adds a channel whose settings its kind accepts. A friend is asked to confirm it.
    pub async fn add_channel(
        &self,
        channel: NewChannel,
        start_code: Option<String>,
    ) -> Result<OwnedChannel, Error> {
        let code = start_code.as_deref();
        let add = async |connection: &mut _| owned_channels::add(connection, &channel, code).await;
        let id = self.reads.run(add).await?.ok_or(Error::TooManyChannels)?;
        self.queued_events.notify_one();
        self.channel(id).await
    }

    /// Changes channel `id`.
    pub async fn update_channel(&self, id: i64, update: ChannelUpdate) -> Result<OwnedChannel, Error> {
        self.refuse_configured(id)?;
        let change = async |connection: &mut _| owned_channels::update(connection, id, &update).await;
        if !self.reads.run(change).await? {
            return Err(Error::UnknownChannel);
        }
        self.queued_events.notify_one();
        self.channel(id).await
    }

    /// Deletes channel `id`, with what waits for it.
    pub async fn delete_channel(&self, id: i64) -> Result<(), Error> {
        self.refuse_configured(id)?;
        let delete = async |connection: &mut _| owned_channels::delete(connection, id).await;
        self.reads.run(delete).await?.then_some(()).ok_or(Error::UnknownChannel)
    }

    /// The channel that `link` was sent through; `None` if it is gone, or has another address by now.
    pub async fn linked_channel(&self, link: Link) -> Result<Option<OwnedChannel>, Error> {
        match self.channel(link.channel).await {
            Ok(channel) => Ok(Some(channel).filter(|it| it.address_version == link.address_version)),
            Err(Error::UnknownChannel) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records that the reader of a channel is reached by it. Returns whether there is still such a channel.
    pub async fn confirm_channel(&self, link: Link) -> Result<bool, Error> {
        let Link { channel, address_version, .. } = link;
        let confirm =
            async |connection: &mut _| channel_readers::confirm(connection, channel, address_version).await;
        self.reads.run(confirm).await
    }

    /// Disables a channel, as its reader wants no more, and tells the owner by the other channels. Returns whether there is
    /// still such a channel. If its settings change meanwhile, that enables it again.
    pub async fn unsubscribe_channel(&self, link: Link) -> Result<bool, Error> {
        let Some(channel) = self.linked_channel(link).await? else { return Ok(false) };
        let configured: Vec<String> =
            self.configured_channel.iter().map(|_| channel::key(CONFIGURED_ID)).collect();
        let disable =
            async |connection: &mut _| channel_readers::unsubscribe(connection, &channel, &configured).await;
        self.reads.run(disable).await?;
        self.queued_events.notify_one();
        Ok(true)
    }

    /// Sends a test through channel `id`. Fails if its chat is not known yet.
    pub async fn test_channel(&self, id: i64) -> Result<(), Error> {
        let channel = self.channel(id).await?;
        if channel.start_code.is_some() {
            return Err(Error::UnlinkedChannel);
        }
        let key = channel::key(channel.id);
        self.reads.run(async |connection: &mut _| owned_channels::test(connection, &key).await).await?;
        self.queued_events.notify_one();
        Ok(())
    }

    /// Sends the dead letter with this id again. Returns whether there is one that still makes sense.
    pub async fn resend_event(&self, id: i64) -> Result<bool, Error> {
        Ok(self.resend(DeadLetters::One(id)).await? > 0)
    }

    /// Sends all dead letters of channel `id` again. Returns how many those are.
    pub async fn resend_events_of_channel(&self, id: i64) -> Result<u64, Error> {
        self.resend(DeadLetters::Of(&channel::key(id))).await
    }

    async fn resend(&self, letters: DeadLetters<'_>) -> Result<u64, Error> {
        let revive = async |connection: &mut _| dead_letters::revive(connection, letters).await;
        let revived = self.reads.run(revive).await?;
        self.queued_events.notify_one();
        Ok(revived)
    }

    /// Fails if the configuration owns channel `id`, which is changed there.
    fn refuse_configured(&self, id: i64) -> Result<(), Error> {
        if id == CONFIGURED_ID && self.configured_channel.is_some() {
            return Err(Error::ConfiguredChannel);
        }
        Ok(())
    }
}
