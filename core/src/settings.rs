//! Settings that the owner chooses in the browser, unless the configuration sets them: how exact strangers see the owner's
//! days, who sees the history, and which time zone days are of.

use std::fmt;

use jiff::{
    Span, Timestamp, ZonedDateTime,
    civil::{Date, DateTime, Weekday},
    tz::{Offset, TimeZone},
};
use time::OffsetDateTime;

/// Declares the names of an enumeration, as the configuration, the database and forms write them.
macro_rules! names {
    ($type:ident, $expected:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Parses a name. Fails with the names that there are.
            pub fn parse(text: &str) -> Result<Self, &'static str> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($expected),
                }
            }

            /// Returns the name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

/// `precision`: the length of the steps in which everything public changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// At each beat, to the second.
    #[default]
    Exact,
    /// At each minute.
    Minute,
    /// At each quarter of an hour.
    Quarter,
    /// At each hour.
    Hour,
    /// At each midnight of the time zone.
    Day,
    /// At each midnight of the time zone with which a Monday begins.
    Week,
}

names!(
    Precision,
    "exact, minute, quarter, hour, day or week",
    Exact = "exact",
    Minute = "minute",
    Quarter = "quarter",
    Hour = "hour",
    Day = "day",
    Week = "week"
);

impl Precision {
    /// Returns the length of a step, in seconds; 0 for the exact time. A day in which clocks are set is an hour longer or
    /// shorter.
    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Exact => 0,
            Self::Minute => 60,
            Self::Quarter => 900,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        }
    }

    /// Rounds a time down to a boundary: minutes, quarters and hours are those of UTC, days and weeks those of `timezone`.
    /// The exact time stays as it is.
    #[must_use]
    pub fn boundary(self, time: OffsetDateTime, timezone: &Timezone) -> OffsetDateTime {
        match self {
            Self::Exact => time,
            Self::Minute | Self::Quarter | Self::Hour => {
                let seconds = time.unix_timestamp();
                unix_time(seconds - seconds.rem_euclid(self.seconds())).unwrap_or(time)
            }
            Self::Day => timezone.start_of(time, |date| date),
            Self::Week => timezone.start_of(time, |date| {
                let days = date.weekday().since(Weekday::Monday);
                date.saturating_sub(Span::new().days(i64::from(days)))
            }),
        }
    }

    /// Rounds a duration in seconds up to whole steps.
    #[must_use]
    pub fn round_up(self, seconds: i64) -> i64 {
        match self.seconds() {
            0 => seconds,
            step => seconds.saturating_add((-seconds).rem_euclid(step)),
        }
    }
}

/// `history`: who sees when the owner was present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum History {
    /// No one sees it.
    Off,
    /// The owner.
    Owner,
    /// Strangers see whole days, the owner sees all.
    #[default]
    Day,
    /// Strangers see all.
    Full,
}

names!(History, "off, owner, day or full", Off = "off", Owner = "owner", Day = "day", Full = "full");

/// `timezone`: the time zone whose days and hours are meant.
#[derive(Clone, PartialEq, Eq)]
pub struct Timezone(TimeZone);

