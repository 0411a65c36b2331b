//! Figures of a [`Study`](crate::optimize::Study): how it converged, what it believes along a parameter and over two.

mod convergence;
mod map;
mod slice;

pub use convergence::ConvergenceFigure;
pub use map::MapFigure;
pub use slice::SliceFigure;

use super::style::{BLUE, Colour, Dash, GREEN, Marker, SeriesStyle};

/// Half the width of a 95 % interval of a normal variable, in deviations.
const DEVIATIONS: f64 = 1.96;
/// Trials that were told.
const TOLD: SeriesStyle = SeriesStyle {
    colour: Colour(90, 90, 90),
    dash: Dash::Solid,
    marker: Marker::Circle,
};
/// Best value as measured.
const BEST: SeriesStyle = SeriesStyle {
    colour: BLUE,
    dash: Dash::Solid,
    marker: Marker::Circle,
};
/// What the model believes.
const MODEL: SeriesStyle = SeriesStyle {
    colour: GREEN,
    dash: Dash::Dashed,
    marker: Marker::Circle,
};

/// Ends of all numbers, with air of a twentieth on either side.
fn with_air(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let air = 0.05 * (ends.1 - ends.0);
    (ends.0 - air, ends.1 + air)
}
