//! What a study believes along one parameter.

use super::{DEVIATIONS, MODEL, TOLD, with_air};
use crate::error::{Error, Result};
use crate::optimize::{Belief, Dimension, Outcome, Slice, Trial, Value};
use crate::plot::axis::{Axis, number};
use crate::plot::canvas::Canvas;
use crate::plot::check;
use crate::plot::figure::Figure;
use crate::plot::frame::Frame;
use crate::plot::legend::{Legend, PanelGrid, Sample};
use crate::plot::style::{CURVE_WIDTH, Dash, MARKER_SIZE, VERMILLION};

/// Posterior mean and 95 % band along one parameter, bars for choices; told trials as points, filled if they lie on the slice,
/// failed ones as crosses on the lower edge. 85 mm wide.
///
/// ```
/// use dosewise::optimize::{Observation, Problem, Space, Study};
/// use dosewise::plot::{Figure, SliceFigure};
/// let mut study = Study::in_memory(Problem::minimise(Space::new().float("x", 0.0..=1.0)?))?;
/// for trial in study.ask_many(4)? {
///     study.tell(trial.id(), Observation::new(trial.float("x")?.sin()))?;
/// }
/// let figure = SliceFigure::new(study.slice("x")?);
/// assert!(figure.draw()?.size().1 > 100.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SliceFigure {
    /// What is shown.
    pub slice: Slice,
    /// Title above the figure.
    pub title: String,
    /// What the parameter is, with its unit.
    pub parameter_label: String,
    /// What the value is, with its unit.
    pub value_label: String,
}

impl SliceFigure {
    /// A figure of "value" against the parameter by its name.
    pub fn new(slice: Slice) -> Self {
        Self {
            parameter_label: slice.parameter.clone(),
            slice,
            title: String::new(),
            value_label: "value".into(),
        }
    }

    fn check(&self) -> Result<()> {
        check::count("slice.beliefs", self.slice.beliefs.len(), 100_000)?;
        for (i, belief) in self.slice.beliefs.iter().enumerate() {
            check::number(&format!("slice.beliefs[{i}].mean"), belief.mean)?;
            check::number(&format!("slice.beliefs[{i}].variance"), belief.variance)?;
            self.along(belief.setting.get(&self.slice.parameter)?)?;
        }
        for trial in &self.slice.trials {
            self.along(trial.setting().get(&self.slice.parameter)?)?;
            if let Some(observation) = trial.observation() {
                check::number("slice.trials", observation.value)?;
            }
        }
        Ok(())
    }

    /// Where a value lies along the axis: the number itself, or the number of a choice.
    fn along(&self, value: &Value) -> Result<f64> {
        let found = match (&self.slice.dimension, value) {
            (Dimension::Choice { names }, Value::Choice(name)) => {
                names.iter().position(|n| n == name).map(|code| code as f64)
            }
            _ => value.number(),
        };
        found.ok_or_else(|| {
            let allowed = "values of the parameter, numbers or choices";
            Error::argument(&self.slice.parameter, value, allowed)
        })
    }

    fn axis(&self) -> Axis {
        match &self.slice.dimension {
            Dimension::Float { low, high } => Axis::linear(*low, *high, 5),
            Dimension::LogFloat { low, high } => Axis::log(*low, *high),
            Dimension::Integer { .. } | Dimension::Grid { .. } => self.discrete_axis(),
            Dimension::Choice { names } => {
                let ticks = names.iter().enumerate();
                let ticks = ticks
                    .map(|(code, name)| (code as f64, name.clone()))
                    .collect();
                Axis::named(-0.5, names.len() as f64 - 0.5, ticks)
            }
            Dimension::Pixel { .. } => Axis::linear(0.0, 1.0, 5),
        }
    }

    /// An axis with room beside the first and the last number, and a tick at each where there are few.
    fn discrete_axis(&self) -> Axis {
        let values = self.slice.beliefs.iter().map(|belief| &belief.setting);
        let values = values.filter_map(|setting| setting.get(&self.slice.parameter).ok()?.number());
        let values: Vec<f64> = values.collect();
        let trials = self.slice.trials.iter().map(|trial| trial.setting());
        let trials = trials.filter_map(|setting| setting.get(&self.slice.parameter).ok()?.number());
        let (low, high) = with_air(values.iter().copied().chain(trials));
        if values.len() > 8 || high <= low {
            return Axis::linear(low, high, 5);
        }
        let steps = values.windows(2).map(|pair| pair[1] - pair[0]);
        let step = steps.fold(f64::INFINITY, f64::min).min(high - low);
        let largest = low.abs().max(high.abs());
        let ticks = values.iter().map(|v| (*v, number(*v, step, largest)));
        Axis::named(low, high, ticks.collect())
    }

    fn is_choice(&self) -> bool {
        matches!(self.slice.dimension, Dimension::Choice { .. })
    }

    /// Whether a trial has the other parameters of the slice.
    fn is_on_slice(&self, trial: &Trial) -> bool {
        let others = trial.setting().values().iter();
        others
            .filter(|(name, _)| *name != self.slice.parameter)
            .all(|(name, value)| self.slice.through.get(name).is_ok_and(|v| v == value))
    }

