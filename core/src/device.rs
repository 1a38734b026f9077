//! Devices: their names and ids, and what the owner sees and decides of them.

use time::OffsetDateTime;
use utoipa::ToSchema;

/// Largest device id: the largest whole number that is exact in JavaScript, as are all below it.
pub const ID_MAX: i64 = (1 << 53) - 1;

/// Maximum length of a device's name, in characters (Unicode scalar values).
pub const NAME_MAX_CHARS: u8 = 100;

/// Name shown for a device that has none, as the legacy import may bring.
pub const UNNAMED: &str = "A device without a name";

/// A device as it is shown to the owner who registered it.
#[derive(Debug)]
pub struct Registered {
    /// Device id.
    pub id: i64,
    /// Its name; missing for some devices of the earlier service.
    pub name: Option<String>,
}

/// Who may see a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// The owner alone: the device counts, and appears nowhere in public.
    Hidden,
}

impl Visibility {
    /// Parses a visibility, as the API and the database write it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Public, Self::Hidden].into_iter().find(|visibility| visibility.as_str() == name)
    }

    /// Returns its name, as the API and the database write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Hidden => "hidden",
        }
    }
}

/// A device as its owner sees it. Times are the database's; none lies in the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDevice {
    /// Device id.
    pub id: i64,
    /// Id that it had before it was moved in, if it has another one now.
    pub former_id: Option<i64>,
    /// Device name; `None` for some devices from a legacy import.
    pub name: Option<String>,
    /// Who may see it, unless it is archived: then only the owner may.
    pub visibility: Visibility,
    /// Whether its beats are a sign of life of the owner.
    pub sign_of_life: bool,
    /// When it was archived, if it is.
    pub archived_at: Option<OffsetDateTime>,
    /// When it was registered; `None` for devices that are older than this column.
    pub created_at: Option<OffsetDateTime>,
    /// Time of its last beat, if there is one.
    pub last_beat: Option<OffsetDateTime>,
    /// Number of its beats.
    pub num_beats: i64,
}

impl OwnedDevice {
    /// Whether strangers may see it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.visibility == Visibility::Public && self.archived_at.is_none()
    }
}

/// A change to a device; what is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceUpdate {
    /// New name.
    pub name: Option<DeviceName>,
    /// Who may see it from now on.
    pub visibility: Option<Visibility>,
    /// Whether its beats are a sign of life of the owner.
    pub sign_of_life: Option<bool>,
    /// Archives the device, or brings it back.
    pub archived: Option<bool>,
}

/// A device's name: 1 to 100 characters, no control characters, no whitespace around it.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
// The same as `parse`: 1 to 100 characters, of which the first and the last are not whitespace, between optional
// whitespace; no control character anywhere.
#[schema(
    min_length = 1,
    pattern = "^[^\\S\\u0000-\\u001f\\u007f-\\u009f]*\
               [^\\s\\u0000-\\u001f\\u007f-\\u009f]\
               ([^\\u0000-\\u001f\\u007f-\\u009f]{0,98}[^\\s\\u0000-\\u001f\\u007f-\\u009f])?\
               [^\\S\\u0000-\\u001f\\u007f-\\u009f]*$",
    example = "Laptop"
)]
pub struct DeviceName(String);

/// An error in a device's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty, or nothing but whitespace.
    #[error("the name is empty")]
    Empty,
    /// More than 100 characters.
    #[error("the name is longer than {NAME_MAX_CHARS} characters")]
    TooLong,
    /// A line break, a NUL, or another control character.
    #[error("the name holds a control character")]
    ControlCharacter,
}

impl DeviceName {
    /// Parses a name as typed; whitespace around it is dropped.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        if name.chars().any(char::is_control) {
            return Err(InvalidName::ControlCharacter);
        }
        let name = name.trim();
        match name.chars().count() {
            0 => Err(InvalidName::Empty),
            length if length > NAME_MAX_CHARS.into() => Err(InvalidName::TooLong),
            _ => Ok(Self(name.to_owned())),
        }
    }

    /// Returns the nearest name to one that was stored before there were rules: without control characters, and cut to
    /// the maximum length. `None` if nothing is left.
    #[cfg(feature = "migrate")]
    pub(crate) fn nearest_to(name: &str) -> Option<Self> {
        let printable: String = name.chars().filter(|char| !char.is_control()).collect();
        let cut: String = printable.trim().chars().take(NAME_MAX_CHARS.into()).collect();
        Self::parse(&cut).ok()
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_may_be_in_any_script() {
        for (typed, kept) in [("Laptop", "Laptop"), ("  Pixel 9 ", "Pixel 9"), ("携帯📱", "携帯📱")] {
            assert_eq!(DeviceName::parse(typed).map(|name| name.as_str().to_owned()), Ok(kept.to_owned()));
        }
    }

    #[test]
    fn a_hundred_characters_are_allowed_however_many_bytes_they_take() {
        assert!(DeviceName::parse(&"📱".repeat(100)).is_ok());
        assert_eq!(DeviceName::parse(&"a".repeat(101)), Err(InvalidName::TooLong));
    }

    #[test]
    #[cfg(feature = "migrate")]
    fn stored_names_that_break_the_rules_have_a_nearest_one() {
        let long = format!("{} tail", "a".repeat(99));
        for (stored, nearest) in [
            (" Laptop\n", Some("Laptop")),
            ("\u{1b}[31mred", Some("[31mred")),
            (&long, Some(&long[..99])),
            ("\t", None),
        ] {
            let name = DeviceName::nearest_to(stored);
            assert_eq!(name.as_ref().map(DeviceName::as_str), nearest, "{stored:?}");
        }
    }

    #[test]
    fn empty_names_and_control_characters_are_refused() {
        assert_eq!(DeviceName::parse(""), Err(InvalidName::Empty));
        assert_eq!(DeviceName::parse(" \u{3000} "), Err(InvalidName::Empty));
        for name in ["a\nb", "\0", "tab\t", "bell\u{7}", "c1 \u{85}"] {
            assert_eq!(DeviceName::parse(name), Err(InvalidName::ControlCharacter), "{name:?}");
        }
    }
}
