//! What an alert is doing, as the owner sees it.

use time::{Duration, OffsetDateTime};

use super::{Alert, AlertState, AlertStatus, firing::Firing, situation::Situation};

/// From here on an absence is under way: devices in use beat each minute.
const UNDER_WAY: Duration = Duration::minutes(5);

impl Situation {
    /// Returns what each alert is doing, in their order.
    #[must_use]
    pub fn statuses(&self) -> Vec<AlertStatus> {
        let status = |alert: &Alert| AlertStatus {
            effective_after: self.effective_after(alert),
            state: self.state(alert),
            unconfirmed: self.unconfirmed(alert),
            disabled: self.disabled(alert),
            alert: alert.clone(),
        };
        self.alerts.iter().map(status).collect()
    }

    fn state(&self, alert: &Alert) -> AlertState {
        if !alert.rule.enabled {
            return AlertState::Disabled;
        }
        if let Some(firing) = self.last_unresolved(alert) {
            return AlertState::Firing(firing.into());
        }
        if self.channels_of(alert).next().is_none() {
            return AlertState::NoChannels;
        }
        if self.effective_after(alert).is_none() {
            return AlertState::NotEnoughData;
        }
        if let Some(until) = self.snoozed_until {
            return AlertState::Snoozed { until };
        }
        let since = self.last_sign_of_life(alert).filter(|since| self.now - *since >= UNDER_WAY);
        since.map_or(AlertState::Armed, |since| AlertState::Waiting {
            since,
            fires_at: self.fires_at(alert, since).and_then(|moment| self.after_rest(alert, moment)),
        })
    }

    fn last_unresolved(&self, alert: &Alert) -> Option<&Firing> {
        let is_its = |firing: &&Firing| {
            firing.is_of(alert.id, alert.rule.device) && firing.id.is_some() && firing.resolved_at.is_none()
        };
        self.firings.iter().filter(is_its).max_by_key(|firing| firing.since)
    }

    /// Returns the first moment from this one on that is not in the rest of an alert.
    fn after_rest(&self, alert: &Alert, moment: OffsetDateTime) -> Option<OffsetDateTime> {
        if !self.is_in_rest(alert, moment) {
            return Some(moment);
        }
        let second = super::Span::from_seconds(1);
        Some(self.clock(alert).fires_at(moment, second)? - Duration::SECOND)
    }
}
