//! Rendering of SVG as PNG. The fonts are part of the program: neither a Lambda function nor an empty container has
//! any.

use std::sync::{Arc, LazyLock};

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{ImageHrefResolver, Options, Tree, fontdb},
};
use skrifa::{FontRef, MetadataProvider};

/// Bundled fonts, in order of fallback for a missing character.
const FONTS: [&[u8]; 3] = [
    include_bytes!("../../fonts/DejaVuSans.ttf"),
    include_bytes!("../../fonts/DejaVuSans-Bold.ttf"),
    include_bytes!("../../fonts/HeartbeatSocial-Bold.ttf"),
];

/// Font of social badges, whose SVG asks for Helvetica or any sans-serif font. All other styles ask for
/// `DejaVu Sans` by name.
const SANS_SERIF: &str = "Heartbeat Social";

static FONT_DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut database = fontdb::Database::new();
    for font in FONTS {
        database.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    database.set_sans_serif_family(SANS_SERIF);
    Arc::new(database)
});

/// Renders `svg` as PNG, with `scale` pixels in each direction for one of the SVG's.
///
/// # Panics
///
/// If `svg`, which must be one of our own drawings, is invalid.
pub(super) fn render(svg: &str, scale: u8) -> Vec<u8> {
    let mut options = Options { fontdb: Arc::clone(&FONT_DATABASE), ..Options::default() };
    // Images inside must be data URLs. The default resolver also reads files.
    options.image_href_resolver = ImageHrefResolver {
        resolve_data: ImageHrefResolver::default_data_resolver(),
        resolve_string: Box::new(|_, _| None),
    };
    let tree = Tree::from_str(svg, &options).expect("our own drawings are valid");
    let scale = f32::from(scale);
    let size = tree.size().to_int_size().scale_by(scale).expect("not empty");
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("not empty");
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().expect("memory takes all bytes")
}

/// Whether the bundled fonts have every character of a grapheme cluster.
pub(super) fn can_draw(cluster: &str) -> bool {
    let fonts = FONTS.map(|font| FontRef::new(font).expect("the bundled fonts are valid").charmap());
    let known = |c: char| is_invisible(c) || fonts.iter().any(|font| font.map(c).is_some());
    cluster.chars().all(known)
}

/// Whether a character only changes how others are drawn: joiners, and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}
