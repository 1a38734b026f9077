//! Drawing of badges as SVG, as shields.io draws them.

use badge_maker_rs::{BadgeOptions, Color as Fill, make_badge};

use super::{Badge, Color, Style};

/// Logo of the badges as a data URL: a heart on a square of 24.
const HEART: &str = concat!(
    "data:image/svg+xml;base64,",
    "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyNCAyNCI+PHBhdGggZmlsbD0iI2Zm",
    "NmI4MSIgZD0iTTEyIDIxLjVDNS41IDE3IDIgMTMgMiA4LjdDMiA1LjYgNC40IDMuMiA3LjQgMy4yYzEuOCAwIDMuNiAxIDQuNiAy",
    "LjZjMS0xLjYgMi44LTIuNiA0LjYtMi42YzMgMCA1LjQgMi40IDUuNCA1LjVjMCA0LjMtMy41IDguMy0xMCAxMi44eiIvPjwvc3Zn",
    "Pg=="
);

/// Draws a badge as SVG.
pub(super) fn draw(badge: &Badge) -> String {
    let options = BadgeOptions::new(badge.message.as_str())
        .label(badge.label.as_str())
        .style(style(badge.style))
        .color(fill(&badge.color))
        .maybe_label_color(badge.label_color.as_ref().map(fill))
        .maybe_logo_data_url(badge.heart.then_some(HEART))
        .build();
    make_badge(&options).expect("widths are guessed where they are unknown, and there is no suffix")
}

fn style(style: Style) -> badge_maker_rs::Style {
    match style {
        Style::Flat => badge_maker_rs::Style::Flat,
        Style::FlatSquare => badge_maker_rs::Style::FlatSquare,
        Style::Plastic => badge_maker_rs::Style::Plastic,
        Style::ForTheBadge => badge_maker_rs::Style::ForTheBadge,
        Style::Social => badge_maker_rs::Style::Social,
    }
}

fn fill(color: &Color) -> Fill {
    Fill::literal(color.name())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Some forty badges as drawn by shields.io's own renderer.
    fn references() -> Vec<Value> {
        let index = include_str!("references.json");
        let index: Value = serde_json::from_str(index).expect("JSON");
        index["badges"].as_array().expect("a list").clone()
    }

    fn text(reference: &Value, member: &str) -> Option<String> {
        reference[member].as_str().map(str::to_owned)
    }

    fn drawn(reference: &Value) -> String {
        let style = text(reference, "style").expect("a style");
        let style = Style::ALL.into_iter().find(|known| known.name() == style).expect("one of ours");
        let link = |at: usize| reference["links"][at].as_str().map(str::to_owned);
        let options = BadgeOptions::new(text(reference, "message").expect("a message"))
            .label(text(reference, "label").expect("a label"))
            .style(super::style(style))
            .maybe_color(text(reference, "color").map(Fill::literal))
            .maybe_label_color(text(reference, "labelColor").map(Fill::literal))
            .maybe_logo_data_url(text(reference, "logo"))
            .maybe_left_link(link(0))
            .maybe_right_link(link(1))
            .maybe_id_suffix(text(reference, "idSuffix"))
            .build();
        make_badge(&options).expect("a drawing")
    }

    fn number(svg: &str, attribute: &str) -> f64 {
        let value = svg.split(&format!(" {attribute}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.and_then(|value| value.parse().ok()).expect(attribute)
    }

    #[test]
    fn every_reference_badge_has_the_same_size() {
        for reference in references() {
            let svg = drawn(&reference);
            let size = (number(&svg, "width"), number(&svg, "height"));
            let expected = (reference["width"].as_f64(), reference["height"].as_f64());
            assert_eq!((Some(size.0), Some(size.1)), expected, "{}", reference["id"]);
        }
    }

    #[test]
    fn every_reference_badge_has_the_same_bytes_but_the_one_with_an_id_of_its_own() {
        use sha2::{Digest, Sha256};
        let differs = |reference: &Value| {
            let hash = Sha256::digest(drawn(reference));
            let hash = hash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            text(reference, "sha256") != Some(hash)
        };
        let different: Vec<_> =
            references().iter().filter(|it| differs(it)).map(|it| it["id"].clone()).collect();
        // The library puts the suffix at other places; ours have none.
        assert_eq!(different, ["idsuffix-flat"]);
    }

    #[test]
    fn names_are_text() {
        let name = "<img src=x onerror=alert(1)>\"'&";
        for style in Style::ALL {
            let svg =
                draw(&Badge { style, ..Badge::last_seen(name, Some(180), crate::recency::Recency::Now) });
            assert!(!svg.to_lowercase().contains("<img"), "{svg}");
            assert!(svg.to_lowercase().contains("&lt;img src=x onerror=alert(1)&gt;"), "{svg}");
        }
    }
}