    fn draw_model(&self, canvas: &mut Canvas, frame: &Frame) {
        let places = self.slice.beliefs.iter().filter_map(|belief| {
            let value = belief.setting.get(&self.slice.parameter).ok()?;
            let (low, high) = ends(belief);
            let y = [high, belief.mean, low].map(|y| frame.y_at(y));
            Some((self.along(value).ok()?, y))
        });
        if self.is_choice() {
            for (code, [top, mean, bottom]) in places {
                let (left, right) = (frame.x_at(code - 0.32), frame.x_at(code + 0.32));
                canvas.rectangle(
                    (left, top),
                    (right - left, bottom - top),
                    MODEL.colour,
                    0.22,
                );
                let line = [(left, mean), (right, mean)];
                canvas.line(&line, CURVE_WIDTH, MODEL.colour, Dash::Solid);
            }
            return;
        }
        let places = places.map(|(x, y)| (frame.x_at(x), y));
        let places: Vec<(f64, [f64; 3])> = places.collect();
        let band = places.iter().map(|(x, y)| (*x, y[0], y[2])).collect();
        canvas.band(band, MODEL.colour, 0.18);
        let mean: Vec<_> = places.iter().map(|(x, y)| (*x, y[1])).collect();
        canvas.line(&mean, CURVE_WIDTH, MODEL.colour, Dash::Solid);
        // Where there are few values, the model means nothing in between.
        if self.slice.dimension.count().is_some() && mean.len() <= 25 {
            for at in mean {
                canvas.marker(MODEL.marker, at, 3.0, MODEL.colour, true);
            }
        }
    }

    fn draw_trials(&self, canvas: &mut Canvas, frame: &Frame) {
        for trial in &self.slice.trials {
            let value = trial.setting().get(&self.slice.parameter);
            let Some(along) = value.ok().and_then(|value| self.along(value).ok()) else {
                continue;
            };
            // Side by side within the bar of a choice, by their numbers.
            let aside = if self.is_choice() {
                0.5 * ((trial.id() as f64 * 0.618_034).fract() - 0.5)
            } else {
                0.0
            };
            let x = frame.x_at(along + aside);
            match trial.outcome() {
                Outcome::Pending => {}
                Outcome::Told(observation) => {
                    let at = (x, frame.y_at(observation.value));
                    let filled = self.is_on_slice(trial);
                    let size = if filled { MARKER_SIZE } else { 3.2 };
                    canvas.marker(TOLD.marker, at, size, TOLD.colour, filled);
                }
                Outcome::Failed { .. } => {
                    canvas.cross((x, frame.bottom() - 4.0), 4.6, VERMILLION, 1.1);
                }
            }
        }
    }

    fn legend(&self) -> Legend {
        let told = || {
            self.slice
                .trials
                .iter()
                .filter(|t| t.observation().is_some())
        };
        let mut failed = self.slice.trials.iter();
        let failed = failed.any(|t| matches!(t.outcome(), Outcome::Failed { .. }));
        let model = crate::plot::style::SeriesStyle {
            dash: Dash::Solid,
            ..MODEL
        };
        let entries = [
            (true, Sample::Curve(model, false), "mean, 95 % band"),
            (
                told().any(|t| self.is_on_slice(t)),
                Sample::Point(TOLD, true),
                "trial",
            ),
            (
                told().any(|t| !self.is_on_slice(t)),
                Sample::Point(TOLD, false),
                "trial elsewhere",
            ),
            (failed, Sample::Cross(VERMILLION), "failed"),
        ];
        let shown = entries.into_iter().filter(|entry| entry.0);
        Legend {
            entries: shown
                .map(|(_, sample, name)| (sample, name.into()))
                .collect(),
        }
    }
}

fn ends(belief: &Belief) -> (f64, f64) {
    let half = DEVIATIONS * belief.variance.max(0.0).sqrt();
    (belief.mean - half, belief.mean + half)
}

impl Figure for SliceFigure {
    /// Lays out the frame and its key.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no belief, a number is not finite, or a setting lacks the parameter.
    fn draw(&self) -> Result<Canvas> {
        self.check()?;
        let told = self.slice.trials.iter().filter_map(|t| t.observation());
        let beliefs = self.slice.beliefs.iter().map(ends);
        let (low, high) = with_air(
            beliefs
                .flat_map(|(low, high)| [low, high])
                .chain(told.map(|o| o.value)),
        );
        let grid = PanelGrid {
            panels: 1,
            y: Axis::linear(low, high, 5),
            legend: self.legend(),
            note: None,
        };
        let axes = [self.axis()];
        let labels = (
            axes.as_slice(),
            self.parameter_label.as_str(),
            self.value_label.as_str(),
        );
        Ok(grid.draw(labels, &[&self.title], |canvas, frame, _| {
            self.draw_model(canvas, frame);
            self.draw_trials(canvas, frame);
        }))
    }
}
