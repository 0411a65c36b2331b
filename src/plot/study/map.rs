//! What a study believes over two parameters, and where it would look next.

use super::TOLD;
use crate::error::{Error, Result};
use crate::optimize::{Belief, MapAxis, Outcome, StudyMap};
use crate::plot::axis::{Axis, number};
use crate::plot::canvas::Canvas;
use crate::plot::check;
use crate::plot::field_map::{BAR_HEIGHT, ColourScale, FieldMap, draw_field};
use crate::plot::figure::Figure;
use crate::plot::font::Weight;
use crate::plot::frame::{BELOW_TITLE, Frame};
use crate::plot::legend::{Legend, Sample};
use crate::plot::style::{
    BLACK, BLUE, ColourMap, Marker, PAGE_WIDTH_MM, POINTS_PER_MM, SeriesStyle, TICK_SIZE,
    VERMILLION, WHITE,
};
use ndarray::Array2;

/// Posterior mean, posterior deviation and acquisition over two parameters or an image, with the trials on top. 180 mm wide.
///
/// The acquisition is a logarithm; what lies more than [`MapFigure::depth`] below its top has the colour of the lowest.
///
/// ```
/// use dosewise::optimize::{Observation, Space, Study};
/// use dosewise::plot::{Figure, MapFigure};
/// let mut study = Study::in_memory(Space::new().pixels("place", 12, 20)?)?;
/// for trial in study.ask_many(6)? {
///     let (row, column) = trial.setting().pixel("place")?;
///     study.tell(trial.id(), Observation::new((row + 2 * column) as f64))?;
/// }
/// let figure = MapFigure::new(study.pixel_map("place")?);
/// assert!((figure.draw()?.size().0 - 180.0 / 25.4 * 72.0).abs() < 1e-9);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MapFigure {
    /// What is shown.
    pub map: StudyMap,
    /// What the value is, with its unit.
    pub value_label: String,
    /// What the first parameter is, with its unit.
    pub x_label: String,
    /// What the second parameter is, with its unit.
    pub y_label: String,
    /// Natural logarithms of the acquisition that are told apart, from its top.
    pub depth: f64,
}

const LEFT: f64 = 21.0;
const RIGHT: f64 = 14.0;
const GAP: f64 = 20.0;
const TITLE: f64 = 16.0;
const MARGIN: f64 = 4.0;

impl MapFigure {
    /// A figure of "value" over the parameters by their names.
    pub fn new(map: StudyMap) -> Self {
        Self {
            x_label: map.x.name.clone(),
            y_label: map.y.name.clone(),
            map,
            value_label: "value".into(),
            depth: 10.0,
        }
    }

    fn check(&self) -> Result<()> {
        for (name, axis) in [("x", &self.map.x), ("y", &self.map.y)] {
            let name = format!("map.{name}.values");
            check::count(&name, axis.values.len(), 2048)?;
            check::numbers(&name, &axis.values)?;
            let rising = axis.values.windows(2).all(|pair| pair[0] < pair[1]);
            if !rising || (axis.log && axis.values[0] <= 0.0) {
                let allowed = "rising numbers, above 0 where they matter by their logarithm";
                return Err(Error::argument(name, format!("{:?}", axis.values), allowed));
            }
        }
        let shape = (self.map.y.values.len(), self.map.x.values.len());
        if self.map.beliefs.dim() != shape {
            let found = format!("{:?}", self.map.beliefs.dim());
            return Err(Error::argument("map.beliefs", found, format!("{shape:?}")));
        }
        for belief in self.map.beliefs.iter().flatten() {
            check::number("map.beliefs mean", belief.mean)?;
            check::number("map.beliefs variance", belief.variance)?;
        }
        check::positive("depth", self.depth)
    }

