//! What was measured, with its uncertainty, on the curves that theory gives.

use super::axis::Axis;
use super::canvas::Canvas;
use super::check;
use super::figure::Figure;
use super::font::Weight;
use super::frame::{BELOW_TITLE, Frame};
use super::legend::{Legend, Sample};
use super::style::{
    COLUMN_WIDTH_MM, CURVE_WIDTH, Dash, FRAME_WIDTH, MARKER_SIZE, MAX_SERIES, POINTS_PER_MM,
    SeriesStyle, Strategy, TICK_SIZE, WHITE, series_styles,
};
use crate::error::Result;

/// A measured point with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasuredPoint {
    /// Where.
    pub x: f64,
    /// The estimate.
    pub y: f64,
    /// Lower and upper limit of the estimate.
    pub interval: (f64, f64),
}

/// One quantity: a curve by theory, points as measured, or both.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TheorySeries {
    /// Its name in the key.
    pub label: String,
    /// (x, y) of the curve, in order of x.
    pub theory: Vec<(f64, f64)>,
    /// Pattern of the curve.
    pub dash: Option<Dash>,
    /// Points with error bars.
    pub measured: Vec<MeasuredPoint>,
}

/// Some quantities over one axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TheoryPanel {
    /// Title above the panel.
    pub title: String,
    /// What x is, with its unit; it is drawn on a logarithmic axis.
    pub x: String,
    /// What y is, with its unit.
    pub y: String,
    /// Whether y is drawn on a logarithmic axis.
    pub log_y: bool,
    /// The quantities, each in a colour and with a marker of its own.
    pub series: Vec<TheorySeries>,
}

/// Theory against measurement, one panel below the other, 85 mm wide.
///
/// ```
/// use dosewise::plot::{Figure, MeasuredPoint, TheoryFigure, TheoryPanel, TheorySeries};
/// let series = TheorySeries {
///     label: "mean of n coins".into(),
///     theory: vec![(1.0, 0.5), (100.0, 0.5)],
///     dash: None,
///     measured: vec![MeasuredPoint { x: 10.0, y: 0.6, interval: (0.3, 0.8) }],
/// };
/// let panel = TheoryPanel { title: "coins".into(), x: "n".into(), y: "mean".into(), log_y: false, series: vec![series] };
/// let (width, _) = TheoryFigure { panels: vec![panel] }.draw()?.size();
/// assert!((width - 85.0 / 25.4 * 72.0).abs() < 1e-9);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TheoryFigure {
    /// The panels, top to bottom, at most six.
    pub panels: Vec<TheoryPanel>,
}

const MOST_PANELS: usize = 6;
const TITLE: f64 = 16.0;
const RIGHT: f64 = 12.0;
const MARGIN: f64 = 4.0;
const BETWEEN: f64 = 8.0;
/// Half the width of the caps of error bars, pt.
const CAP: f64 = 2.0;

impl TheoryPanel {
    fn check(&self, at: &str) -> Result<()> {
        check::count(&format!("{at}.series"), self.series.len(), MAX_SERIES)?;
        let y = |name: &str, value| {
            if self.log_y {
                check::positive(name, value)
            } else {
                check::number(name, value)
            }
        };
        for (s, series) in self.series.iter().enumerate() {
            let at = format!("{at}.series[{s}]");
            let points = series.theory.len() + series.measured.len();
            check::count(&format!("{at}.theory and measured"), points, 100_000)?;
            for (i, point) in series.theory.iter().enumerate() {
                check::positive(&format!("{at}.theory[{i}].x"), point.0)?;
                y(&format!("{at}.theory[{i}].y"), point.1)?;
            }
            for (i, point) in series.measured.iter().enumerate() {
                let at = format!("{at}.measured[{i}]");
                check::positive(&format!("{at}.x"), point.x)?;
                y(&format!("{at}.y"), point.y)?;
                y(&format!("{at}.interval"), point.interval.0)?;
                y(&format!("{at}.interval"), point.interval.1)?;
            }
        }
        Ok(())
    }

    /// Horizontal and vertical axis with some air around everything.
    fn axes(&self) -> (Axis, Axis) {
        let places = self.series.iter().flat_map(|s| {
            let bars = s.measured.iter();
            let bars = bars.flat_map(|m| [(m.x, m.interval.0), (m.x, m.interval.1), (m.x, m.y)]);
            s.theory.iter().copied().chain(bars)
        });
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let wider = |(low, high): (f64, f64), v: f64| (low.min(v), high.max(v));
        let (x, y) = places.fold((none, none), |(xs, ys), (x, y)| {
            (wider(xs, x), wider(ys, y))
        });
        let air = 0.04 * (y.1 - y.0);
        let vertical = if self.log_y {
            Axis::log(y.0 / 1.2, y.1 * 1.2)
        } else {
            // Air reaches below zero only where the data do.
            let low = if y.0 < 0.0 {
                y.0 - air
            } else {
                (y.0 - air).max(0.0)
            };
            Axis::rounded(low, y.1 + air, 5)
        };
        (Axis::log(x.0 / 1.1, x.1 * 1.1), vertical)
    }

