//! Table of results, printed, and stored as JSON so that runs can be compared.

use std::{fs, path::Path, time::SystemTime};

use serde_json::{Value, json};

use crate::curves;

/// Target of a result.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// No target.
    None,
}

/// Results of a run.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Value>,
    before: Vec<Value>,
    points: Vec<Value>,
    points_before: Vec<Value>,
}

impl Table {
    /// Returns an empty table, whose results are compared with those of the previous run in `file`.
    pub(crate) fn compared_with(file: &Path) -> Self {
        let before = fs::read(file).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let list =
            |name: &str| before.as_ref().and_then(|run| run[name].as_array().cloned()).unwrap_or_default();
        Self { before: list("figures"), points_before: list("points"), ..Self::default() }
    }

    /// Prints the heading of a section.
    #[expect(clippy::print_stdout, clippy::unused_self, reason = "prints a table")]
    pub(crate) fn heading(&self, text: &str, limit: &str) {
        println!(
            "\n{text:<44} {:>12} {:>12} {:>8} {:>9} {:>8}",
            "measured", limit, "figure", "must", "before"
        );
    }

    /// Adds a result that is the ratio of two measurements.
    pub(crate) fn ratio(&mut self, what: &str, unit: &str, measured: f64, limit: f64, target: Target) {
        self.row(what, &quantity(measured, unit), &quantity(limit, unit), measured / limit, target);
    }

    /// Adds a result that is a single measurement.
    pub(crate) fn value(&mut self, what: &str, unit: &str, measured: f64, target: Target) {
        self.row(what, &quantity(measured, unit), "", measured, target);
    }

    /// Adds a point to a line of one of [`curves::CURVES`]. The points of former runs on that line are dropped.
    pub(crate) fn point(&mut self, curve: &str, line: &str, x: f64, y: f64) {
        let lines = curves::find(curve).lines;
        assert!(
            lines.contains(&line),
            "curve {curve} has no line {line}; its lines are {}",
            lines.join(", ")
        );
        self.points_before.retain(|point| point["curve"] != curve || point["line"] != line);
        self.points.push(json!({ "curve": curve, "line": line, "x": x, "y": y }));
    }

    #[expect(clippy::print_stdout, reason = "prints a table")]
    fn row(&mut self, what: &str, measured: &str, against: &str, figure: f64, target: Target) {
        let (bound, reached) = match target {
            Target::AtLeast(limit) => (format!("≥ {limit:.2}"), Some(figure >= limit)),
            Target::AtMost(limit) => (format!("≤ {limit:.2}"), Some(figure <= limit)),
            Target::None => (String::new(), None),
        };
        let before =
            self.before.iter().find(|row| row["what"] == what).and_then(|row| row["figure"].as_f64());
        let before = before.map(|it| format!("{it:.2}")).unwrap_or_default();
        let verdict = if reached == Some(false) { " missed" } else { "" };
        println!("{what:<44} {measured:>12} {against:>12} {figure:>8.2} {bound:>9} {before:>8}{verdict}");
        self.rows.push(json!({
            "what": what, "measured": measured, "limit": against, "figure": figure, "must": bound, "reached": reached,
        }));
    }

    /// Stores the results; those of parts that did not run are kept. Returns the points of all curves.
    #[expect(clippy::disallowed_methods, reason = "records the time of the run")]
    pub(crate) fn write(self, file: &Path) -> Vec<Value> {
        let measured = |row: &&Value| self.rows.iter().any(|it| it["what"] == row["what"]);
        let kept: Vec<Value> = self.before.iter().filter(|row| !measured(row)).cloned().collect();
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
        let figures = [kept, self.rows].concat();
        let points = [self.points_before, self.points].concat();
        let run = json!({ "time": time, "figures": figures, "points": points });
        fs::write(file, format!("{run:#}\n")).expect("a results file");
        points
    }
}

fn quantity(value: f64, unit: &str) -> String {
    let digits = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$} {unit}")
}
