//! Fonts of PNGs: those that are part of the program, since neither a Lambda function nor an empty container has any.
//! Characters that these lack, such as Chinese and emoji, come from the fonts of the system, if it has them.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use resvg::usvg::{
    FontFamily, FontResolver,
    fontdb::{Database, FaceInfo, ID, Source, Style, Weight},
};
use skrifa::{FontRef, MetadataProvider, Tag, charmap::Charmap};
use unicode_segmentation::UnicodeSegmentation;

use super::png;

/// Bundled fonts, in order of fallback for a missing character.
const BUNDLED_FONTS: [&[u8]; 3] = [
    include_bytes!("../../fonts/DejaVuSans.ttf"),
    include_bytes!("../../fonts/DejaVuSans-Bold.ttf"),
    include_bytes!("../../fonts/HeartbeatSocial-Bold.ttf"),
];

/// Font of social badges, whose SVG asks for Helvetica or any sans-serif font. All other styles ask for
/// `DejaVu Sans` by name.
const SANS_SERIF: &str = "Heartbeat Social";

/// Family of a font of the system in our drawings, before its number. Real names may be ambiguous.
const SYSTEM_FAMILY: &str = "heartbeat-system-";

static BUNDLED: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut database = Database::new();
    for font in BUNDLED_FONTS {
        database.load_font_source(Source::Binary(Arc::new(font)));
    }
    database.set_sans_serif_family(SANS_SERIF);
    Arc::new(database)
});

static BUNDLED_CHARACTERS: LazyLock<[Charmap<'static>; 3]> = LazyLock::new(|| {
    BUNDLED_FONTS.map(|font| FontRef::new(font).expect("the bundled fonts are valid").charmap())
});

/// Read when a character is needed that the bundled fonts lack, which most servers never do.
static SYSTEM: LazyLock<SystemFonts> = LazyLock::new(SystemFonts::read);

/// Fonts of the system.
struct SystemFonts {
    /// The bundled fonts and those of the system.
    database: Arc<Database>,
    /// Those of the system, in the order in which they are chosen.
    fonts: Vec<ID>,
    /// Number of those at the start of `fonts` whose glyphs are colored.
    colored: usize,
    /// Characters that the bundled fonts lack, with the first of `fonts` that has them. Looking them up in the files
    /// would take long on a desktop with thousands of fonts.
    characters: HashMap<char, usize>,
}

impl SystemFonts {
    fn read() -> Self {
        let mut database = Database::clone(&BUNDLED);
        database.load_system_fonts();
        let mut faces: Vec<_> =
            database.faces().filter(|face| !matches!(face.source, Source::Binary(_))).collect();
        // Emoji are in color if a font has such; upright and regular fonts are next.
        faces.sort_by_cached_key(|face| {
            (
                !is_colored(&database, face),
                face.style != Style::Normal,
                face.weight.0.abs_diff(Weight::NORMAL.0),
            )
        });
        let colored = faces.iter().filter(|face| is_colored(&database, face)).count();
        let fonts: Vec<_> = faces.iter().map(|face| face.id).collect();
        let mut characters = HashMap::new();
        for (index, font) in fonts.iter().enumerate() {
            database.with_face_data(*font, |data, face| {
                let font = FontRef::from_index(data, face).ok();
                let mappings = font.iter().flat_map(|font| font.charmap().mappings().collect::<Vec<_>>());
                for c in mappings.filter_map(|(code_point, _)| char::from_u32(code_point)) {
                    if !is_bundled(c) {
                        characters.entry(c).or_insert(index);
                    }
                }
            });
        }
        Self { database: Arc::new(database), fonts, colored, characters }
    }

    /// Returns the number of the font that draws a grapheme cluster.
    fn find(&self, cluster: &str) -> Option<usize> {
        let lacking = cluster.chars().find(|c| !is_bundled(*c) && !is_invisible(*c))?;
        let index = *self.characters.get(&lacking)?;
        let has_all = |data: &[u8], face| {
            let font = FontRef::from_index(data, face).ok();
            font.is_some_and(|font| {
                cluster.chars().all(|c| is_invisible(c) || font.charmap().map(c).is_some())
            })
        };
        self.database.with_face_data(self.fonts[index], has_all)?.then_some(index)
    }
}