    fn styles(&self) -> Vec<SeriesStyle> {
        let plain = series_styles(&vec![Strategy::Adaptive; self.series.len()]);
        let both = plain.into_iter().zip(&self.series);
        both.map(|(style, series)| SeriesStyle {
            dash: series.dash.unwrap_or(Dash::Solid),
            ..style
        })
        .collect()
    }

    fn legend(&self) -> Legend {
        let entry = |(series, style): (&TheorySeries, SeriesStyle)| {
            let sample = if series.theory.is_empty() {
                Sample::Point(style, true)
            } else {
                Sample::Curve(style, !series.measured.is_empty())
            };
            (sample, series.label.clone())
        };
        Legend {
            entries: self.series.iter().zip(self.styles()).map(entry).collect(),
        }
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame) {
        frame.draw_grid(canvas);
        for (series, style) in self.series.iter().zip(self.styles()) {
            let curve = series.theory.iter().map(|&(x, y)| frame.place(x, y));
            canvas.line(
                &curve.collect::<Vec<_>>(),
                CURVE_WIDTH,
                style.colour,
                style.dash,
            );
        }
        for (series, style) in self.series.iter().zip(self.styles()) {
            for point in &series.measured {
                let (x, y) = frame.place(point.x, point.y);
                let [low, high] = [point.interval.0, point.interval.1].map(|v| frame.y_at(v));
                let strokes = [
                    [(x, low), (x, high)],
                    [(x - CAP, low), (x + CAP, low)],
                    [(x - CAP, high), (x + CAP, high)],
                ];
                for ends in strokes {
                    canvas.line(&ends, FRAME_WIDTH, style.colour, Dash::Solid);
                }
                canvas.marker_with(style.marker, (x, y), MARKER_SIZE, style.colour, WHITE, 0.5);
            }
        }
        frame.draw_axes(canvas, &self.x, Some(&self.y));
    }
}

impl Figure for TheoryFigure {
    /// Lays out the panels, each with its key below.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for series without points, numbers not finite (on logarithmic axes not
    /// above 0), more than six panels or 24 series.
    fn draw(&self) -> Result<Canvas> {
        check::count("panels", self.panels.len(), MOST_PANELS)?;
        for (p, panel) in self.panels.iter().enumerate() {
            panel.check(&format!("panels[{p}]"))?;
        }
        let page = COLUMN_WIDTH_MM * POINTS_PER_MM;
        let room = page - 2.0 * MARGIN;
        let axes: Vec<(Axis, Axis)> = self.panels.iter().map(TheoryPanel::axes).collect();
        // One left edge for all, where the widest number fits.
        let numbers = axes.iter().flat_map(|(_, y)| &y.ticks);
        let widths = numbers.map(|(_, text)| Canvas::text_width(text, TICK_SIZE, Weight::Regular));
        let left = widths.fold(0.0, f64::max) + 21.0;
        let width = page - left - RIGHT;
        let height = 0.6 * width;
        let legends: Vec<Legend> = self.panels.iter().map(TheoryPanel::legend).collect();
        let keys: f64 = legends.iter().map(|legend| legend.height(room)).sum();
        let each = TITLE + height + BELOW_TITLE + BETWEEN;
        let mut canvas = Canvas::new(page, keys + each * self.panels.len() as f64);
        let mut top = TITLE;
        for (i, ((panel, (x, y)), legend)) in self.panels.iter().zip(axes).zip(&legends).enumerate()
        {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn figure() -> TheoryFigure {
        let point = |x: f64| MeasuredPoint {
            x,
            y: 2.0 * x,
            interval: (1.8 * x, 2.3 * x),
        };
        let series = TheorySeries {
            label: "twice".into(),
            theory: vec![(1.0, 2.0), (10.0, 20.0)],
            dash: None,
            measured: vec![point(2.0), point(5.0)],
        };
        let panel = TheoryPanel {
            title: "double".into(),
            x: "n".into(),
            y: "2 n".into(),
            log_y: true,
            series: vec![series],
        };
        TheoryFigure {
            panels: vec![panel.clone(), panel],
        }
    }

    #[test]
    fn error_bars_need_finite_numbers_and_logarithms_positive_ones() {
        assert!(figure().draw().is_ok());
        let refused = |change: fn(&mut TheoryFigure), name: &str| {
            let mut figure = figure();
            change(&mut figure);
            match figure.draw() {
                Err(Error::Argument { argument, .. }) => assert_eq!(argument, name),
                other => panic!("{name}: {other:?}"),
            }
        };
        refused(|f| f.panels.clear(), "panels");
        refused(
            |f| f.panels[1].series[0].measured[1].interval.0 = 0.0,
            "panels[1].series[0].measured[1].interval",
        );
        refused(
            |f| f.panels[0].series[0].theory[0].1 = f64::NAN,
            "panels[0].series[0].theory[0].y",
        );
        let mut linear = figure();
        linear.panels[0].log_y = false;
        linear.panels[0].series[0].measured[0].interval.0 = -1.0;
        assert!(linear.draw().is_ok());
    }
}
