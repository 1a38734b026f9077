//! Drawings as pixels. The fonts come with the program: neither a Lambda function nor an empty container
//! has any.

use std::sync::{Arc, LazyLock};

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{ImageHrefResolver, Options, Tree, fontdb},
};
use skrifa::{FontRef, MetadataProvider};

/// Our fonts. Where one lacks a character, those after it are asked.
const FONTS: [&[u8]; 3] = [
    include_bytes!("../../fonts/DejaVuSans.ttf"),
    include_bytes!("../../fonts/DejaVuSans-Bold.ttf"),
    include_bytes!("../../fonts/HeartbeatSocial-Bold.ttf"),
];

/// What social badges are written in, which ask for Helvetica or any font without serifs. All others ask
/// for `DejaVu Sans` by name.
const SANS_SERIF: &str = "Heartbeat Social";

static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut database = fontdb::Database::new();
    for font in FONTS {
        database.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    database.set_sans_serif_family(SANS_SERIF);
    Arc::new(database)
});

/// A drawing as a PNG picture, `scale` pixels in each direction for one of the drawing's.
///
/// # Panics
///
/// If the drawing, which must be one of ours, is not sound.
pub(super) fn render(svg: &str, scale: u8) -> Vec<u8> {
    let mut options = Options { fontdb: Arc::clone(&DATABASE), ..Options::default() };
    // A picture in the picture must be part of it. The default looks for files.
    options.image_href_resolver = ImageHrefResolver {
        resolve_data: ImageHrefResolver::default_data_resolver(),
        resolve_string: Box::new(|_, _| None),
    };
    let tree = Tree::from_str(svg, &options).expect("our own drawings are sound");
    let scale = f32::from(scale);
    let size = tree.size().to_int_size().scale_by(scale).expect("not empty");
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("not empty");
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().expect("memory")
}

/// Whether our fonts have all that it takes to draw what a reader takes for one character.
pub(super) fn can_draw(cluster: &str) -> bool {
    let fonts = FONTS.map(|font| FontRef::new(font).expect("our own fonts are sound").charmap());
    let known = |c: char| is_invisible(c) || fonts.iter().any(|font| font.map(c).is_some());
    cluster.chars().all(known)
}

/// Characters that only say how others are to be drawn: joiners, and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}
