//! Texts of PNGs, split into runs of one font each.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{fonts, tree};

/// Returns a drawing in which each run of characters from one font of the system is a text of its own. The renderer
/// could mix fonts in one text, but then loses characters where one of the fonts has ligatures.
///
/// Texts must be centered and have a `textLength`, as badges do. What lies between `<` and `>` is a tag.
pub(super) fn with_system_fonts(svg: &str) -> String {
    let mut drawing = String::new();
    for (index, part) in svg.split('<').enumerate() {
        drawing.push_str(if index == 0 { "" } else { "<" });
        match part.split_once('>').filter(|(_, text)| !fonts::all_bundled(text)) {
            Some((tag, text)) => drawing.push_str(&split_text(tag, text).unwrap_or_else(|| part.to_owned())),
            None => drawing.push_str(part),
        }
    }
    drawing
}

/// Returns texts in the place of one, without the end of the last. Each has a share of the length.
fn split_text(tag: &str, text: &str) -> Option<String> {
    let (tag, x) = take_number(tag, "x")?;
    let (tag, length) = take_number(&tag, "textLength")?;
    let (text, is_shadow) = (unescape(text), tag.contains("fill-opacity") || tag.contains("aria-hidden"));
    let runs: Vec<_> = runs(&text).into_iter().map(|(font, run)| (font, run, run_width(font, run))).collect();
    let total: f32 = runs.iter().map(|(_, _, width)| width).sum();
    let scale = (total > 0.0).then_some(length / total)?;
    let mut start = x - length / 2.0;
    let mut texts = Vec::new();
    for (font, run, width) in runs {
        // Glyphs with colors of their own cast no shadow.
        if !(is_shadow && font.is_some_and(fonts::has_colors)) {
            let (attributes, length) = (run_attributes(font), width * scale);
            let run = escape(run);
            texts.push(format!(
                r#"{tag} x="{start}" textLength="{length}" text-anchor="start"{attributes}>{run}"#
            ));
        }
        start += width * scale;
    }
    Some(if texts.is_empty() { format!("{tag}>") } else { texts.join("</text><") })
}

/// Returns a tag without an attribute, and the value of that.
fn take_number(tag: &str, name: &str) -> Option<(String, f32)> {
    let (before, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, after) = rest.split_once('"')?;
    Some((format!("{before}{after}"), value.parse().ok()?))
}

/// Splits a text into runs that one font of the system draws, or the bundled fonts together (`None`).
fn runs(text: &str) -> Vec<(Option<usize>, &str)> {
    let mut runs: Vec<(Option<usize>, Range<usize>)> = Vec::new();
    for (at, cluster) in text.grapheme_indices(true) {
        let (font, end) = (fonts::find(cluster), at + cluster.len());
        match runs.last_mut() {
            Some((last, range)) if *last == font => range.end = end,
            _ => runs.push((font, at..end)),
        }
    }
    runs.into_iter().map(|(font, range)| (font, &text[range])).collect()
}

/// Returns the attributes of a text that is one run.
fn run_attributes(font: Option<usize>) -> String {
    let family = font.map(|font| format!(r#" font-family="{}""#, fonts::family(font)));
    format!(r#" xml:space="preserve"{}"#, family.unwrap_or_default())
}

/// Returns the width of a text, in units of the font's size.
pub(super) fn width(text: &str) -> f32 {
    runs(text).into_iter().map(|(font, run)| run_width(font, run)).sum()
}

fn run_width(font: Option<usize>, run: &str) -> f32 {
    if font.is_none() {
        return fonts::bundled_width(run);
    }
    // The font may compose many characters into one glyph.
    let (attributes, run) = (run_attributes(font), escape(run));
    let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" font-size="100">"#;
    tree::width(&format!("{svg}<text{attributes}>{run}</text></svg>")) / 100.0
}

/// Escapes a text for XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Reverts the escapes of a badge.
fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
#[expect(clippy::print_stderr, reason = "those who run the tests want to know")]
mod tests {
    use super::*;

    #[test]
    fn one_font_draws_a_run() {
        assert_eq!(runs("last online"), [(None, "last online")]);
        if fonts::find("携").is_none() || fonts::find("📱").is_none() {
            eprintln!("skipped: this system has no font for Chinese, or none for emoji");
            return;
        }
        let (chinese, emoji) = (fonts::find("携"), fonts::find("📱"));
        assert_ne!(chinese, emoji);
        assert_eq!(
            runs("a 携帯 👨‍👩‍👧 b"),
            [(None, "a "), (chinese, "携帯"), (None, " "), (emoji, "👨‍👩‍👧"), (None, " b")]
        );
    }

    #[test]
    fn each_run_is_a_text_with_a_share_of_the_length() {
        let plain = r#"<svg><text x="500" y="1" textLength="200">a &amp; b</text></svg>"#;
        assert_eq!(with_system_fonts(plain), plain);
        if fonts::find("携").is_none() {
            eprintln!("skipped: this system has no font for Chinese");
            return;
        }
        let mixed = with_system_fonts(r#"<text x="500" y="1" textLength="200">&lt;携</text>"#);
        let texts: Vec<_> = mixed.split_inclusive("</text>").collect();
        let [latin, chinese] = texts[..] else { panic!("{mixed}") };
        assert!(
            latin.starts_with(r#"<text y="1" x="400" textLength=""#) && latin.contains(">&lt;<"),
            "{latin}"
        );
        let end: f32 =
            [latin, chinese].iter().map(|text| take_number(text, "textLength").expect("a length").1).sum();
        assert!(chinese.contains(">携<") && (end - 200.0).abs() < 0.1, "{chinese}");
    }
}
