//! Budgets of operations: what each may cost, as `tests/budgets.toml` says.
//!
//! The program `instructions` holds the instructions that it counts against them, a test the share of PostgreSQL. A
//! figure that is above its budget by more than its tolerance fails, and so does one that is far below: a budget that
//! leaves room hides the next loss.

#![expect(clippy::missing_panics_doc, reason = "here a panic is a failed check")]
#![expect(clippy::must_use_candidate, reason = "a check that forgets a value has other warnings")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use heartbeat_core::humanize;
use serde::Deserialize;

/// How far a figure may be below its budget, in percent.
const BELOW_MAX: i64 = 10;

/// Path of the budgets, for people.
const PATH: &str = "tests/budgets.toml";

/// Contents of `tests/budgets.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Instructions per operation.
    pub instructions: BTreeMap<String, Entry>,
    /// What PostgreSQL does for a beat, or for 64 of them.
    pub postgres: BTreeMap<String, Entry>,
}

/// Budgets of one operation, by what is counted.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// How far a figure may be above its budget, in percent.
    tolerance: i64,
    /// Budgets by what is counted: `instructions`, `buffers`, `wal_bytes`.
    #[serde(flatten)]
    figures: BTreeMap<String, i64>,
}

impl Budgets {
    /// Reads the budgets.
    pub fn read() -> Self {
        let text = fs::read_to_string(file()).expect(PATH);
        toml::from_str(&text).unwrap_or_else(|error| panic!("{PATH}: {error}"))
    }
}

/// Holds a measured figure against the budget of `operation`. Returns what to do if it does not fit.
pub fn check(
    entries: &BTreeMap<String, Entry>,
    operation: &str,
    unit: &str,
    measured: i64,
) -> Result<(), String> {
    let Some((entry, budget)) = entries.get(operation).and_then(|it| Some((it, *it.figures.get(unit)?)))
    else {
        let measured = number(measured);
        return Err(format!("{operation}: {measured} {unit}, and no budget for it in {PATH}: add one"));
    };
    let difference = measured - budget;
    let advice = if difference * 100 > budget * entry.tolerance {
        "it costs more than it may. Find the loss and mend it; a change that costs more and is worth it changes the \
         budget in the same commit, with the reason"
    } else if difference * 100 < budget * -BELOW_MAX {
        "it costs less than it did. Lower the budget in the same commit, so that the gain cannot be lost unseen"
    } else {
        return Ok(());
    };
    Err(format!(
        "{operation}: measured {} {unit}, budget {} ({}, tolerance +{} % and -{BELOW_MAX} %): {advice}: \
         {PATH}, at `{operation}`, `{unit} = {}`",
        number(measured),
        number(budget),
        percent(measured, budget),
        entry.tolerance,
        digits(measured),
    ))
}

/// Writes new budgets of operations, by name, into the file; comments and all else stay. Panics if one of them has no line
/// in it.
pub fn update(unit: &str, measured: &BTreeMap<String, i64>) {
    let text = fs::read_to_string(file()).expect(PATH);
    for operation in measured.keys() {
        let has_line = text.lines().any(|line| line.starts_with(&format!("{operation} = {{")));
        assert!(has_line, "{PATH} has no line for `{operation}`: add one, with any figure");
    }
    fs::write(file(), updated(&text, unit, measured)).expect(PATH);
}

fn updated(text: &str, unit: &str, measured: &BTreeMap<String, i64>) -> String {
    let line = |line: &str| {
        let name = line.split_once(" = {").map(|(name, _)| name);
        let replaced = name.and_then(|name| measured.get(name)).and_then(|number| {
            let (before, after) = line.split_once(&format!("{unit} = "))?;
            let after = after.trim_start_matches(|it: char| it.is_ascii_digit() || it == '_');
            Some(format!("{before}{unit} = {}{after}", digits(*number)))
        });
        replaced.unwrap_or_else(|| line.to_owned()) + "\n"
    };
    text.lines().map(line).collect()
}

/// Returns how far a figure is off its budget, such as `+3.1 %`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn percent(measured: i64, budget: i64) -> String {
    format!("{:+.1} %", (measured as f64 / budget as f64 - 1.0) * 100.0)
}

/// Returns a number as people read it.
pub fn number(number: i64) -> String {
    humanize::grouped(number)
}

/// Returns a number as TOML has it.
fn digits(number: i64) -> String {
    humanize::grouped(number).replace(',', "_")
}

impl Entry {
    /// Returns the budget of what is counted, if there is one.
    pub fn budget(&self, unit: &str) -> Option<i64> {
        self.figures.get(unit).copied()
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../budgets.toml")
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, Budgets, check, updated};

    const FILE: &str =
        "[instructions]\n# Why.\nbeat = { instructions = 10_000, tolerance = 3 }\n\n[postgres]\n";

    fn checked(measured: i64) -> Result<(), String> {
        let budgets: Budgets = toml::from_str(FILE).expect("budgets");
        check(&budgets.instructions, "beat", "instructions", measured)
    }

    #[test]
    fn a_figure_near_its_budget_passes() {
        for measured in [9_000, 9_999, 10_000, 10_300] {
            assert_eq!(checked(measured), Ok(()), "{measured}");
        }
    }

    #[test]
    fn a_figure_above_its_tolerance_fails_and_says_what_to_do() {
        let message = checked(10_301).expect_err("above");
        for part in ["beat: measured 10,301 instructions, budget 10,000 (+3.0 %", "costs more", "10_301"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_figure_far_below_its_budget_fails_too() {
        let message = checked(8_999).expect_err("below");
        assert!(message.contains("Lower the budget") && message.contains("8_999"), "{message}");
    }

    #[test]
    fn a_figure_without_a_budget_fails() {
        let budgets: Budgets = toml::from_str(FILE).expect("budgets");
        for (operation, unit) in [("page", "instructions"), ("beat", "buffers")] {
            let message = check(&budgets.instructions, operation, unit, 7).expect_err("no budget");
            assert!(message.contains("no budget") && message.contains(operation), "{message}");
        }
    }

    #[test]
    fn an_update_changes_numbers_and_nothing_else() {
        let measured = BTreeMap::from([("beat".to_owned(), 1_234_567), ("page".to_owned(), 1)]);
        assert_eq!(updated(FILE, "instructions", &measured), FILE.replace("10_000", "1_234_567"));
    }
}
