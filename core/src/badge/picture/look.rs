//! The look of a picture: theme, colors, background, border and size.

use std::fmt::Write;

use csscolorparser::Color as Rgba;

use super::canvas::{Canvas, SMALL};
use crate::badge::{color::Color, runs};

/// Widths in pixels that a picture can have.
pub const WIDTHS: std::ops::RangeInclusive<u16> = 100..=2000;

/// Fonts in the order of preference: those that badges ask for, then any without serifs. Widths are those of the first three.
const FONTS: &str = "Verdana,Geneva,DejaVu Sans,sans-serif";

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
    /// As the browser prefers. It knows nothing of the page that the picture stands on, so that has a background of its own.
    Auto,
}

impl Theme {
    /// All themes, the default first.
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::Auto];

    /// Returns the name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Auto => "auto",
        }
    }
}

/// What is behind a picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Background {
    /// The color of the theme.
    #[default]
    Theme,
    /// Nothing.
    Transparent,
    /// This color.
    Color(Color),
}

/// How a picture looks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Look {
    /// Light or dark.
    pub theme: Theme,
    /// Color whose hue the time in use has; green by default. Its lightness tells hours, and cannot be chosen.
    pub color: Option<Color>,
    /// What is behind the picture.
    pub background: Background,
    /// Whether there is a border.
    pub border: bool,
    /// Width in pixels, one of [`WIDTHS`]; the height follows from it.
    pub width: Option<u16>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            color: None,
            background: Background::default(),
            border: true,
            width: None,
        }
    }
}

impl Look {
    /// Returns the whole picture.
    pub(super) fn frame(&self, canvas: &Canvas) -> String {
        let Canvas { width, height, title, description, body, .. } = canvas;
        let shown_width = self.width.map_or(*width, f32::from);
        let shown_height = (height * shown_width / width).round();
        let escape = |text: &str| runs::escape(text).replace('"', "&quot;");
        let (title, description) = (escape(title), escape(description));
        let background = match &self.background {
            Background::Theme => r#" class="b""#.to_owned(),
            Background::Transparent => r#" fill="none""#.to_owned(),
            Background::Color(color) => format!(r#" fill="{}""#, color.to_css()),
        };
        let border = if self.border { r#" class="f""# } else { r#" stroke="none""# };
        let (inner_width, inner_height) = (width - 1.0, height - 1.0);
        let style = self.style();
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{shown_width}" height="{shown_height}" viewBox="0 0 {width} {height}" role="img" font-family="{FONTS}" font-size="{SMALL}" text-anchor="middle">
<title>{title}</title>
<desc>{description}</desc>
<style>{style}</style>
<rect width="{width}" height="{height}" rx="6"{background}/>
<rect x=".5" y=".5" width="{inner_width}" height="{inner_height}" rx="5.5" fill="none"{border}/>
{body}</svg>
"#
        )
    }

    fn style(&self) -> String {
        let rules = |palette: &Palette| palette.rules(self.color.as_ref());
        match self.theme {
            Theme::Light => rules(&LIGHT),
            Theme::Dark => rules(&DARK),
            Theme::Auto => {
                format!("{}@media (prefers-color-scheme:dark){{{}}}", rules(&LIGHT), rules(&DARK))
            }
        }
    }
}

/// Colors of a theme: those of the pages.
struct Palette {
    background: &'static str,
    border: &'static str,
    ink: &'static str,
    quiet: &'static str,
    /// Where nothing was in use.
    empty: &'static str,
    /// Colors by [`Recency`](crate::recency::Recency), from now to lost, then never.
    recencies: [&'static str; 6],
    /// Lightness and chroma (of `OKLCH`) of the steps, from the least time in use to the most. Lightness alone tells them apart, so
    /// that all can.
    steps: [(f32, f32); 4],
}

const LIGHT: Palette = Palette {
    background: "#fff",
    border: "#d8d3c8",
    ink: "#1b1f27",
    quiet: "#59606d",
    empty: "#eceae5",
    recencies: ["#15803d", "#4d7c0f", "#a16207", "#c2410c", "#b91c1c", "#6b7280"],
    steps: [(0.84, 0.1), (0.72, 0.14), (0.58, 0.14), (0.41, 0.1)],
};

const DARK: Palette = Palette {
    background: "#11151c",
    border: "#2b323d",
    ink: "#eef1f5",
    quiet: "#9aa4b2",
    empty: "#222934",
    recencies: ["#3ddc84", "#a3d944", "#f0c53a", "#ff9a52", "#ff6b68", "#8b93a1"],
    steps: [(0.41, 0.08), (0.54, 0.12), (0.69, 0.16), (0.86, 0.16)],
};

impl Palette {
    /// Returns the rules for the classes of shapes: **b**ackground, **f**rame, **i**nk, **q**uiet, **e**mpty squares, **t**racks, **o**utlined, the steps from
    /// 1 to 4, the time in use (**u**), and the recencies from 0 to 5.
    fn rules(&self, color: Option<&Color>) -> String {
        let Self { background, border, ink, quiet, empty, recencies, .. } = self;
        let mut rules = format!(
            ".b{{fill:{background}}}.f,.o{{stroke:{border}}}.o{{fill:none}}.i{{fill:{ink}}}.q{{fill:{quiet}}}.e{{fill:{empty};stroke:{empty}}}.t{{fill:{empty}}}"
        );
        let steps = self.ramp(color);
        for (step, shade) in (1..).zip(&steps) {
            write!(rules, ".s{step}{{fill:{shade};stroke:{shade}}}").expect("memory");
        }
        write!(rules, ".u{{fill:{}}}", steps[2]).expect("memory");
        for (recency, shade) in recencies.iter().enumerate() {
            let shade = if color.is_some() { &steps[2] } else { *shade };
            write!(rules, ".r{recency}{{stroke:{shade}}}").expect("memory");
        }
        rules
    }

