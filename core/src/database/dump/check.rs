//! Checks of an import: what the API would not have taken, no dump may bring in. Each returns what is wrong, for the
//! line that holds it.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;

use crate::{
    device::{DeviceName, ID_MAX, Visibility},
    settings::{History, Precision, Timezone},
    snooze::SnoozeNote,
};

/// Upper bound of the ids after which small ids for devices with larger ones continue.
const SMALL_ID_MAX: i64 = 1 << 52;

/// Result of a check, with what is wrong.
pub(super) type Checked<T> = Result<T, String>;

/// The first version of the format in which the ids of all devices are exact in JavaScript.
const SMALL_IDS_VERSION: u32 = 2;

/// Ids of the devices in a dump. Larger ones than are exact in JavaScript, which dumps before version 2 may have, become
/// former ids, and their devices get small ones. So do ids that only beats have, of devices that are gone.
#[derive(Debug)]
pub(super) struct Ids {
    /// Version of the dump.
    version: u32,
    next: i64,
    /// Device ids by former ids.
    former: HashMap<i64, i64>,
    /// Ids of devices that were erased, former ones included.
    erased: HashSet<i64>,
}

impl Ids {
    /// Ids of a dump of this version.
    pub(super) fn new(version: u32) -> Self {
        Self { version, next: 0, former: HashMap::new(), erased: HashSet::new() }
    }

    /// Checks the ids of a device that was erased. None is given again.
    pub(super) fn erase(&mut self, id: i64, former_id: Option<i64>) -> Checked<()> {
        if !(0..=ID_MAX).contains(&id) {
            return Err(out_of_range(id));
        }
        if id < SMALL_ID_MAX {
            self.next = self.next.max(id + 1);
        }
        self.erased.extend([Some(id), former_id].into_iter().flatten());
        Ok(())
    }

    /// Checks the id of the device of a beat, and returns the id that it has from here on.
    pub(super) fn device_of_beat(&mut self, id: i64) -> Checked<i64> {
        if self.erased.contains(&id) { Err(was_erased(id)) } else { self.resolve(id) }
    }

    /// Checks the ids of a device, and returns the id that it has from here on.
    pub(super) fn add(&mut self, id: i64, former_id: Option<i64>) -> Checked<i64> {
        if id > ID_MAX && self.version >= SMALL_IDS_VERSION {
            return Err(out_of_range(id));
        }
        if let Some(id) = [Some(id), former_id].into_iter().flatten().find(|id| self.erased.contains(id)) {
            return Err(was_erased(id));
        }
        let id = self.resolve(id)?;
        if id < SMALL_ID_MAX {
            self.next = self.next.max(id + 1);
        }
        match former_id {
            Some(former_id) if (0..=ID_MAX).contains(&former_id) => {
                Err(format!("former id {former_id}: expected a number that is no id"))
            }
            Some(former_id) if self.former.insert(former_id, id).is_some() => {
                Err(format!("former id {former_id}: another device has it, too"))
            }
            _ => Ok(id),
        }
    }

    /// Checks the id of a device that another line names, and returns the id that it has from here on.
    pub(super) fn resolve(&mut self, id: i64) -> Checked<i64> {
        match id {
            ..0 => Err(out_of_range(id)),
            0..=ID_MAX => Ok(id),
            _ => Ok(*self.former.entry(id).or_insert_with(|| {
                self.next += 1;
                self.next - 1
            })),
        }
    }

    /// Returns the former ids, and the ids of their devices.
    pub(super) fn former(&self) -> (Vec<i64>, Vec<i64>) {
        self.former.iter().unzip()
    }
}

fn out_of_range(id: i64) -> String {
    format!("device id {id}: expected a number from 0 to {ID_MAX}")
}

fn was_erased(id: i64) -> String {
    format!("device id {id}: another line says that this device was erased")
}

/// Checks who may see a device.
pub(super) fn visibility(name: &str) -> Checked<Visibility> {
    Visibility::parse(name).ok_or_else(|| "visibility: expected public or hidden".to_owned())
}

/// Checks the note of a snooze.
pub(super) fn note(note: Option<&str>) -> Checked<Option<SnoozeNote>> {
    let note = note.map(SnoozeNote::parse).transpose().map_err(|error| format!("snooze note: {error}"))?;
    Ok(note.flatten())
}

/// Checks a setting, and returns its value as a program would have stored it.
pub(super) fn setting(name: &str, value: &str) -> Checked<String> {
    let checked = match name {
        "precision" => Precision::parse(value).map(|it| it.name().to_owned()),
        "history" => History::parse(value).map(|it| it.name().to_owned()),
        "timezone" => Timezone::parse(value).map(|it| it.name().to_owned()),
        _ => return Err("setting: expected precision, history or timezone".to_owned()),
    };
    checked.map_err(|expected| format!("{name}: expected {expected}"))
}

