//! An axis: scale, ticks and labels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// Quantity and unit.
    pub(super) label: &'static str,
    pub(super) scale: Scale,
}

/// Scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero on.
    Linear,
    /// In powers of ten; zero is a decade below the smallest value.
    Logarithmic,
}

/// Number of ticks of a linear axis, about.
const TICKS: f64 = 5.0;

/// Room above the largest value of a linear axis.
const HEADROOM: f64 = 1.08;

/// The part of an axis that shows certain values, as a coordinate of plotters.
#[derive(Debug, Clone)]
pub(super) struct Extent {
    scale: Scale,
    /// Values at the ends; of a logarithmic axis their logarithms.
    from: f64,
    to: f64,
    has_zero: bool,
}

impl Extent {
    /// Returns the extent that shows all `values`.
    pub(super) fn of(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let largest = values.clone().fold(0.0, f64::max);
        let has_zero = values.clone().any(|value| value <= 0.0);
        match scale {
            Scale::Linear => Self { scale, from: 0.0, to: (largest * HEADROOM).max(1e-3), has_zero },
            Scale::Logarithmic => {
                let smallest = values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min).min(1e9);
                let from = smallest.log10().floor() - f64::from(u8::from(has_zero));
                Self { scale, from, to: largest.max(smallest).log10().ceil().max(from + 1.0), has_zero }
            }
        }
    }

    /// Returns a value's position between `from` and `to`.
    fn position(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.log10().max(self.from),
        }
    }
}

impl Ranged for Extent {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (self.position(*value) - self.from) / (self.to - self.from);
        first + (f64::from(last - first) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Fine lines between the ticks would be noise.
        if hint.bold_points() < hint.max_num_points() {
            return Vec::new();
        }
        let step = if self.scale == Scale::Linear { round_step(self.to / TICKS) } else { 1.0 };
        let following = |tick: &f64| Some(tick + step).filter(|next| *next <= self.to + step * 1e-6);
        let ticks = std::iter::successors(Some(self.from), following);
        match self.scale {
            Scale::Linear => ticks.collect(),
            Scale::Logarithmic if self.has_zero => {
                std::iter::once(0.0).chain(ticks.skip(1).map(|tick| 10_f64.powf(tick))).collect()
            }
            Scale::Logarithmic => ticks.map(|tick| 10_f64.powf(tick)).collect(),
        }
    }

    fn range(&self) -> Range<f64> {
        match self.scale {
            Scale::Linear => self.from..self.to,
            Scale::Logarithmic => 10_f64.powf(self.from)..10_f64.powf(self.to),
        }
    }
}

impl ValueFormatter<f64> for Extent {
    /// Formats a number, its thousands set off: `1,000`, `0.5`.
    fn format(value: &f64) -> String {
        // Three digits after the point show the ticks of all our quantities; the rest is noise of floating point.
        let text = format!("{value:.3}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        grouped + fraction
    }
}

/// Returns the next larger of 1, 2, 5, 10, 20, …
fn round_step(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * decade >= step * 0.999);
    factor.unwrap_or(10.0) * decade
}
