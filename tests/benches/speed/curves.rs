//! Curves: how a figure grows with the number of rows, devices, viewers, and with the distance and flush time of the
//! database. Parts add points with [`Table::point`](crate::table::Table::point); the run ends with a picture of each
//! curve that has points.
//!
//! - [`drawing`]: a curve as an SVG image.
//! - [`axis`]: scales, ticks and labels.

mod axis;
mod drawing;

use std::{fs, path::Path};

use serde_json::Value;

use axis::{
    Axis,
    Scale::{Linear, Logarithmic},
};

/// Environment variable that names a second folder for the pictures: `make bench CURVES=docs/images`.
const FOLDER_VARIABLE: &str = "CURVES";

/// A curve, and how it is drawn.
#[derive(Debug)]
pub(crate) struct Curve {
    /// Name, in the code, the results file and the picture's file name (`performance-<name>.svg`).
    pub(crate) name: &'static str,
    title: &'static str,
    x: Axis,
    y: Axis,
    /// Names of its lines, in the order of their colors.
    pub(crate) lines: &'static [&'static str],
    /// Target, as a dashed line.
    target: Option<f64>,
}

/// All curves. A logarithmic axis shows 0 as the lower end.
pub(crate) const CURVES: [Curve; 14] = [
    Curve {
        name: "rows-beats",
        title: "Beats, by rows in the database",
        x: Axis { label: "rows in beats", scale: Logarithmic },
        y: Axis { label: "beats a second", scale: Linear },
        lines: &["64 at a time", "1 at a time"],
        target: None,
    },
    Curve {
        name: "rows-reads",
        title: "Reads, by rows in the database",
        x: Axis { label: "rows in beats", scale: Logarithmic },
        y: Axis { label: "responses a second", scale: Linear },
        lines: &["/api/stats", "/badge/last-seen", "/badge/total-beats", "/"],
        target: None,
    },
    Curve {
        name: "rows-start",
        title: "Start of the server, by rows in the database",
        x: Axis { label: "rows in beats", scale: Logarithmic },
        y: Axis { label: "ms to the first answer", scale: Linear },
        lines: &["start"],
        target: None,
    },
    Curve {
        name: "devices-beats",
        title: "Beats, by devices that beat",
        x: Axis { label: "devices", scale: Logarithmic },
        y: Axis { label: "beats a second", scale: Linear },
        lines: &["64 at a time"],
        target: None,
    },
    Curve {
        name: "devices-bytes",
        title: "Size of the answers, by devices",
        x: Axis { label: "devices", scale: Logarithmic },
        y: Axis { label: "bytes", scale: Logarithmic },
        lines: &["/api/stats", "/"],
        target: None,
    },
    Curve {
        name: "devices-reads",
        title: "Reads, by devices",
        x: Axis { label: "devices", scale: Logarithmic },
        y: Axis { label: "responses a second", scale: Logarithmic },
        lines: &["/api/stats", "/"],
        target: None,
    },
    Curve {
        name: "devices-start",
        title: "Start of the server, by devices",
        x: Axis { label: "devices", scale: Logarithmic },
        y: Axis { label: "ms to the first answer", scale: Linear },
        lines: &["start"],
        target: None,
    },
    Curve {
        name: "viewers-processor",
        title: "Processor time, by viewers at rest",
        x: Axis { label: "viewers", scale: Logarithmic },
        y: Axis { label: "% of a processor", scale: Logarithmic },
        lines: &["a frame a second", "frames on change"],
        target: None,
    },
    Curve {
        name: "viewers-memory",
        title: "Memory of the server, by viewers",
        x: Axis { label: "viewers", scale: Logarithmic },
        y: Axis { label: "MB", scale: Linear },
        lines: &["a frame a second", "frames on change"],
        target: None,
    },
    Curve {
        name: "viewers-delay",
        title: "From a beat to the last viewer's frame, by viewers",
        x: Axis { label: "viewers", scale: Logarithmic },
        y: Axis { label: "ms", scale: Linear },
        lines: &["frames on change"],
        target: Some(100.0),
    },
    Curve {
        name: "distance-beats",
        title: "Beats, by distance of the database",
        x: Axis { label: "round trip to the database, ms", scale: Linear },
        y: Axis { label: "beats a second", scale: Logarithmic },
        lines: &["64 at a time", "1,000 at a time"],
        target: None,
    },
    Curve {
        name: "distance-latency",
        title: "A beat alone, by distance of the database",
        x: Axis { label: "round trip to the database, ms", scale: Linear },
        y: Axis { label: "ms", scale: Linear },
        lines: &["a beat alone", "round trip and flush"],
        target: None,
    },
    Curve {
        name: "flush-beats",
        title: "Beats, by flush time of the disk",
        x: Axis { label: "flush of the disk, ms", scale: Linear },
        y: Axis { label: "beats a second", scale: Logarithmic },
        lines: &["64 at a time", "1,000 at a time"],
        target: None,
    },
    Curve {
        name: "flush-latency",
        title: "A beat alone, by flush time of the disk",
        x: Axis { label: "flush of the disk, ms", scale: Linear },
        y: Axis { label: "ms", scale: Linear },
        lines: &["a beat alone", "round trip and flush"],
        target: None,
    },
];

/// Point of a line of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// Returns the curve of this name.
pub(crate) fn find(name: &str) -> &'static Curve {
    CURVES.iter().find(|curve| curve.name == name).unwrap_or_else(|| panic!("curves.rs has no curve {name}"))
}

/// Draws the curves that have points among `points`, as the results file holds them, into `target/bench`, and into
/// the folder that [`FOLDER_VARIABLE`] names.
#[expect(clippy::print_stdout, reason = "says where the pictures are")]
pub(crate) fn draw(points: &[Value], target: &Path) {
    let mut folders = vec![target.join("bench")];
    folders.extend(std::env::var_os(FOLDER_VARIABLE).filter(|it| !it.is_empty()).map(Into::into));
    for curve in &CURVES {
        let lines: Vec<Vec<Point>> =
            curve.lines.iter().map(|line| line_of(curve.name, line, points)).collect();
        // A single point shows no growth.
        if lines.iter().all(|line| line.len() < 2) {
            continue;
        }
        let image = drawing::svg(curve, &lines);
        for folder in &folders {
            let file = folder.join(format!("performance-{}.svg", curve.name));
            fs::create_dir_all(folder).and_then(|()| fs::write(&file, &image)).expect("a picture");
            println!("{}", file.display());
        }
    }
}

/// Returns the points of a line, from left to right.
fn line_of(curve: &str, line: &str, points: &[Value]) -> Vec<Point> {
    let own = points.iter().filter(|point| point["curve"] == curve && point["line"] == line);
    let mut line: Vec<Point> =
        own.filter_map(|point| Some(Point { x: point["x"].as_f64()?, y: point["y"].as_f64()? })).collect();
    line.sort_by(|a, b| a.x.total_cmp(&b.x));
    line
}
