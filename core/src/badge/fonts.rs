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
use skrifa::{
    FontRef, MetadataProvider, Tag,
    charmap::Charmap,
    instance::{LocationRef, Size},
    metrics::GlyphMetrics,
};

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

/// Characters of the bundled fonts, and the widths of their glyphs in units of the font's size.
static BUNDLED_GLYPHS: LazyLock<[(Charmap<'static>, GlyphMetrics<'static>); 3]> = LazyLock::new(|| {
    BUNDLED_FONTS.map(|font| {
        let font = FontRef::new(font).expect("the bundled fonts are valid");
        (font.charmap(), font.glyph_metrics(Size::new(1.0), LocationRef::default()))
    })
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
    BUNDLED_GLYPHS.iter().any(|(characters, _)| characters.map(c).is_some())
}

/// Whether a character only changes how others are drawn: joiners, and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether the bundled fonts have all of a text.
pub(super) fn all_bundled(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii() || is_bundled(c) || is_invisible(c))
}

/// Whether a font has a grapheme cluster.
pub(super) fn can_draw(cluster: &str) -> bool {
    all_bundled(cluster) || SYSTEM.find(cluster).is_some()
}

/// Returns the database with the fonts of a drawing. A quote in it is no text, which would be escaped.
pub(super) fn database(svg: &str) -> Arc<Database> {
    Arc::clone(if svg.contains(&format!("\"{SYSTEM_FAMILY}")) { &SYSTEM.database } else { &BUNDLED })
}

/// Returns a resolver that chooses the same fonts on all systems. Fonts of the system are only those named by
/// [`family`].
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

/// Returns the number of the font of the system that a grapheme cluster needs; `None` if the bundled fonts have it.
pub(super) fn find(cluster: &str) -> Option<usize> {
    if all_bundled(cluster) { None } else { SYSTEM.find(cluster) }
}

/// Returns the family by which a drawing asks for a font of the system.
pub(super) fn family(font: usize) -> String {
    format!("{SYSTEM_FAMILY}{font}")
}

/// Whether the glyphs of a font of the system are colored.
pub(super) fn has_colors(font: usize) -> bool {
    font < SYSTEM.colored
}

/// Returns the width of a text in the bundled fonts, in units of their size.
pub(super) fn bundled_width(text: &str) -> f32 {
    let glyph = |c| BUNDLED_GLYPHS.iter().find_map(|(characters, widths)| Some((characters.map(c)?, widths)));
    text.chars().filter_map(|c| glyph(c).and_then(|(glyph, widths)| widths.advance_width(glyph))).sum()
}