/// Checks the name of a device. Devices of the legacy schema may have none.
pub(super) fn name(name: Option<&str>) -> Checked<Option<DeviceName>> {
    name.map(DeviceName::parse).transpose().map_err(|error| format!("device name: {error}"))
}

/// Checks a number of visits.
pub(super) fn visits(visits: i64) -> Checked<i64> {
    if (0..=ID_MAX).contains(&visits) {
        Ok(visits)
    } else {
        Err(format!("total_visits {visits}: expected a number from 0 to {ID_MAX}"))
    }
}

/// Checks a time: none is before there were Unix times, and none after `now`.
pub(super) fn time(name: &str, time: OffsetDateTime, now: OffsetDateTime) -> Checked<OffsetDateTime> {
    if (OffsetDateTime::UNIX_EPOCH..=now).contains(&time) {
        Ok(time)
    } else {
        Err(format!("{name} {time}: expected a time from 1970 up to now, {now}"))
    }
}

/// Checks the longest absence, in microseconds.
pub(super) fn absence(microseconds: i64, now: OffsetDateTime) -> Checked<i64> {
    let longest = now - OffsetDateTime::UNIX_EPOCH;
    if (0..=longest.whole_microseconds()).contains(&microseconds.into()) {
        Ok(microseconds)
    } else {
        Err(format!("longest_absence_microseconds {microseconds}: expected a duration from 0 to {longest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: i64 = 912_840_992_904_712_192;

    #[test]
    fn small_ids_stay_and_larger_ones_become_former_ids() {
        let mut ids = Ids::new(1);
        assert_eq!(ids.add(0, None), Ok(0));
        assert_eq!(ids.add(6, None), Ok(6));
        assert_eq!(ids.add(LARGE, None), Ok(7));
        assert_eq!(ids.add(ID_MAX + 1, None), Ok(8));
        assert_eq!(ids.add(9, Some(LARGE + 1)), Ok(9));
        assert_eq!(ids.add(ID_MAX, None), Ok(ID_MAX));
        for (named, id) in [(6, 6), (LARGE, 7), (ID_MAX + 1, 8), (LARGE + 1, 9), (i64::MAX, 10)] {
            assert_eq!(ids.resolve(named), Ok(id), "{named}");
        }
        let (mut former, mut devices) = ids.former();
        former.sort_unstable();
        devices.sort_unstable();
        assert_eq!(former, [ID_MAX + 1, LARGE, LARGE + 1, i64::MAX]);
        assert_eq!(devices, [7, 8, 9, 10]);
    }

    #[test]
    fn ids_that_no_device_can_have_are_refused() {
        for (id, former_id) in [
            (-1, None),
            (i64::MIN, None),
            (ID_MAX + 1, None),
            (LARGE, Some(LARGE)),
            (1, Some(0)),
            (1, Some(ID_MAX)),
        ] {
            assert!(Ids::new(2).add(id, former_id).is_err(), "{id} {former_id:?}");
        }
        let mut ids = Ids::new(2);
        assert!(ids.add(0, Some(LARGE)).is_ok());
        assert!(ids.add(1, Some(LARGE)).is_err());
    }

    #[test]
    fn ids_of_erased_devices_are_given_to_no_other() {
        let mut ids = Ids::new(3);
        assert_eq!(ids.erase(4, Some(LARGE)), Ok(()));
        assert!(ids.erase(-1, None).is_err() && ids.erase(LARGE, None).is_err());
        for (id, former_id) in [(4, None), (5, Some(LARGE))] {
            assert!(ids.add(id, former_id).is_err(), "{id}");
        }
        assert!(ids.device_of_beat(4).is_err() && ids.device_of_beat(LARGE).is_err());
        // An absence that it ended is there until the erasure is finished.
        assert_eq!(ids.resolve(4), Ok(4));
        assert_eq!(ids.resolve(LARGE + 1), Ok(5));
    }

    #[test]
    fn settings_are_those_that_there_are() {
        for (name, value) in [("precision", "hour"), ("history", "off"), ("timezone", "Europe/Berlin")] {
            assert_eq!(setting(name, value), Ok(value.to_owned()));
        }
        for (name, value) in [
            ("precision", "day "),
            ("precision", "off"),
            ("history", "exact"),
            ("timezone", "Middle/Earth"),
            ("timezone", ""),
            ("color", "red"),
        ] {
            assert!(setting(name, value).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn times_lie_between_1970_and_now() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).expect("in range");
        for (seconds, valid) in [(-1, false), (0, true), (1_000, true), (1_001, false)] {
            assert_eq!(time("time_stamp", at(seconds), at(1_000)).is_ok(), valid, "{seconds}");
        }
        for (seconds, valid) in [(-1, false), (0, true), (1_000, true), (1_001, false), (1 << 40, false)] {
            assert_eq!(absence(seconds * 1_000_000, at(1_000)).is_ok(), valid, "{seconds}");
        }
    }
}
