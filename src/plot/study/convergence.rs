//! Best so far against what was spent.

use super::{BEST, DEVIATIONS, MODEL, TOLD, with_air};
use crate::error::{Error, Result};
use crate::optimize::{Convergence, Outcome, Step};
use crate::plot::axis::Axis;
use crate::plot::canvas::{Canvas, Place};
use crate::plot::check;
use crate::plot::figure::Figure;
use crate::plot::frame::Frame;
use crate::plot::legend::{Legend, PanelGrid, Sample};
use crate::plot::style::{CURVE_WIDTH, Marker, SeriesStyle, VERMILLION};

/// Best so far, and the posterior-mean incumbent with its 95 % band where noise was told, against the cost spent; all trials
/// as points, those that break a constraint as triangles, failed ones as crosses on the lower edge. 85 mm wide.
///
/// ```
/// use dosewise::optimize::{Observation, Problem, Space, Study};
/// use dosewise::plot::{ConvergenceFigure, Figure};
/// let mut study = Study::in_memory(Problem::minimise(Space::new().float("x", 0.0..=1.0)?))?;
/// for value in [3.0, 1.0, 2.0] {
///     let trial = study.ask()?.expect("no budget was set");
///     study.tell(trial.id(), Observation::new(value).cost(5.0))?;
/// }
/// let figure = ConvergenceFigure::new(study.convergence()?);
/// assert!((figure.draw()?.size().0 - 85.0 / 25.4 * 72.0).abs() < 1e-9);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ConvergenceFigure {
    /// What is shown.
    pub convergence: Convergence,
    /// Title above the figure.
    pub title: String,
    /// What the value is, with its unit.
    pub value_label: String,
    /// What the cost is, with its unit.
    pub cost_label: String,
    /// Whether the values' axis is logarithmic; all values must then be above 0.
    pub log_value: bool,
}

impl ConvergenceFigure {
    /// A linear figure of "value" against "cost spent".
    pub fn new(convergence: Convergence) -> Self {
        Self {
            convergence,
            title: String::new(),
            value_label: "value".into(),
            cost_label: "cost spent".into(),
            log_value: false,
        }
    }

    fn steps(&self) -> &[Step] {
        &self.convergence.steps
    }

    fn check(&self) -> Result<()> {
        let mut told = 0;
        for (i, step) in self.steps().iter().enumerate() {
            let at = format!("steps[{i}]");
            check::number(&format!("{at}.spent"), step.spent)?;
            let value = step.trial.observation().map(|o| o.value);
            told += usize::from(value.is_some());
            for value in value.into_iter().chain(step.best) {
                check::number(&format!("{at}.value"), value)?;
                if self.log_value {
                    check::positive(&format!("{at}.value"), value)?;
                }
            }
            if let Some((mean, variance)) = step.believed {
                check::number(&format!("{at}.believed.0"), mean)?;
                check::number(&format!("{at}.believed.1"), variance)?;
            }
        }
        if told == 0 {
            return Err(Error::argument("steps", "no told trial", "at least one"));
        }
        Ok(())
    }

    fn value_axis(&self) -> Axis {
        let told = self.steps().iter().filter_map(|s| s.trial.observation());
        let believed = self.steps().iter().filter_map(|s| s.believed);
        if self.log_value {
            let values = told.map(|o| o.value).chain(believed.map(|(mean, _)| mean));
            let values = values.filter(|value| *value > 0.0);
            let ends = values.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
            return Axis::log(ends.0 / 1.3, ends.1 * 1.3);
        }
        let bands = believed.flat_map(|(mean, variance)| {
            let half = DEVIATIONS * variance.max(0.0).sqrt();
            [mean - half, mean + half]
        });
        // A band that is much wider than what was measured is cut rather than let to flatten the curve.
        let (low, high) = with_air(told.map(|o| o.value));
        let room = (high - low).max(1e-9 * low.abs());
        let bands = bands.map(|end| end.clamp(low - 0.5 * room, high + 0.5 * room));
        let (low, high) = bands.fold((low, high), |(l, h), end| (l.min(end), h.max(end)));
        Axis::linear(low, high, 5)
    }

