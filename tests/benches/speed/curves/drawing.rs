//! A curve as an SVG image, readable in light and dark: it brings its own background.

use plotters::{
    coord::{Shift, ranged1d::Ranged},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Curve, Point, axis::Extent};

/// Size of a picture, in pixels.
const SIZE: (u32, u32) = (720, 400);

/// Left end of title and legend.
const LEFT: i32 = 90;

/// Width of a character of the legend, roughly: the font is the reader's.
const CHARACTER_WIDTH: i32 = 8;

/// A font that every system has.
const FONT: &str = "sans-serif";

const BACKGROUND: RGBColor = RGBColor(0xff, 0xff, 0xff);
const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);
const TARGET: RGBColor = RGBColor(0x6e, 0x77, 0x81);

/// Colors of the lines, which people who confuse colors can tell apart (Okabe and Ito).
const COLORS: [RGBColor; 4] = [
    RGBColor(0xd5, 0x2f, 0x5a),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x00, 0x80, 0x60),
    RGBColor(0xb3, 0x6b, 0x00),
];

/// Draws `lines`, which belong to [`Curve::lines`] in the same order.
pub(super) fn svg(curve: &Curve, lines: &[Vec<Point>]) -> String {
    let points = lines.iter().flatten();
    let x = Extent::of(curve.x.scale, points.clone().map(|point| point.x));
    let y = Extent::of(curve.y.scale, points.map(|point| point.y).chain(curve.target));
    let mut image = String::new();
    let area = SVGBackend::with_string(&mut image, SIZE).into_drawing_area();
    draw(&area, curve, lines, x, y).expect("a string takes every picture");
    drop(area);
    image
}

type Image<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Outcome<'a, T = ()> = Result<T, DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(area: &Image<'a>, curve: &Curve, lines: &[Vec<Point>], x: Extent, y: Extent) -> Outcome<'a> {
    area.fill(&BACKGROUND)?;
    area.draw(&Text::new(curve.title, (LEFT, 18), font(20)))?;
    let (left, right) = (x.range().start, x.range().end);
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .margin_top(76)
        .margin_right(44)
        .x_label_area_size(46)
        .y_label_area_size(74)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(font(13))
        .axis_desc_style(font(14))
        .x_desc(curve.x.label)
        .y_desc(curve.y.label)
        .draw()?;
    if let Some(target) = curve.target {
        let ends = [(left, target), (right, target)];
        chart.draw_series(DashedLineSeries::new(ends, 6, 4, TARGET.stroke_width(1)))?;
        let style = font(13).color(&TARGET).pos(Pos::new(HPos::Right, VPos::Bottom));
        chart.draw_series([Text::new("target", (right, target), style)])?;
    }
    let mut legend = LEFT;
    for ((line, name), color) in
        lines.iter().zip(curve.lines).zip(COLORS).filter(|((line, _), _)| !line.is_empty())
    {
        let points = line.iter().map(|point| (point.x, point.y));
        chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
        chart.draw_series(points.map(|point| Circle::new(point, 3, color.filled())))?;
        if curve.lines.len() > 1 {
            legend = draw_legend(area, legend, name, color)?;
        }
    }
    Ok(())
}

/// Draws the name of a line beside a piece of it, from `left` on, above the chart, where it hides nothing; returns where
/// the next one can begin.
fn draw_legend<'a>(area: &Image<'a>, left: i32, name: &str, color: RGBColor) -> Outcome<'a, i32> {
    area.draw(&PathElement::new([(left, 56), (left + 18, 56)], color.stroke_width(3)))?;
    area.draw(&Text::new(name.to_owned(), (left + 24, 49), font(14)))?;
    let characters = i32::try_from(name.chars().count()).unwrap_or_default();
    Ok(left + 24 + characters * CHARACTER_WIDTH + 20)
}

fn font(size: i32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}
