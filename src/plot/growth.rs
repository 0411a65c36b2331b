//! How a cost grows with a size: measured curves and the laws they should follow, on logarithmic axes.

use super::axis::Axis;
use super::canvas::Canvas;
use super::check;
use super::figure::Figure;
use super::font::Weight;
use super::frame::{BELOW_TITLE, Frame};
use super::legend::{Legend, Sample};
use super::style::{
    BLACK, COLUMN_WIDTH_MM, CURVE_WIDTH, Dash, MARKER_SIZE, MAX_SERIES, POINTS_PER_MM, SeriesStyle,
    Strategy, TICK_SIZE, WHITE, series_styles,
};
use crate::error::Result;

/// A cost at a few sizes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrowthCurve {
    /// What was measured, or the law.
    pub label: String,
    /// Sizes, above zero.
    pub size: Vec<f64>,
    /// The cost at each size, above zero.
    pub cost: Vec<f64>,
}

/// One kind of growth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrowthPanel {
    /// Title above the panel.
    pub title: String,
    /// What the size is, with its unit.
    pub size: String,
    /// What the cost is, with its unit.
    pub cost: String,
    /// What was measured: a marker a size, in order of colours.
    pub measured: Vec<GrowthCurve>,
    /// Laws to compare with: dotted black lines.
    pub laws: Vec<GrowthCurve>,
}

/// Cost against size on logarithmic axes, one panel below the other, 85 mm wide.
///
/// ```
/// use dosewise::plot::{Figure, GrowthCurve, GrowthCurves, GrowthPanel};
/// let size: Vec<f64> = (1..8).map(|i| f64::from(1 << i)).collect();
/// let panel = GrowthPanel {
///     title: "solve".into(),
///     size: "rows".into(),
///     cost: "time / ms".into(),
///     measured: vec![GrowthCurve {
///         label: "measured".into(),
///         cost: size.iter().map(|n| 0.1 + 0.01 * n * n).collect(),
///         size,
///     }],
///     laws: vec![],
/// };
/// let (width, _) = GrowthCurves { panels: vec![panel] }.draw()?.size();
/// assert!((width - 85.0 / 25.4 * 72.0).abs() < 1e-9);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrowthCurves {
    /// The panels, top to bottom, at most six.
    pub panels: Vec<GrowthPanel>,
}

const MOST_PANELS: usize = 6;
const TITLE: f64 = 16.0;
const RIGHT: f64 = 12.0;
const MARGIN: f64 = 4.0;
const BETWEEN: f64 = 8.0;

impl GrowthPanel {
    fn curves(&self) -> impl Iterator<Item = &GrowthCurve> {
        self.measured.iter().chain(&self.laws)
    }

    fn check(&self, at: &str) -> Result<()> {
        check::count(&format!("{at}.measured"), self.measured.len(), MAX_SERIES)?;
        for (list, curves) in [("measured", &self.measured), ("laws", &self.laws)] {
            for (c, curve) in curves.iter().enumerate() {
                let at = format!("{at}.{list}[{c}]");
                check::count(&format!("{at}.size"), curve.size.len(), 100_000)?;
                let costs = curve.cost.len();
                check::same_length(&format!("{at}.cost"), costs, "size", curve.size.len())?;
                for (name, values) in [("size", &curve.size), ("cost", &curve.cost)] {
                    for (i, &value) in values.iter().enumerate() {
                        check::positive(&format!("{at}.{name}[{i}]"), value)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// An axis with some air around these values.
    fn axis<'c>(values: impl Iterator<Item = &'c f64>) -> Axis {
        let ends = values.fold((f64::INFINITY, 0.0_f64), |(l, h), &v| (l.min(v), h.max(v)));
        Axis::log(ends.0 / 1.3, ends.1 * 1.3)
    }

    fn legend(&self) -> Legend {
        let measured = self.measured.iter().zip(self.styles());
        let measured = measured.map(|(curve, style)| (Sample::Curve(style, true), &curve.label));
        let law = SeriesStyle {
            colour: BLACK,
            dash: Dash::Dotted,
            marker: super::style::Marker::Circle,
        };
        let laws = self.laws.iter();
        let laws = laws.map(|curve| (Sample::Curve(law, false), &curve.label));
        Legend {
            entries: measured
                .chain(laws)
                .map(|(sample, label)| (sample, label.clone()))
                .collect(),
        }
    }

    fn styles(&self) -> Vec<SeriesStyle> {
        series_styles(&vec![Strategy::Adaptive; self.measured.len()])
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame) {
        frame.draw_grid(canvas);
        let places = |curve: &GrowthCurve| -> Vec<_> {
            let both = curve.size.iter().zip(&curve.cost);
            both.map(|(size, cost)| frame.place(*size, *cost)).collect()
        };
        for law in &self.laws {
            canvas.line(&places(law), CURVE_WIDTH, BLACK, Dash::Dotted);
        }
        for (curve, style) in self.measured.iter().zip(self.styles()) {
            let places = places(curve);
            canvas.line(&places, CURVE_WIDTH, style.colour, style.dash);
            for at in places {
                canvas.marker_with(style.marker, at, MARKER_SIZE, style.colour, WHITE, 0.5);
            }
        }
        frame.draw_axes(canvas, &self.size, Some(&self.cost));
    }
}

impl Figure for GrowthCurves {
    /// Lays out the panels, each with its key below.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for empty or mismatched lists, numbers not above 0, more than six
    /// panels or 24 curves.
    fn draw(&self) -> Result<Canvas> {
        check::count("panels", self.panels.len(), MOST_PANELS)?;
        for (p, panel) in self.panels.iter().enumerate() {
            panel.check(&format!("panels[{p}]"))?;
        }
        let page = COLUMN_WIDTH_MM * POINTS_PER_MM;
        let room = page - 2.0 * MARGIN;
        let axes: Vec<(Axis, Axis)> = self
            .panels
            .iter()
            .map(|panel| {
                let sizes = panel.curves().flat_map(|c| &c.size);
                let costs = panel.curves().flat_map(|c| &c.cost);
                (GrowthPanel::axis(sizes), GrowthPanel::axis(costs))
            })
            .collect();
        // One left edge for all, where the widest number fits.
        let numbers = axes.iter().flat_map(|(_, y)| &y.ticks);
        let widths = numbers.map(|(_, text)| Canvas::text_width(text, TICK_SIZE, Weight::Regular));
        let left = widths.fold(0.0, f64::max) + 21.0;
        let width = page - left - RIGHT;
        let height = 0.55 * width;
        let legends: Vec<Legend> = self.panels.iter().map(GrowthPanel::legend).collect();
        let keys: f64 = legends.iter().map(|legend| legend.height(room)).sum();
        let each = TITLE + height + BELOW_TITLE + BETWEEN;
        let mut canvas = Canvas::new(page, keys + each * self.panels.len() as f64);
        let mut top = TITLE;
        let panels = self.panels.iter().zip(axes).zip(&legends);
        for (i, ((panel, (x, y)), legend)) in panels.enumerate() {
            let frame = Frame {
                left,
                top,
                width,
                height,
                x,
                y,
            };
            panel.draw(&mut canvas, &frame);
            frame.draw_title(&mut canvas, i, self.panels.len(), &panel.title);
            let below = frame.bottom() + BELOW_TITLE;
            legend.draw(&mut canvas, MARGIN, below, room);
            top = below + legend.height(room) + BETWEEN + TITLE;
        }
        Ok(canvas)
    }
}
