//! A drawing in the making: its size, its words for those who cannot see it, and its shapes.

use std::{collections::HashMap, fmt::Write};

use unicode_segmentation::UnicodeSegmentation;

use crate::badge::{runs, text::Text};

/// Size of most texts, in pixels.
pub(super) const SMALL: f32 = 11.0;

/// Which point of a text its position means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing in the making. Shapes have classes, whose colors come from the look.
#[derive(Debug)]
pub(super) struct Canvas {
    pub(super) width: f32,
    pub(super) height: f32,
    /// What the picture shows, in one sentence.
    pub(super) title: String,
    /// The figures in it.
    pub(super) description: String,
    /// Its elements.
    pub(super) body: String,
    /// Whether characters that the fonts lack become boxes, as they must where the program itself renders them.
    replaces_missing: bool,
}

impl Canvas {
    pub(super) fn new(replaces_missing: bool) -> Self {
        let (title, description, body) = Default::default();
        Self { width: 0.0, height: 0.0, title, description, body, replaces_missing }
    }

    /// Adds an element.
    pub(super) fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("memory");
        self.body.push('\n');
    }

    /// Adds a text of our own words, and returns its width.
    pub(super) fn words(
        &mut self,
        (x, y): (f32, f32),
        anchor: Anchor,
        size: f32,
        class: &str,
        text: &str,
    ) -> f32 {
        self.write((x, y), anchor, size, class, text, runs::width(text) * size)
    }

    /// Adds a text that may have any characters, in as many of `sizes` as it needs to fit into `max_width`, and cut if it does
    /// not fit into the last one.
    pub(super) fn fitting(&mut self, (x, y): (f32, f32), sizes: &[f32], max_width: f32, text: &Text) {
        let replaced = text.drawable();
        let measured: Vec<&str> = replaced.as_str().graphemes(true).collect();
        let mut widths: HashMap<&str, f32> = HashMap::new();
        for cluster in measured.iter().copied().chain(["…"]) {
            widths.entry(cluster).or_insert_with(|| runs::width(cluster));
        }
        let whole: f32 = measured.iter().map(|cluster| widths[cluster]).sum();
        let shown = if self.replaces_missing { &replaced } else { text };
        let last = sizes.last().copied().unwrap_or(SMALL);
        if let Some(size) = sizes.iter().copied().find(|size| whole * size <= max_width) {
            self.write((x, y), Anchor::Start, size, "i", shown.as_str(), whole * size);
            return;
        }
        let mut width = widths["…"];
        let fits = |cluster: &&&str| {
            width += widths[**cluster];
            width * last <= max_width
        };
        let count = measured.iter().take_while(fits).count();
        let cut: String = shown.as_str().graphemes(true).take(count).collect();
        let cut = cut.trim_end().to_owned() + "…";
        let width: f32 =
            measured.iter().take(count).map(|cluster| widths[cluster]).sum::<f32>() + widths["…"];
        self.write((x, y), Anchor::Start, last, "i", &cut, width * last);
    }

    /// Writes a text. All are centered at half of their length, since texts in fonts of the system have to be.
    fn write(
        &mut self,
        (x, y): (f32, f32),
        anchor: Anchor,
        size: f32,
        class: &str,
        text: &str,
        width: f32,
    ) -> f32 {
        let x = match anchor {
            Anchor::Start => x + width / 2.0,
            Anchor::Middle => x,
            Anchor::End => x - width / 2.0,
        };
        let size = if (size - SMALL).abs() < f32::EPSILON {
            String::new()
        } else {
            format!(" font-size=\"{size}\"")
        };
        let text = runs::escape(text).replace('"', "&quot;");
        self.add(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y}" textLength="{width:.1}"{size}>{text}</text>"#
        ));
        width
    }
}