    fn legend(&self) -> Legend {
        let any = |kind: fn(&Step) -> bool| self.steps().iter().any(kind);
        let broken = SeriesStyle {
            colour: VERMILLION,
            marker: Marker::InvertedTriangle,
            ..TOLD
        };
        let entries = [
            (
                any(|s| s.best.is_some()),
                Sample::Curve(BEST, false),
                "best so far",
            ),
            (
                any(|s| s.believed.is_some()),
                Sample::Curve(MODEL, false),
                "believed best, 95 %",
            ),
            (any(|s| s.allowed), Sample::Point(TOLD, false), "trial"),
            (
                any(is_broken),
                Sample::Point(broken, false),
                "breaks a constraint",
            ),
            (any(is_failed), Sample::Cross(VERMILLION), "failed"),
        ];
        let shown = entries.into_iter().filter(|entry| entry.0);
        Legend {
            entries: shown
                .map(|(_, sample, name)| (sample, name.into()))
                .collect(),
        }
    }

    fn draw_data(&self, canvas: &mut Canvas, frame: &Frame) {
        let believed = self
            .steps()
            .iter()
            .filter_map(|s| Some((s.spent, s.believed?)));
        let believed: Vec<(f64, (f64, f64))> = believed.collect();
        let ends: Vec<f64> = believed.iter().skip(1).map(|b| b.0).collect();
        let ends = ends.into_iter().chain([frame.x.high]);
        let edges = believed
            .iter()
            .zip(ends)
            .flat_map(|((from, (mean, variance)), to)| {
                let half = DEVIATIONS * variance.max(0.0).sqrt();
                let (top, bottom) = (frame.y_at(mean + half), frame.y_at(mean - half));
                [*from, to].map(|x| (frame.x_at(x), top, bottom))
            });
        canvas.band(edges.collect(), MODEL.colour, 0.16);
        for step in self.steps() {
            let x = frame.x_at(step.spent);
            if is_failed(step) {
                canvas.cross((x, frame.bottom() - 4.0), 4.6, VERMILLION, 1.1);
            }
            let Some(observation) = step.trial.observation() else {
                continue;
            };
            let at = (x, frame.y_at(observation.value));
            if step.allowed {
                canvas.marker(TOLD.marker, at, 3.4, TOLD.colour, false);
            } else {
                canvas.marker(Marker::InvertedTriangle, at, 4.0, VERMILLION, false);
            }
        }
        let believed: Vec<(f64, f64)> = believed.iter().map(|(x, b)| (*x, b.0)).collect();
        let best = self.steps().iter().filter_map(|s| Some((s.spent, s.best?)));
        let best: Vec<(f64, f64)> = best.collect();
        for (curve, style) in [(believed, MODEL), (best, BEST)] {
            canvas.line(
                &stairs(&curve, frame),
                CURVE_WIDTH,
                style.colour,
                style.dash,
            );
        }
    }
}

fn is_failed(step: &Step) -> bool {
    matches!(step.trial.outcome(), Outcome::Failed { .. })
}

fn is_broken(step: &Step) -> bool {
    step.trial.observation().is_some() && !step.allowed
}

/// A value that holds until the next, to the right end of the frame.
fn stairs(curve: &[(f64, f64)], frame: &Frame) -> Vec<Place> {
    let mut points = Vec::new();
    for (i, (x, y)) in curve.iter().enumerate() {
        let next = curve.get(i + 1).map_or(frame.x.high, |next| next.0);
        points.extend([frame.place(*x, *y), frame.place(next, *y)]);
    }
    points
}

impl Figure for ConvergenceFigure {
    /// Lays out the frame and its key.
    ///
    /// # Errors
    /// [`Error::Argument`] if no trial is told, a number is not finite, or not above 0 on a logarithmic axis.
    fn draw(&self) -> Result<Canvas> {
        self.check()?;
        let most = self
            .steps()
            .iter()
            .fold(0.0_f64, |most, s| most.max(s.spent));
        let axes = [Axis::linear(0.0, 1.02 * most, 5)];
        let grid = PanelGrid {
            panels: 1,
            y: self.value_axis(),
            legend: self.legend(),
            note: None,
        };
        let labels = (
            axes.as_slice(),
            self.cost_label.as_str(),
            self.value_label.as_str(),
        );
        Ok(grid.draw(labels, &[&self.title], |canvas, frame, _| {
            self.draw_data(canvas, frame);
        }))
    }
}
