//! Rendering of SVG as PNG.

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{ImageHrefResolver, Options, Tree},
};

use super::{fonts, runs};

/// Renders `svg` as PNG, with `scale` pixels in each direction for one of the SVG's.
///
/// # Panics
///
/// If `svg`, which must be one of our own drawings, is invalid.
pub(super) fn render(svg: &str, scale: u8) -> Vec<u8> {
    let tree = parse(svg);
    let scale = f32::from(scale);
    let size = tree.size().to_int_size().scale_by(scale).expect("not empty");
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("not empty");
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().expect("memory takes all bytes")
}

/// Returns the width of the text in `svg`.
pub(super) fn width(svg: &str) -> f32 {
    parse(svg).root().bounding_box().width()
}

fn parse(svg: &str) -> Tree {
    let svg = runs::with_system_fonts(svg);
    let options = Options {
        fontdb: fonts::database(&svg),
        font_resolver: fonts::resolver(),
        // Images inside must be data URLs. The default resolver also reads files.
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(&svg, &options).expect("our own drawings are valid")
}