    /// Returns the colors of the steps in the hue of a color.
    fn ramp(&self, color: Option<&Color>) -> [String; 4] {
        let color = color.map_or_else(|| Rgba::from_rgba8(0x15, 0x80, 0x3d, 0xff), Color::rgba);
        let [_, chroma, hue, _] = color.to_oklcha();
        self.steps.map(|(lightness, most)| {
            let is_real =
                |color: &Rgba| [color.r, color.g, color.b].iter().all(|part| (0.0..=1.0).contains(part));
            // Of dark and of light colors, screens have no strong ones in every hue.
            let weaker = (0_u8..=20).map(|step| most.min(chroma) * (1.0 - f32::from(step) / 20.0));
            let shades = weaker.map(|chroma| Rgba::from_oklcha(lightness, chroma, hue, 1.0));
            shades.into_iter().find(is_real).unwrap_or_default().to_css_hex().to_string()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2 defines it: what is left of colors for the colorblind.
    fn luminance(color: &str) -> f32 {
        let [red, green, blue, _] = csscolorparser::parse(color).expect("a color").to_linear_rgba();
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn lightness_alone_tells_the_steps_apart_in_every_hue() {
        for color in [
            None,
            Some("red"),
            Some("#00f"),
            Some("yellow"),
            Some("rebeccapurple"),
            Some("black"),
            Some("white"),
        ] {
            let color = color.and_then(Color::parse);
            for palette in [&LIGHT, &DARK] {
                let mut shades = vec![palette.empty.to_owned()];
                shades.extend(palette.ramp(color.as_ref()));
                for pair in shades.windows(2) {
                    let (one, other) = (luminance(&pair[0]) + 0.05, luminance(&pair[1]) + 0.05);
                    let contrast = one.max(other) / one.min(other);
                    assert!(contrast > 1.25, "{color:?}: {pair:?} {contrast}");
                }
            }
        }
    }

    #[test]
    fn a_color_has_its_hue_in_all_steps() {
        let grey = LIGHT.ramp(Color::parse("#777").as_ref());
        for shade in grey {
            let shade = csscolorparser::parse(&shade).expect("a color").to_rgba8();
            assert!(shade[0].abs_diff(shade[1]) <= 1 && shade[1].abs_diff(shade[2]) <= 1, "{shade:?}");
        }
    }
}
