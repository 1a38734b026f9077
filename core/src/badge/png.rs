//! Rendering of SVG as PNG.

use resvg::tiny_skia::{Pixmap, Transform};

use super::{runs, tree};

/// Renders `svg` as PNG, with `scale` pixels in each direction for one of the SVG's.
///
/// # Panics
///
/// If `svg`, which must be one of our own drawings, is invalid.
pub(super) fn render(svg: &str, scale: u8) -> Vec<u8> {
    let tree = tree::parse(&runs::with_system_fonts(svg));
    let scale = f32::from(scale);
    let size = tree.size().to_int_size().scale_by(scale).expect("not empty");
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("not empty");
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().expect("memory takes all bytes")
}
