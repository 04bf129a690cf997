//! Plots as SVG text that stands inside a page and takes its colours from it.
//!
//! The page's style replaces the colours named here by those of the reader's light or dark mode; text
//! is placed by anchors, so that no font is needed where a plot is made.

use std::io;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

mod axis;

pub(crate) use axis::Axis;

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(0x1f, 0x24, 0x28);
/// Lines of the grid.
pub(crate) const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);
/// The first series.
pub(crate) const BLUE: RGBColor = RGBColor(0x2f, 0x6f, 0xd6);
/// What went well.
pub(crate) const GREEN: RGBColor = RGBColor(0x2a, 0x8f, 0x55);
/// What went wrong.
pub(crate) const RED: RGBColor = RGBColor(0xc9, 0x3c, 0x37);
/// While faults are injected.
pub(crate) const AMBER: RGBColor = RGBColor(0xd9, 0x98, 0x2b);

/// Width and height of a plot; a page shows it smaller where it has less room.
const SIZE: (u32, u32) = (460, 240);

/// Plotters' size of text; 1.24 of them are a pixel.
const TEXT: f64 = 15.0;

/// Between two labels one below the other.
const LINE: i32 = 15;

/// One thing in a plot; places are in the axes' own coordinate.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    /// A stretch of the horizontal axis.
    Shade { from: f64, to: f64 },
    /// A line through points, left to right.
    Line { color: RGBColor, points: Vec<(f64, f64)> },
    /// Bars from 0: left edge, right edge, height.
    Bars { color: RGBColor, bars: Vec<(f64, f64, f64)> },
    /// A vertical line with a word at its top, the `row`-th of several that may be close together.
    Mark { at: f64, text: &'static str, row: u32 },
    /// Points with the interval that each is known to be in.
    Estimates { color: RGBColor, points: Vec<Point> },
}

/// Where it is, and from where to where it may be.
pub(crate) type Point = (f64, f64, Option<(f64, f64)>);

/// Two axes and what is drawn between them.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) layers: Vec<Layer>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

impl Plot {
    /// Draws the plot.
    ///
    /// # Errors
    ///
    /// What plotters says; it has no reason to, as it writes to memory.
    pub(crate) fn svg(&self) -> io::Result<String> {
        let mut text = String::new();
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        self.draw(&area).map_err(|error| io::Error::other(error.to_string()))?;
        drop(area);
        Ok(text)
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        let mut chart = ChartBuilder::on(area)
            .margin_top(10)
            .margin_right(26)
            .x_label_area_size(26)
            .y_label_area_size(62)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        for layer in self.layers.iter().filter(|layer| matches!(layer, Layer::Shade { .. })) {
            self.layer(&mut chart, layer)?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .axis_style(INK)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(words())
            .draw()?;
        for layer in self.layers.iter().filter(|layer| !matches!(layer, Layer::Shade { .. })) {
            self.layer(&mut chart, layer)?;
        }
        area.present()
    }

    fn layer(&self, chart: &mut Chart<'_, '_>, layer: &Layer) -> Drawn {
        let (bottom, top) = (self.y.low, self.y.high);
        match layer {
            Layer::Shade { from, to } => {
                let corners = [(*from, bottom), (*to, top)];
                chart.draw_series([Rectangle::new(corners, AMBER.mix(0.2).filled())])?;
            }
            Layer::Line { color, points } => {
                chart.draw_series([PathElement::new(points.clone(), color.stroke_width(2))])?;
            }
            Layer::Bars { color, bars } => {
                let bars = bars.iter().filter(|(.., height)| *height > 0.0);
                chart.draw_series(bars.map(|(left, right, height)| {
                    Rectangle::new([(*left, 0.0), (*right, *height)], color.mix(0.75).filled())
                }))?;
            }
            Layer::Mark { at, text, row } => self.mark(chart, *at, text, *row)?,
            Layer::Estimates { color, points } => estimates(chart, *color, points)?,
        }
        Ok(())
    }

    fn mark(&self, chart: &mut Chart<'_, '_>, at: f64, text: &'static str, row: u32) -> Drawn {
        let line = vec![(at, self.y.low), (at, self.y.high)];
        chart.draw_series([PathElement::new(line, INK.mix(0.6).stroke_width(1))])?;
        let is_right = at > self.x.low + (self.x.high - self.x.low) * 0.85;
        let (side, dx) = if is_right { (HPos::Right, -4) } else { (HPos::Left, 4) };
        let style = words().pos(Pos::new(side, VPos::Top));
        let dy = LINE * i32::try_from(row).unwrap_or(0);
        let word = Text::new(text, (dx, dy), style);
        chart.draw_series([EmptyElement::at((at, self.y.high)) + word])?;
        Ok(())
    }
}

fn estimates(chart: &mut Chart<'_, '_>, color: RGBColor, points: &[Point]) -> Drawn {
    let line = points.iter().map(|(x, y, _)| (*x, *y)).collect::<Vec<_>>();
    chart.draw_series([PathElement::new(line.clone(), color.mix(0.5).stroke_width(1))])?;
    for (x, _, interval) in points {
        let Some((low, high)) = interval else { continue };
        chart.draw_series([PathElement::new(
            vec![(*x, *low), (*x, *high)],
            color.stroke_width(2),
        )])?;
        for end in [low, high] {
            let cap = PathElement::new(vec![(-4, 0), (4, 0)], color.stroke_width(2));
            chart.draw_series([EmptyElement::at((*x, *end)) + cap])?;
        }
    }
    chart.draw_series(line.into_iter().map(|at| Circle::new(at, 4, color.filled())))?;
    Ok(())
}

fn words() -> TextStyle<'static> {
    TextStyle::from(("sans-serif", TEXT).into_font()).color(&INK)
}

type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;
