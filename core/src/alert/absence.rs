//! Absences: what those of single devices have in common.

use time::{OffsetDateTime, macros::datetime};

/// Stands for the time before the first beat. No beat is as old.
const BEFORE_ALL: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// Stands for the end of what goes on.
const AFTER_ALL: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// A time without a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// The last beat before it.
    pub started_at: OffsetDateTime,
    /// The first beat after it; `None` while it goes on.
    pub ended_at: Option<OffsetDateTime>,
}

impl Absence {
    /// Returns how long it has lasted at the time `now`.
    #[must_use]
    pub fn length(&self, now: OffsetDateTime) -> time::Duration {
        self.ended_at.unwrap_or(now) - self.started_at
    }
}

/// A device that has beaten, and its absences: all that are longer than what the caller looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePast {
    /// Its first beat.
    pub first_beat: OffsetDateTime,
    /// Its last beat: it has been absent since.
    pub last_beat: OffsetDateTime,
    /// Its absences that have ended, in their order.
    pub ended: Vec<Absence>,
}

/// A time without a beat, from one moment to another.
type Gap = (OffsetDateTime, OffsetDateTime);

impl DevicePast {
    /// Returns the times without a beat of this device, in their order, those before its first and after its last beat
    /// included.
    fn gaps(&self) -> Vec<Gap> {
        let ended = self.ended.iter().filter_map(|absence| Some((absence.started_at, absence.ended_at?)));
        let before = std::iter::once((BEFORE_ALL, self.first_beat));
        before.chain(ended).chain([(self.last_beat, AFTER_ALL)]).collect()
    }
}

/// Returns the absences of all of these devices together, in their order: the times between a beat of one of them and the
/// next beat of any of them. The last one goes on. There are none without devices.
#[must_use]
pub fn common(devices: &[DevicePast]) -> Vec<Absence> {
    let gaps = devices.iter().map(DevicePast::gaps).reduce(|common, gaps| intersection(&common, &gaps));
    let known = gaps.unwrap_or_default().into_iter().filter(|(start, _)| *start > BEFORE_ALL);
    known
        .map(|(started_at, end)| Absence { started_at, ended_at: (end < AFTER_ALL).then_some(end) })
        .collect()
}

/// Returns what is in a gap of both. Two gaps that meet at a beat stay two.
fn intersection(left: &[Gap], right: &[Gap]) -> Vec<Gap> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut common = Vec::new();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let (start, end) = (a.0.max(b.0), a.1.min(b.1));
        if start < end {
            common.push((start, end));
        }
        if a.1 < b.1 {
            left.next()
        } else {
            right.next()
        };
    }
    common
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        BEFORE_ALL + time::Duration::seconds(seconds)
    }

    fn past(beats: &BTreeSet<i64>) -> Option<DevicePast> {
        let ended = beats.iter().zip(beats.iter().skip(1));
        Some(DevicePast {
            first_beat: at(*beats.first()?),
            last_beat: at(*beats.last()?),
            ended: ended
                .map(|(start, end)| Absence { started_at: at(*start), ended_at: Some(at(*end)) })
                .collect(),
        })
    }

    fn absence(start: i64, end: Option<i64>) -> Absence {
        Absence { started_at: at(start), ended_at: end.map(at) }
    }

    #[test]
    fn all_are_absent_between_a_beat_of_one_and_the_next_of_another() {
        let devices = [past(&[10, 100].into()), past(&[50].into())].map(|past| past.expect("beats"));
        assert_eq!(common(&devices), [absence(10, Some(50)), absence(50, Some(100)), absence(100, None)]);
        assert_eq!(common(&[]), []);
    }

    #[test]
    fn a_device_was_absent_before_its_first_beat() {
        let devices = [past(&[10, 20].into()), past(&[500].into())].map(|past| past.expect("beats"));
        assert_eq!(common(&devices), [absence(10, Some(20)), absence(20, Some(500)), absence(500, None)]);
    }

    proptest! {
        #[test]
        fn what_devices_have_in_common_are_the_absences_of_all_their_beats(
            devices in vec(vec(1_i64..1_000, 0..40), 0..6)
        ) {
            let devices: Vec<BTreeSet<i64>> =
                devices.into_iter().map(|beats| beats.into_iter().collect()).collect();
            let all = past(&devices.iter().flatten().copied().collect());
            let of_all = all.map_or_else(Vec::new, |all| common(&[all]));
            let pasts: Vec<DevicePast> = devices.iter().filter_map(past).collect();
            prop_assert_eq!(common(&pasts), of_all);
        }

        #[test]
        fn short_absences_of_single_devices_do_not_matter_to_long_ones_of_all(
            devices in vec(vec(1_i64..1_000, 1..20), 1..5),
            length in 1_i64..100,
        ) {
            let is_long = |absence: &Absence| absence.length(AFTER_ALL).whole_seconds() >= length;
            let mut pasts: Vec<DevicePast> =
                devices.into_iter().filter_map(|beats| past(&beats.into_iter().collect())).collect();
            let long: Vec<Absence> = common(&pasts).into_iter().filter(is_long).collect();
            for past in &mut pasts {
                past.ended.retain(is_long);
            }
            let found: Vec<Absence> = common(&pasts).into_iter().filter(is_long).collect();
            prop_assert_eq!(found, long);
        }
    }
}
