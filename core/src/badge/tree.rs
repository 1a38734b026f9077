//! Drawings as trees of shapes, for rendering and measuring.

use resvg::usvg::{ImageHrefResolver, Options, Tree};

use super::fonts;

/// Returns the width of the text in `svg`.
pub(super) fn width(svg: &str) -> f32 {
    parse(svg).root().bounding_box().width()
}

/// Parses a drawing.
///
/// # Panics
///
/// If `svg`, which must be one of our own drawings, is invalid.
pub(super) fn parse(svg: &str) -> Tree {
    let options = Options {
        fontdb: fonts::database(svg),
        font_resolver: fonts::resolver(),
        // Images inside must be data URLs. The default resolver also reads files.
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(svg, &options).expect("our own drawings are valid")
}
