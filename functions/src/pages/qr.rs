//! QR codes as SVG, for the camera of a phone.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// Margin on each side, in modules (ISO/IEC 18004, section 5.3.8).
const MARGIN: usize = 4;

/// Returns the QR code of a text as an SVG element: black on white in every color scheme of the page, since cameras expect
/// that. It has no size of its own. Empty if the text is longer than a QR code holds: 2,331 bytes.
#[must_use]
pub fn svg(text: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return String::new() };
    let (width, modules) = (code.width(), code.to_colors());
    let mut dark = String::new();
    for (y, row) in modules.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, other| one == other) {
            if run[0] == Color::Dark {
                let (left, top, length) = (x + MARGIN, y + MARGIN, run.len());
                write!(dark, "M{left} {top}h{length}v1h-{length}z").expect("memory");
            }
            x += run.len();
        }
    }
    let size = width + 2 * MARGIN;
    format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"QR code\" viewBox=\"0 0 {size} {size}\" \
         shape-rendering=\"crispEdges\" xmlns=\"http://www.w3.org/2000/svg\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path fill=\"#000\" d=\"{dark}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use resvg::{
        tiny_skia::{Pixmap, Transform},
        usvg::{Options, Tree},
    };
    use rqrr::PreparedImage;

    use super::svg;

    /// Pixels of a module.
    const SCALE: u16 = 4;

    /// Draws the code, and reads it as a camera would. Returns the text, and whether its outermost pixels are white.
    fn read(svg: &str) -> (String, bool) {
        let tree = Tree::from_str(svg, &Options::default()).expect("an SVG");
        let size = tree.size().to_int_size().scale_by(SCALE.into()).expect("a size");
        let mut pixels = Pixmap::new(size.width(), size.height()).expect("memory");
        let transform = Transform::from_scale(SCALE.into(), SCALE.into());
        resvg::render(&tree, transform, &mut pixels.as_mut());
        let width = usize::try_from(size.width()).expect("small");
        let gray: Vec<u8> = pixels.pixels().iter().map(|pixel| pixel.red()).collect();
        assert!(pixels.pixels().iter().all(|pixel| pixel.alpha() == 255), "it shows what is beneath it");
        let margin = usize::from(SCALE) * super::MARGIN;
        let inner = margin..width - margin;
        let is_framed = (0..width * width)
            .filter(|at| !inner.contains(&(at % width)) || !inner.contains(&(at / width)))
            .all(|at| gray[at] == 255);
        let mut image = PreparedImage::prepare_from_greyscale(width, width, |x, y| gray[y * width + x]);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        (grids[0].decode().expect("a text").1, is_framed)
    }

    #[test]
    fn a_camera_reads_what_was_written() {
        let long = format!("https://{}.example.org/pair#BCDF-GHJK", "long".repeat(60));
        for text in ["https://beat.example.org/pair#BCDF-GHJK", "http://127.0.0.1:6060/pair#XZWV-TSRQ", &long]
        {
            assert_eq!(read(&svg(text)), (text.to_owned(), true));
        }
    }

    #[test]
    fn a_text_that_is_too_long_has_no_code() {
        assert!(!svg(&"a".repeat(2_331)).is_empty());
        assert_eq!(svg(&"a".repeat(2_332)), "");
    }
}
