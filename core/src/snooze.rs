//! Snooze: the time for which the owner wants no alerts.

use time::OffsetDateTime;

/// Maximum length of a note, in characters (Unicode scalar values).
pub const NOTE_MAX_CHARS: usize = 200;

/// A snooze: no alert fires before it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snooze {
    /// When it ends.
    pub until: OffsetDateTime,
    /// What the owner wants to be reminded of.
    pub note: Option<SnoozeNote>,
}

/// A note on a snooze: 1 to 200 characters, no control characters, no whitespace around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnoozeNote(String);

/// An error in a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNote {
    /// More than 200 characters.
    #[error("the note is longer than {NOTE_MAX_CHARS} characters")]
    TooLong,
    /// A line break, a NUL, or another control character.
    #[error("the note holds a control character")]
    ControlCharacter,
}

impl SnoozeNote {
    /// Parses a note as typed; whitespace around it is dropped. `None` if nothing else is there.
    pub fn parse(note: &str) -> Result<Option<Self>, InvalidNote> {
        if note.chars().any(char::is_control) {
            return Err(InvalidNote::ControlCharacter);
        }
        let note = note.trim();
        match note.chars().count() {
            0 => Ok(None),
            length if length > NOTE_MAX_CHARS => Err(InvalidNote::TooLong),
            _ => Ok(Some(Self(note.to_owned()))),
        }
    }

    /// Returns the note.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_trimmed_and_bounded() {
        let parsed = |typed: &str| SnoozeNote::parse(typed).map(|note| note.map(|note| note.0));
        assert_eq!(parsed(" In the mountains \u{26f0} "), Ok(Some("In the mountains \u{26f0}".to_owned())));
        assert_eq!(parsed("  "), Ok(None));
        assert!(parsed(&"\u{26f0}".repeat(200)).is_ok());
        assert_eq!(parsed(&"a".repeat(201)), Err(InvalidNote::TooLong));
        for typed in ["a\nb", "\0"] {
            assert_eq!(parsed(typed), Err(InvalidNote::ControlCharacter));
        }
    }
}
