//! What the commands print for people.

use heartbeat_core::humanize::{ago, grouped};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    api::{Device, Snooze},
    table::{Align, Table},
};

/// Returns the table of all devices.
pub(super) fn devices(devices: &[Device], now: Timestamp) -> String {
    if devices.is_empty() {
        return "There are no devices yet; heartbeat devices add NAME registers one.\n".to_owned();
    }
    let mut table = Table::new([
        ("ID", Align::Right),
        ("NAME", Align::Left),
        ("LAST BEAT", Align::Left),
        ("BEATS", Align::Right),
        ("STATE", Align::Left),
    ]);
    for device in devices {
        let last_beat = age(device.last_beat(), now);
        let beats = grouped(device.num_beats);
        table.add([device.id.to_string(), device.shown_name(), last_beat, beats, state(device)]);
    }
    table.to_string()
}

/// Returns how the devices are taken together.
pub(super) fn summary(devices: &[Device], now: Timestamp) -> String {
    let latest = devices.iter().filter(|it| it.last_beat().is_some()).max_by_key(|it| it.last_beat());
    let last_beat = latest.map_or("never".to_owned(), |device| {
        format!("{}, {}", age(device.last_beat(), now), device.shown_name())
    });
    let beats = devices.iter().map(|device| device.num_beats).sum();
    let number = |is: fn(&Device) -> bool| devices.iter().filter(|device| is(device)).count();
    let hidden = number(|device| !device.archived && device.visibility == "hidden");
    let archived = number(|device| device.archived);
    let mut parts = vec![devices.len().to_string()];
    parts.extend((hidden > 0).then(|| format!("{hidden} of them hidden")));
    parts.extend((archived > 0).then(|| format!("{archived} archived")));
    format!("Last beat  {last_beat}\nBeats      {}\nDevices    {}\n", grouped(beats), parts.join(", "))
}

/// Returns whether alerts are snoozed, with the end as the clocks of `timezone` show it, or those of UTC.
pub(super) fn snooze(snooze: &Snooze, timezone: Option<TimeZone>) -> String {
    let until = snooze.until.as_deref().and_then(|until| local_time(until, timezone.as_ref()));
    let Some(until) = until else { return "Alerts     not snoozed\n".to_owned() };
    let note: String =
        snooze.note.iter().flat_map(|note| note.chars()).filter(|it| !it.is_control()).collect();
    let note = if note.is_empty() { note } else { format!(" ({note})") };
    format!("Alerts     snoozed until {until}{note}\n")
}

/// Returns a time (RFC 3339) as the clocks of `timezone` show it, or those of UTC; `None` if it is none.
pub(super) fn local_time(time: &str, timezone: Option<&TimeZone>) -> Option<String> {
    let timezone = timezone.cloned().unwrap_or(TimeZone::UTC);
    let time = time.parse::<Timestamp>().ok()?.to_zoned_datetime(timezone);
    Some(time.strftime("%Y-%m-%d %H:%M %Z").to_string())
}

fn age(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or("never".to_owned(), |then| ago(now.duration_since(then).as_secs().max(0)))
}

fn state(device: &Device) -> String {
    let state = if device.archived { "archived" } else { &device.visibility };
    if device.sign_of_life { state.to_owned() } else { format!("{state}, no sign of life") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: i64, name: &str, visibility: &str, num_beats: i64) -> Device {
        Device {
            id,
            name: Some(name.to_owned()),
            visibility: visibility.to_owned(),
            sign_of_life: id != 2,
            archived: id == 3,
            created_at: None,
            last_beat: (num_beats > 0).then(|| format!("2026-11-26T20:{:02}:00.5Z", 10 + id)),
            num_beats,
        }
    }

    fn now() -> Timestamp {
        "2026-11-26T20:12:00Z".parse().expect("a time")
    }

    fn all() -> Vec<Device> {
        vec![
            device(0, "Laptop", "public", 184_233),
            device(1, "携帯📱\u{1b}[31m", "hidden", 2),
            device(2, "Server", "public", 0),
            device(3, "Old phone", "public", 1),
        ]
    }

    #[test]
    fn devices_are_aligned_by_what_a_terminal_shows() {
        insta::assert_snapshot!(devices(&all(), now()), @r"
        ID  NAME        LAST BEAT         BEATS  STATE
         0  Laptop      1 minute ago    184,233  public
         1  携帯📱[31m  59 seconds ago        2  hidden
         2  Server      never                 0  public, no sign of life
         3  Old phone   just now              1  archived
        ");
        insta::assert_snapshot!(devices(&[], now()), @"There are no devices yet; heartbeat devices add NAME registers one.");
    }

    #[test]
    fn the_summary_is_a_few_lines() {
        insta::assert_snapshot!(summary(&all(), now()), @r"
        Last beat  just now, Old phone
        Beats      184,236
        Devices    4, 1 of them hidden, 1 archived
        ");
        let snoozed =
            Snooze { until: Some("2026-12-06T18:00:00Z".to_owned()), note: Some("Hills\n".to_owned()) };
        let berlin = TimeZone::get("Europe/Berlin").expect("a time zone");
        insta::assert_snapshot!(snooze(&snoozed, Some(berlin)), @"Alerts     snoozed until 2026-12-06 19:00 CET (Hills)");
    }
}
