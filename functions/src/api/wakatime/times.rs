//! The times in what an editor sends. Everything else in it (files, projects, branches) is skipped as it is parsed.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use time::{Duration, OffsetDateTime};

/// Age up to which an item says that the device is in use, and lead up to which a clock may be ahead. Editors send an
/// item each two minutes, and what could not be sent is sent later.
const FRESH: Duration = Duration::minutes(2);

/// Items of one body: how many there are, and the times of those that have one, as Unix times.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Items {
    /// Number of items.
    pub(crate) count: usize,
    times: Vec<f64>,
}

impl Items {
    /// Maximum number of items: forty times as many as WakaTime's clients put into a request.
    pub(crate) const MAX: usize = 1_000;

    /// Parses a list of items. Of more than [`MAX`](Self::MAX), only the number is right.
    pub(crate) fn parse_list(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    /// Parses one item.
    pub(crate) fn parse_one(body: &[u8]) -> serde_json::Result<Self> {
        let mut items = Self::default();
        items.add(&serde_json::from_slice(body)?);
        Ok(items)
    }

    /// Whether an item is of this moment. Stored items that arrive late say nothing about it.
    pub(crate) fn any_is_fresh(&self, now: OffsetDateTime) -> bool {
        let now = now - OffsetDateTime::UNIX_EPOCH;
        let fresh = (now - FRESH).as_seconds_f64()..=(now + FRESH).as_seconds_f64();
        self.times.iter().any(|time| fresh.contains(time))
    }

    fn add(&mut self, item: &Item) {
        self.count += 1;
        if self.count <= Self::MAX {
            self.times.extend(item.time);
        }
    }
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Items;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items, A::Error> {
        let mut items = Items::default();
        while let Some(item) = list.next_element()? {
            items.add(&item);
        }
        Ok(items)
    }
}

/// An object, of which only the time is read.
struct Item {
    time: Option<f64>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Time,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Item, A::Error> {
        let mut time = None;
        while let Some(member) = members.next_key()? {
            match member {
                Member::Time => Seconds(time) = members.next_value()?,
                Member::Other => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Item { time })
    }
}

/// A Unix time, as a number or as text: some plugins pass on text. An item with anything else in its place is one
/// without a time, since clients send what was refused again and again, before everything that came after it.
struct Seconds(Option<f64>);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl<'de> Visitor<'de> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Seconds, E> {
        Ok(Seconds(Some(value)))
    }

    #[expect(clippy::cast_precision_loss, reason = "of times that can be fresh, no second is lost")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Seconds, E> {
        Ok(Seconds(Some(value as f64)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Seconds, E> {
        Ok(Seconds(None))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Seconds, E> {
        Ok(Seconds(value.trim().parse().ok()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Seconds, E> {
        Ok(Seconds(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Seconds, E> {
        Ok(Seconds(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seconds, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Seconds(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Seconds, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Seconds(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(body: &str) -> Option<Items> {
        Items::parse_list(body.as_bytes()).ok()
    }

    fn items(count: usize, times: &[f64]) -> Items {
        Items { count, times: times.to_vec() }
    }

    #[test]
    fn the_times_of_all_items_are_read_and_nothing_else_matters() {
        for (body, expected) in [
            ("[]", items(0, &[])),
            (r#"[{"time": 1700000000.5}, {"entity": "/a", "time": 7}]"#, items(2, &[1_700_000_000.5, 7.0])),
            (
                r#"[{"time": "1700000000.25", "lines": {"time": 3}, "x": [[{}]]}]"#,
                items(1, &[1_700_000_000.25]),
            ),
            (r#"[{"entity": "\udcff", "time": 7}]"#, items(1, &[7.0])),
        ] {
            assert_eq!(list(body), Some(expected), "{body}");
        }
        assert_eq!(Items::parse_one(br#"{"time": 7}"#).ok(), Some(items(1, &[7.0])));
    }

    #[test]
    fn an_item_without_a_usable_time_is_an_item() {
        for time in ["null", "true", "-7", "\"\"", "\"now\"", "[1, {}]", "{\"time\": 1}"] {
            assert_eq!(list(&format!(r#"[{{"time": {time}}}]"#)), Some(items(1, &[])), "{time}");
        }
        assert_eq!(list("[{}]"), Some(items(1, &[])));
    }

    #[test]
    fn what_is_no_list_of_objects_is_refused() {
        for body in ["", "{}", "null", "[1]", "[[7]]", "[{]", "[{}", "[{}] {}", "[\"time\"]", "\u{feff}[]"] {
            assert_eq!(list(body), None, "{body}");
        }
        for body in ["", "[]", "[7]", "7", "{\"time\": }"] {
            assert!(Items::parse_one(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn two_minutes_before_and_after_are_fresh() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::seconds(1_700_000_000);
        for (time, fresh) in [
            (1_700_000_000.0, true),
            (1_699_999_880.5, true),
            (1_699_999_879.5, false),
            (1_700_000_119.5, true),
            (1_700_000_120.5, false),
            (0.0, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
        ] {
            assert_eq!(items(1, &[time]).any_is_fresh(now), fresh, "{time}");
            assert_eq!(items(2, &[1.0, time]).any_is_fresh(now), fresh, "{time}");
        }
        assert!(!Items::default().any_is_fresh(now));
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_items() {
        let many = list(&format!("[{}{{}}]", r#"{"time": 7},"#.repeat(2 * Items::MAX))).expect("items");
        assert_eq!((many.count, many.times.len()), (2 * Items::MAX + 1, Items::MAX));
    }
}