impl Timezone {
    /// Parses a name of the IANA Time Zone Database, such as `Europe/Berlin`, in any case. The database is part of the
    /// program, so that all programs know the same.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        TimeZone::get(text).map(Self).map_err(|_| "the name of a time zone such as UTC or Europe/Berlin")
    }

    /// Returns the name in the IANA Time Zone Database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Returns all names, in their order.
    #[must_use]
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> =
            jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Returns the time as the clocks of the time zone show it.
    #[must_use]
    pub fn local(&self, time: OffsetDateTime) -> Option<ZonedDateTime> {
        Some(Timestamp::from_second(time.unix_timestamp()).ok()?.to_zoned_datetime(self.0.clone()))
    }

    /// Returns the date that the calendars of the time zone show at `time`.
    #[must_use]
    pub fn date(&self, time: OffsetDateTime) -> time::Date {
        let ahead = self.offsets(time, time).first().map_or(time::Duration::ZERO, |(_, ahead)| *ahead);
        time.to_offset(time::UtcOffset::UTC).saturating_add(ahead).date()
    }

    /// Returns how far clocks are ahead of UTC from one moment to another: the moments from which on they are so far, the first
    /// one included.
    pub(crate) fn offsets(
        &self,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Vec<(OffsetDateTime, time::Duration)> {
        let ahead = |offset: Offset| time::Duration::seconds(i64::from(offset.seconds()));
        let Ok(start) = Timestamp::from_second(from.unix_timestamp()) else { return Vec::new() };
        let later = self.0.following(start).filter_map(|transition| {
            Some((unix_time(transition.timestamp().as_second())?, ahead(transition.offset())))
        });
        let later = later.take_while(|(moment, _)| *moment < to).filter(|(moment, _)| *moment > from);
        std::iter::once((from, ahead(self.0.to_offset(start)))).chain(later).collect()
    }

    /// Returns the moment of a date and a time without an offset, such as `2026-12-24T18:00`; `None` if it is none.
    #[must_use]
    pub fn moment(&self, local: &str) -> Option<OffsetDateTime> {
        self.moment_at(local.parse().ok()?)
    }

    /// Returns the moment at which clocks show this. Of a time that they skip, it is as much later.
    pub(crate) fn moment_at(&self, local: DateTime) -> Option<OffsetDateTime> {
        let moment = local.to_zoned_datetime(self.0.clone()).ok()?;
        unix_time(moment.timestamp().as_second())
    }

    /// Returns the first moment of the day that `of` makes of the day of `time`. Where midnight was skipped, that is later.
    fn start_of(&self, time: OffsetDateTime, of: impl FnOnce(Date) -> Date) -> OffsetDateTime {
        let start = || {
            let local = self.local(time)?;
            let start = of(local.date()).to_zoned_datetime(self.0.clone()).ok()?.start_of_day().ok()?;
            unix_time(start.timestamp().as_second())
        };
        start().unwrap_or(time)
    }
}

impl Default for Timezone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl fmt::Debug for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timezone").field(&self.name()).finish()
    }
}

fn unix_time(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// The settings as they apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The length of the steps in which everything public changes.
    pub precision: Precision,
    /// Who sees the history.
    pub history: History,
    /// The time zone of days and weeks.
    pub timezone: Timezone,
}

/// Some of the settings: what the configuration sets, what the owner has chosen, or chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// See [`Settings::precision`].
    pub precision: Option<Precision>,
    /// See [`Settings::history`].
    pub history: Option<History>,
    /// See [`Settings::timezone`].
    pub timezone: Option<Timezone>,
}

impl Choices {
    /// Takes values as the database has them. A later release may have written some that this program does not know: in
    /// their place it takes those that show least.
    pub(crate) fn stored(precision: Option<&str>, history: Option<&str>, timezone: Option<&str>) -> Self {
        Self {
            precision: precision.map(|text| Precision::parse(text).unwrap_or(Precision::Week)),
            history: history.map(|text| History::parse(text).unwrap_or(History::Off)),
            timezone: timezone.and_then(|text| Timezone::parse(text).ok()),
        }
    }

    /// Returns the settings that were chosen, by configuration key.
    pub(crate) fn named(&self) -> Vec<(&'static str, String)> {
        let precision = self.precision.map(|it| ("precision", it.name().to_owned()));
        let history = self.history.map(|it| ("history", it.name().to_owned()));
        let timezone = self.timezone.as_ref().map(|it| ("timezone", it.name().to_owned()));
        [precision, history, timezone].into_iter().flatten().collect()
    }
}

/// The settings with their origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnerSettings {
    /// What the configuration sets, which cannot be chosen.
    pub configured: Choices,
    /// What the owner has chosen.
    pub chosen: Choices,
}

impl OwnerSettings {
    /// Returns the settings as they apply: those of the configuration, else those that were chosen, else the defaults.
    #[must_use]
    pub fn effective(&self) -> Settings {
        let Self { configured, chosen } = self;
        let timezone = configured.timezone.as_ref().or(chosen.timezone.as_ref());
        Settings {
            precision: configured.precision.or(chosen.precision).unwrap_or_default(),
            history: configured.history.or(chosen.history).unwrap_or_default(),
            timezone: timezone.cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