/// Whether the glyphs of a font are colored, as those of emoji are.
fn is_colored(database: &Database, face: &FaceInfo) -> bool {
    let has_colors = |data: &[u8], index| {
        let font = FontRef::from_index(data, index).ok();
        let tables = [b"COLR", b"CBDT", b"sbix"];
        font.is_some_and(|font| tables.iter().any(|table| font.table_data(Tag::new(table)).is_some()))
    };
    database.with_face_data(face.id, has_colors).unwrap_or_default()
}

/// Whether a bundled font has a character.
fn is_bundled(c: char) -> bool {
    BUNDLED_CHARACTERS.iter().any(|font| font.map(c).is_some())
}

/// Whether a character only changes how others are drawn: joiners, and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether the bundled fonts have all of a text.
fn all_bundled(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii() || is_bundled(c) || is_invisible(c))
}

/// Whether a font has a grapheme cluster.
pub(super) fn can_draw(cluster: &str) -> bool {
    all_bundled(cluster) || SYSTEM.find(cluster).is_some()
}

/// Returns the database with the fonts of a drawing.
pub(super) fn database(svg: &str) -> Arc<Database> {
    Arc::clone(if svg.contains(SYSTEM_FAMILY) { &SYSTEM.database } else { &BUNDLED })
}

/// Returns a resolver that chooses the same fonts on all systems. Fonts of the system are only those named by
/// [`with_system_fonts`].
pub(super) fn resolver() -> FontResolver<'static> {
    let (select, fallback) =
        (FontResolver::default_font_selector(), FontResolver::default_fallback_selector());
    FontResolver {
        select_font: Box::new(move |font, _| {
            let number = match font.families().first() {
                Some(FontFamily::Named(name)) => name.strip_prefix(SYSTEM_FAMILY),
                _ => None,
            };
            match number.and_then(|number| number.parse::<usize>().ok()) {
                Some(number) => SYSTEM.fonts.get(number).copied(),
                None => select(font, &mut Arc::clone(&BUNDLED)),
            }
        }),
        select_fallback: Box::new(move |c, used, _| fallback(c, used, &mut Arc::clone(&BUNDLED))),
    }
}

/// Returns a drawing in which each run of characters from one font of the system is a text of its own. The renderer
/// could mix fonts in one text, but then loses characters where one of the fonts has ligatures.
///
/// Texts must be centered and have a `textLength`, as badges do. What lies between `<` and `>` is a tag.
pub(super) fn with_system_fonts(svg: &str) -> String {
    let mut drawing = String::new();
    for (index, part) in svg.split('<').enumerate() {
        drawing.push_str(if index == 0 { "" } else { "<" });
        match part.split_once('>').filter(|(_, text)| !all_bundled(text)) {
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
    let scale = length / runs.iter().map(|(_, _, width)| width).sum::<f32>();
    let mut start = x - length / 2.0;
    let mut texts = Vec::new();
    for (font, run, width) in runs {
        // Glyphs with colors of their own cast no shadow.
        if !is_shadow || font.is_none_or(|font| font >= SYSTEM.colored) {
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
    let mut runs: Vec<(Option<usize>, std::ops::Range<usize>)> = Vec::new();
    for (at, cluster) in text.grapheme_indices(true) {
        let font = if all_bundled(cluster) { None } else { SYSTEM.find(cluster) };
        let end = at + cluster.len();
        match runs.last_mut() {
            Some((last, range)) if *last == font => range.end = end,
            _ => runs.push((font, at..end)),
        }
    }
    runs.into_iter().map(|(font, range)| (font, &text[range])).collect()
}

/// Returns the attributes of a text that is one run.
fn run_attributes(font: Option<usize>) -> String {
    let family = font.map(|number| format!(r#" font-family="{SYSTEM_FAMILY}{number}""#)).unwrap_or_default();
    format!(r#" xml:space="preserve"{family}"#)
}

/// Returns the width of a text, in units of the font's size.
pub(super) fn width(text: &str) -> f32 {
    runs(text).into_iter().map(|(font, run)| run_width(font, run)).sum()
}

fn run_width(font: Option<usize>, run: &str) -> f32 {
    let (attributes, run) = (run_attributes(font), escape(run));
    png::width(&format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" font-family="DejaVu Sans" font-size="100"><text{attributes}>{run}</text></svg>"#
    )) / 100.0
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
        if SYSTEM.find("携").is_none() || SYSTEM.find("📱").is_none() {
            eprintln!("skipped: this system has no font for Chinese, or none for emoji");
            return;
        }
        let (chinese, emoji) = (SYSTEM.find("携"), SYSTEM.find("📱"));
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
        if SYSTEM.find("携").is_none() {
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
