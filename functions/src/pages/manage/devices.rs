//! The devices on the owner's page.

use heartbeat_core::{
    device::{OwnedDevice, UNNAMED, Visibility},
    humanize,
    recency::Recency,
};
use time::OffsetDateTime;

use crate::pages::Moment;

/// Number of devices on one page.
const PER_PAGE: usize = 50;

/// A device in the list.
pub(super) struct DeviceRow<'a> {
    device: &'a OwnedDevice,
    pub(super) name: &'a str,
    /// Seconds since its last beat.
    pub(super) age: Option<i64>,
    pub(super) last_beat: Option<Moment>,
    pub(super) recency: &'static str,
    /// Whether another device has the same name.
    pub(super) has_namesake: bool,
    /// Number of all beats once it is erased.
    pub(super) rest: i64,
}

/// One page of the list.
pub(super) struct DeviceList<'a> {
    pub(super) rows: Vec<DeviceRow<'a>>,
    /// Numbers of the pages before and after.
    pub(super) previous: Option<usize>,
    pub(super) next: Option<usize>,
}

impl<'a> DeviceList<'a> {
    /// Takes all devices, and the number of a page, the first of which is 1.
    pub(super) fn new(devices: &'a [OwnedDevice], page: usize, now: OffsetDateTime) -> Self {
        let last_page = devices.len().div_ceil(PER_PAGE).max(1);
        let page = page.clamp(1, last_page);
        let total = total_beats(devices);
        let shown = devices.iter().skip((page - 1) * PER_PAGE).take(PER_PAGE);
        Self {
            rows: shown.map(|device| DeviceRow::new(device, devices, total, now)).collect(),
            previous: (page > 1).then(|| page - 1),
            next: (page < last_page).then(|| page + 1),
        }
    }
}

impl<'a> DeviceRow<'a> {
    fn new(device: &'a OwnedDevice, all: &[OwnedDevice], total: i64, now: OffsetDateTime) -> Self {
        let age = age(device, now);
        Self {
            device,
            name: name(device),
            age,
            last_beat: device.last_beat.and_then(|last| Moment::at(last.unix_timestamp())),
            recency: Recency::of(age).name(),
            has_namesake: has_namesake(device, all),
            rest: total - device.num_beats,
        }
    }

    pub(super) fn id(&self) -> i64 {
        self.device.id
    }

    pub(super) fn beats(&self) -> i64 {
        self.device.num_beats
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.device.visibility == Visibility::Hidden
    }

    pub(super) fn is_archived(&self) -> bool {
        self.device.archived_at.is_some()
    }

    pub(super) fn is_sign_of_life(&self) -> bool {
        self.device.sign_of_life
    }
}

/// Returns the name of a device as people read it.
pub(super) fn name(device: &OwnedDevice) -> &str {
    device.name.as_deref().unwrap_or(UNNAMED)
}

/// Returns the seconds since the last beat of a device.
pub(super) fn age(device: &OwnedDevice, now: OffsetDateTime) -> Option<i64> {
    device.last_beat.map(|last| (now - last).whole_seconds().max(0))
}

/// Whether another device has the same name. Archived ones do not matter.
pub(super) fn has_namesake(device: &OwnedDevice, all: &[OwnedDevice]) -> bool {
    let is_namesake = |other: &&OwnedDevice| {
        other.id != device.id && other.archived_at.is_none() && other.name == device.name
    };
    device.name.is_some() && device.archived_at.is_none() && all.iter().any(|other| is_namesake(&other))
}

/// Number of all beats.
pub(super) fn total_beats(devices: &[OwnedDevice]) -> i64 {
    devices.iter().map(|device| device.num_beats).sum()
}

/// Returns what can be said of the devices in one line: `3 devices, of which 1 is hidden and 1 archived`.
pub(super) fn sentence(devices: &[OwnedDevice]) -> String {
    let archived = devices.iter().filter(|device| device.archived_at.is_some()).count();
    let is_hidden =
        |device: &&OwnedDevice| device.archived_at.is_none() && device.visibility == Visibility::Hidden;
    let hidden = devices.iter().filter(is_hidden).count();
    let all = humanize::count(i64::try_from(devices.len()).unwrap_or(i64::MAX), "device");
    let parts: Vec<_> = [(hidden, "hidden"), (archived, "archived")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    if parts.is_empty() { format!("{all}.") } else { format!("{all}, {}.", parts.join(", ")) }
}
