//! Arguments written into a statement as literals. Behind a pooler a beat takes two round trips in this way; with arguments
//! apart from the statement it would take four: to begin a transaction, to prepare, to execute, to commit.

use std::fmt::Write;

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// An argument of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Literal<'a> {
    /// `bytea`
    Bytes(&'a [u8]),
    /// `bytea[]`
    ByteArrays(&'a [&'a [u8]]),
    /// `bigint`
    Number(i64),
    /// `bigint[]`
    Numbers(&'a [i64]),
    /// `double precision`
    Double(f64),
    /// `timestamptz`
    Time(OffsetDateTime),
    /// `text[]`
    Texts(&'a [String]),
}

impl Literal<'_> {
    fn write(self, sql: &mut String) {
        match self {
            Self::Bytes(bytes) => write_bytes(sql, bytes),
            Self::ByteArrays(items) => write_array(sql, items, "bytea", |sql, item| write_bytes(sql, item)),
            Self::Number(number) => write_shown(sql, format_args!("{number}::bigint")),
            Self::Numbers(items) => {
                write_array(sql, items, "bigint", |sql, item| write_shown(sql, format_args!("{item}")));
            }
            Self::Double(number) => write_shown(sql, format_args!("'{number}'::double precision")),
            Self::Time(time) => {
                let text = time.to_offset(UtcOffset::UTC).format(&Rfc3339);
                let text = text.unwrap_or_else(|_| "infinity".to_owned());
                write_shown(sql, format_args!("'{text}'::timestamptz"));
            }
            Self::Texts(items) => write_array(sql, items, "text", |sql, item| write_text(sql, item)),
        }
    }
}

fn write_shown(sql: &mut String, shown: std::fmt::Arguments<'_>) {
    sql.write_fmt(shown).expect("a string takes all that is written");
}

fn write_bytes(sql: &mut String, bytes: &[u8]) {
    sql.push_str(r"E'\\x");
    for byte in bytes {
        write_shown(sql, format_args!("{byte:02x}"));
    }
    sql.push_str("'::bytea");
}

/// Writes a text with all that could end it doubled, which in `E'…'` means the same whatever the session's settings are
/// ("String Constants with C-Style Escapes", PostgreSQL's manual, section 4.1.2.2).
fn write_text(sql: &mut String, text: &str) {
    sql.push_str("E'");
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            sql.push(character);
        }
        sql.push(character);
    }
    sql.push('\'');
}

fn write_array<T>(sql: &mut String, items: &[T], kind: &str, write_item: impl Fn(&mut String, &T)) {
    sql.push_str("ARRAY[");
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            sql.push(',');
        }
        write_item(sql, item);
    }
    write_shown(sql, format_args!("]::{kind}[]"));
}

/// Returns `sql` with `$1`, `$2` … replaced by `arguments`.
pub(super) fn inline(sql: &str, arguments: &[Literal<'_>]) -> String {
    let mut parts = sql.split('$');
    let mut inlined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let argument = number.parse::<usize>().ok().and_then(|number| arguments.get(number.checked_sub(1)?));
        argument.expect("every placeholder has its argument").write(&mut inlined);
        inlined.push_str(rest);
    }
    inlined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_take_the_place_of_their_numbers() {
        let tokens: [&[u8]; 2] = [&[0x00, 0xff], &[]];
        let arguments = [
            Literal::ByteArrays(&tokens),
            Literal::Number(-7),
            Literal::Time(OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(1)),
        ];
        assert_eq!(
            inline("SELECT $1, $3 + $2, $2", &arguments),
            r"SELECT ARRAY[E'\\x00ff'::bytea,E'\\x'::bytea]::bytea[], '1970-01-01T00:00:00.000001Z'::timestamptz + -7::bigint, -7::bigint"
        );
    }

    #[test]
    fn no_text_ends_before_its_end() {
        let hostile = [r"\'; DROP SCHEMA heartbeat --".to_owned(), "$1 it's".to_owned()];
        assert_eq!(
            inline("$1", &[Literal::Texts(&hostile)]),
            r"ARRAY[E'\\''; DROP SCHEMA heartbeat --',E'$1 it''s']::text[]"
        );
    }
}
