//! Pictures of the history for READMEs and profiles, as SVG and PNG.
//!
//! - [`look`]: theme, colors and frame, which all of them share.
//! - [`canvas`]: the texts and shapes of a drawing.
//! - [`heatmap`]: a year as squares, one a day.
//! - [`status_card`]: the last beat, today's timeline and a few stats.

mod canvas;
pub mod heatmap;
pub mod look;
pub mod status_card;
#[cfg(test)]
mod tests;

use super::png;
use canvas::Canvas;
use heatmap::Heatmap;
use look::{Look, Theme};
use status_card::StatusCard;

/// A picture, ready to be drawn. Equal pictures make equal images, so it can be the key of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Picture {
    /// How it looks.
    pub look: Look,
    /// What it shows.
    pub content: Content,
}

/// What a picture shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// A year, day by day.
    Heatmap(Heatmap),
    /// The last beat and what there is to say beside.
    Card(StatusCard),
}

impl Picture {
    /// Draws the picture as SVG. Takes milliseconds if the fonts of the system have to be asked.
    #[must_use]
    pub fn svg(&self) -> String {
        self.draw(&self.look, false)
    }

    /// Draws the picture as PNG, which cannot follow the theme of the browser: `auto` is light. Takes some ten milliseconds.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        let theme = if self.look.theme == Theme::Dark { Theme::Dark } else { Theme::Light };
        png::render(&self.draw(&Look { theme, ..self.look.clone() }, true), 1)
    }

    fn draw(&self, look: &Look, replaces_missing: bool) -> String {
        let mut canvas = Canvas::new(replaces_missing);
        match &self.content {
            Content::Heatmap(heatmap) => heatmap.draw(&mut canvas),
            Content::Card(card) => card.draw(&mut canvas),
        }
        look.frame(&canvas)
    }
}
