//! Aligned columns.

use std::fmt;

use unicode_width::UnicodeWidthStr;

/// Blanks between two columns.
const GAP: &str = "  ";

/// Where the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table with headings, as wide as its longest cells.
#[derive(Debug)]
pub(super) struct Table<const COLUMNS: usize> {
    alignments: [Align; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// Returns a table without rows, with the headings of its columns.
    pub(super) fn new(headings: [(&str, Align); COLUMNS]) -> Self {
        Self {
            alignments: headings.map(|(_, align)| align),
            rows: vec![headings.map(|(heading, _)| heading.to_owned())],
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells);
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, align), width) in row.iter().zip(self.alignments).zip(widths) {
                let padding = " ".repeat(width - cell.width());
                let gap = if line.is_empty() { "" } else { GAP };
                line += &match align {
                    Align::Left => [gap, cell, &padding].concat(),
                    Align::Right => [gap, &padding, cell].concat(),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
