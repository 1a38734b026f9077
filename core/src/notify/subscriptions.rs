//! Subscriptions: which configured channel wants which event. Those of channels in the database are looked up
//! by the statements that record what happened.

/// Pairs of a channel's key and a kind of event that it wants. No settings are in here: recording events needs no
/// secrets of channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscriptions {
    /// Whether the configuration names a channel, even one that wants no events.
    has_channel: bool,
    channels: Vec<String>,
    kinds: Vec<String>,
}

impl Subscriptions {
    /// Subscribes the channel called `channel` to events of these `kinds`.
    #[must_use]
    pub fn of(channel: &str, kinds: &[&str]) -> Self {
        Self {
            has_channel: true,
            channels: kinds.iter().map(|_| channel.to_owned()).collect(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    }

    /// Kinds of events that the configured channel wants; `None` if there is no such channel.
    #[must_use]
    pub fn of_configured_channel(&self) -> Option<&[String]> {
        self.has_channel.then_some(&self.kinds)
    }

    /// Keys of channels, each beside its kind in [`kinds`](Self::kinds).
    #[must_use]
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Kinds of events, each beside its channel in [`channels`](Self::channels).
    #[must_use]
    pub fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// Keys of the channels that want events of this kind.
    #[must_use]
    pub fn to(&self, kind: &str) -> Vec<String> {
        let pairs = self.channels.iter().zip(&self.kinds);
        pairs.filter(|(_, wanted)| *wanted == kind).map(|(channel, _)| channel.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Subscriptions;

    #[test]
    fn a_channel_gets_what_it_subscribed_to_and_nothing_else() {
        let subscriptions = Subscriptions::of("config:discord", &["device.added", "absence.ended"]);
        assert_eq!(subscriptions.to("device.added"), ["config:discord"]);
        assert!(subscriptions.to("beat").is_empty());
        assert_eq!(subscriptions.channels().len(), subscriptions.kinds().len());
    }

    #[test]
    fn a_channel_may_want_nothing() {
        assert_eq!(Subscriptions::of("config:discord", &[]).of_configured_channel(), Some(&[][..]));
        assert_eq!(Subscriptions::default().of_configured_channel(), None);
    }
}