    /// One quantity over the map, first row on top.
    fn field(&self, quantity: impl Fn(&Belief) -> f64) -> FieldMap {
        let values = self
            .map
            .beliefs
            .map(|belief| belief.as_ref().map_or(f64::NAN, &quantity));
        let upright = if self.map.image.is_some() {
            values
        } else {
            let rows = values.nrows();
            Array2::from_shape_fn(values.dim(), |(r, c)| values[[rows - 1 - r, c]])
        };
        FieldMap::new(upright, 1.0)
    }

    /// The three fields with their titles and the labels of their colour bars.
    fn fields(&self) -> [(FieldMap, &'static str, &str); 3] {
        let known = self.map.beliefs.iter().flatten().map(|b| b.acquisition);
        let top = known
            .filter(|a| a.is_finite())
            .fold(f64::NEG_INFINITY, f64::max);
        let floor = if top.is_finite() {
            top - self.depth
        } else {
            0.0
        };
        [
            (self.field(|b| b.mean), "posterior mean", &self.value_label),
            (
                self.field(|b| b.variance.max(0.0).sqrt()),
                "posterior deviation",
                &self.value_label,
            ),
            (
                self.field(|b| b.acquisition.max(floor)),
                "acquisition",
                "ln expected improvement",
            ),
        ]
    }

    fn draw_trials(&self, canvas: &mut Canvas, frame: &Frame) {
        for trial in &self.map.trials {
            let Some((x, y)) = self.map.place(trial) else {
                continue;
            };
            let (x, y) = (along(&self.map.x, x), along(&self.map.y, y));
            let at = frame.place(x, y);
            match trial.outcome() {
                Outcome::Told(_) => {
                    canvas.marker_with(Marker::Circle, at, 3.6, WHITE, BLACK, 0.6);
                }
                Outcome::Pending => canvas.marker_with(Marker::Square, at, 3.8, BLUE, WHITE, 0.6),
                Outcome::Failed { .. } => {
                    canvas.cross(at, 5.6, WHITE, 2.2);
                    canvas.cross(at, 4.8, VERMILLION, 1.2);
                }
            }
        }
        let (columns, rows) = (&self.map.x, &self.map.y);
        let centre = match &self.map.image {
            Some(name) => self
                .map
                .through
                .pixel(name)
                .ok()
                .map(|(r, c)| (c as f64, r as f64)),
            None => {
                let number = |axis: &MapAxis| self.map.through.get(&axis.name).ok()?.number();
                number(columns).zip(number(rows))
            }
        };
        if let Some((x, y)) = centre {
            let at = frame.place(along(columns, x), along(rows, y));
            canvas.marker_with(Marker::Star, at, 7.0, VERMILLION, WHITE, 0.7);
        }
    }

    fn legend(&self) -> Legend {
        let any = |kind: fn(&Outcome) -> bool| self.map.trials.iter().any(|t| kind(t.outcome()));
        let style = |marker, colour| SeriesStyle {
            marker,
            colour,
            ..TOLD
        };
        let entries = [
            (
                any(|o| matches!(o, Outcome::Told(_))),
                Sample::Point(style(Marker::Circle, BLACK), false),
                "trial",
            ),
            (
                true,
                Sample::Point(style(Marker::Star, VERMILLION), true),
                "incumbent, through which the map goes",
            ),
            (
                any(|o| matches!(o, Outcome::Pending)),
                Sample::Point(style(Marker::Square, BLUE), true),
                "pending",
            ),
            (
                any(|o| matches!(o, Outcome::Failed { .. })),
                Sample::Cross(VERMILLION),
                "failed",
            ),
        ];
        let shown = entries.into_iter().filter(|entry| entry.0);
        Legend {
            entries: shown
                .map(|(_, sample, name)| (sample, name.into()))
                .collect(),
        }
    }
}

/// Where a number lies along the cells of an axis: 0 in the middle of the first, 1 in the middle of the second.
fn along(axis: &MapAxis, value: f64) -> f64 {
    let scaled = |v: f64| {
        if axis.log {
            v.max(f64::MIN_POSITIVE).ln()
        } else {
            v
        }
    };
    let last = axis.values.len() - 1;
    if last == 0 {
        return 0.0;
    }
    let below = axis.values.partition_point(|v| *v <= value);
    let below = below.saturating_sub(1).min(last - 1);
    let (low, high) = (scaled(axis.values[below]), scaled(axis.values[below + 1]));
    below as f64 + (scaled(value) - low) / (high - low)
}

/// An axis of cells with round numbers, or, where there are few cells, with the number of each.
fn cells(axis: &MapAxis, room: f64) -> Axis {
    let (first, last) = (axis.values[0], axis.values[axis.values.len() - 1]);
    let ticks = if axis.values.len() <= 6 {
        let step = axis.values.windows(2).map(|pair| pair[1] - pair[0]);
        let step = step.fold(f64::INFINITY, f64::min).min(last.abs().max(1e-3));
        let largest = first.abs().max(last.abs());
        let label = |(i, v): (usize, &f64)| (i as f64, number(*v, step, largest));
        axis.values.iter().enumerate().map(label).collect()
    } else {
        let whole = if axis.log {
            Axis::log(first, last)
        } else {
            Axis::linear(first, last, 4).fitted_to(room)
        };
        let ticks = whole.ticks.into_iter();
        ticks
            .map(|(value, text)| (along(axis, value), text))
            .collect()
    };
    Axis::named(-0.5, axis.values.len() as f64 - 0.5, ticks)
}

impl Figure for MapFigure {
    /// Lays out the three maps, their colour bars and the key.
    ///
    /// # Errors
    /// [`Error::Argument`] for axes that do not rise, beliefs that do not fit them, numbers that are not finite, or a depth
    /// not above 0.
    fn draw(&self) -> Result<Canvas> {
        self.check()?;
        let page = PAGE_WIDTH_MM * POINTS_PER_MM;
        let guess = page / 3.5;
        let mut y = cells(&self.map.y, guess);
        if self.map.image.is_some() {
            std::mem::swap(&mut y.low, &mut y.high);
        }
        let widths = y.ticks.iter();
        let widths = widths.map(|(_, text)| Canvas::text_width(text, TICK_SIZE, Weight::Regular));
        let left = widths.fold(0.0, f64::max) + LEFT;
        let width = (page - left - RIGHT - 2.0 * GAP) / 3.0;
        let (rows, columns) = self.map.beliefs.dim();
        let height = match self.map.image {
            Some(_) => width * (rows as f64 / columns as f64).clamp(0.25, 2.0),
            None => width,
        };
        let (room, legend) = (page - 2.0 * MARGIN, self.legend());
        let bars = TITLE + height + BELOW_TITLE + 2.0;
        let key = bars + BAR_HEIGHT + 2.0;
        let mut canvas = Canvas::new(page, key + legend.height(room) + MARGIN);
        for (i, (field, title, label)) in self.fields().into_iter().enumerate() {
            let frame = Frame {
                left: left + (width + GAP) * i as f64,
                top: TITLE,
                width,
                height,
                x: cells(&self.map.x, width),
                y: y.clone(),
            };
            let map = [ColourMap::Viridis, ColourMap::Cividis, ColourMap::Viridis][i];
            let scale = ColourScale::over(&field, map, false);
            draw_field(
                &mut canvas,
                (frame.left, frame.top),
                (width, height),
                &field,
                &scale,
            );
            self.draw_trials(&mut canvas, &frame);
            frame.draw_axes(
                &mut canvas,
                &self.x_label,
                (i == 0).then_some(self.y_label.as_str()),
            );
            frame.draw_title(&mut canvas, i, 3, title);
            scale.draw_bar_below(&mut canvas, (frame.left, bars), width, label);
        }
        legend.draw(&mut canvas, MARGIN, key, room);
        Ok(canvas)
    }
}
