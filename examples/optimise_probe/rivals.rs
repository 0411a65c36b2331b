//! What else is done: grids, random search, Nelder and Mead's simplex, and focusing by hand.

use super::microscope::{RANGE, Session, Setting};
use argmin::core::{CostFunction, Executor};
use argmin::solver::neldermead::NelderMead;
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use rand::RngExt;
use rand::seq::SliceRandom;
use std::cell::RefCell;

/// The best setting so far by what its frame showed.
struct Best {
    value: f64,
    setting: Setting,
}

impl Best {
    fn none() -> Self {
        Self {
            value: f64::NEG_INFINITY,
            setting: [0.0; 3],
        }
    }

    /// Looks at a setting and hands in the best; `None` if the budget is spent.
    fn look(
        &mut self,
        session: &mut Session<'_>,
        setting: Setting,
        dose: f64,
    ) -> Result<Option<f64>> {
        let Some(frame) = session.look(setting, dose)? else {
            return Ok(None);
        };
        let value = frame.merit()?.0;
        if value > self.value {
            (self.value, self.setting) = (value, setting);
            session.hand_in(setting);
        }
        Ok(Some(value))
    }
}

/// Settings drawn evenly from the box.
pub fn random(session: &mut Session<'_>, seed: Seed, dose: f64) -> Result<()> {
    let mut stream = Stream::new(seed, Purpose::Policy, [0, 0]);
    let mut best = Best::none();
    loop {
        let setting = std::array::from_fn(|_| RANGE * (2.0 * stream.random::<f64>() - 1.0));
        if best.look(session, setting, dose)?.is_none() {
            return Ok(());
        }
    }
}

/// How a grid's values become the setting handed in at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peak {
    /// The best point.
    Point,
    /// The top of a parabola along each axis through the best point and its two neighbours.
    Lines,
    /// The same for the means over the 3 × 3 points across the axis, which have less noise.
    Slabs,
}

/// Every combination of `size` values of each parameter, the budget shared evenly, in random order.
pub fn grid(session: &mut Session<'_>, seed: Seed, size: usize, peak: Peak) -> Result<()> {
    let dose = session.budget() / size.pow(3) as f64;
    // Cell centres, so that each point stands for as much of the box.
    let spacing = 2.0 * RANGE / size as f64;
    let coordinate = |i: usize| -RANGE + spacing * (i as f64 + 0.5);
    let digits = |point: usize| [point / (size * size), point / size % size, point % size];
    let mut order: Vec<usize> = (0..size.pow(3)).collect();
    order.shuffle(&mut Stream::new(seed, Purpose::Policy, [0, 0]));
    let (mut best, mut values) = (Best::none(), vec![0.0; order.len()]);
    for point in order {
        let Some(value) = best.look(session, digits(point).map(coordinate), dose)? else {
            break;
        };
        values[point] = value;
    }
    if peak == Peak::Point {
        return Ok(());
    }
    let top = (0..values.len()).fold(0, |b, i| if values[i] > values[b] { i } else { b });
    let top = digits(top);
    let mut setting = top.map(coordinate);
    for axis in 0..3 {
        if top[axis] == 0 || top[axis] + 1 == size {
            continue;
        }
        let mean = |shift: usize| {
            let near = |point: &usize| {
                let at = digits(*point);
                at[axis] + 1 == top[axis] + shift
                    && (0..3).all(|k| {
                        let reach = usize::from(peak == Peak::Slabs);
                        k == axis || at[k].abs_diff(top[k]) <= reach
                    })
            };
            let found: Vec<f64> = (0..values.len()).filter(near).map(|p| values[p]).collect();
            found.iter().sum::<f64>() / found.len() as f64
        };
        let (low, middle, high) = (mean(0), mean(1), mean(2));
        let curvature = low - 2.0 * middle + high;
        if curvature < 0.0 {
            let shift = 0.5 * (low - high) / curvature;
            setting[axis] += spacing * shift.clamp(-1.0, 1.0);
        }
    }
    session.hand_in(setting);
    Ok(())
}

/// The sharpness as a function to be minimised, each value a frame.
struct Frames<'s, 'm> {
    session: RefCell<(&'s mut Session<'m>, Best)>,
    dose: f64,
}

impl CostFunction for &Frames<'_, '_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        let mut guard = self.session.borrow_mut();
        let (session, best) = &mut *guard;
        let setting = std::array::from_fn(|k| x[k].clamp(-RANGE, RANGE));
        let value = best.look(session, setting, self.dose)?;
        // Ends the run, since no more can be learned.
        value
            .map(|v| -v)
            .ok_or_else(|| argmin::core::Error::msg("dose spent"))
    }
}

/// Nelder and Mead's simplex from the operator's setting, edges `size` Å long; when its values differ by less than
/// `tolerance` it starts anew around the best setting, half as large.
pub fn simplex(session: &mut Session<'_>, dose: f64, size: f64, tolerance: f64) -> Result<()> {
    let frames = Frames {
        session: RefCell::new((session, Best::none())),
        dose,
    };
    let mut edge = size;
    loop {
        let (left, start) = {
            let guard = frames.session.borrow();
            (guard.0.left(), guard.1.setting)
        };
        if left < 4.0 * dose {
            return Ok(());
        }
        let mut corners = vec![start.to_vec(); 4];
        for k in 0..3 {
            // Towards the middle of the box.
            corners[k + 1][k] -= edge.copysign(start[k]);
        }
        let solver = NelderMead::new(corners)
            .with_sd_tolerance(tolerance)
            .map_err(|error| Error::argument("tolerance", error, "not negative"))?;
        // Ends with an error when the dose is spent, which is no failure.
        let _ = Executor::new(&frames, solver)
            .configure(|state| state.max_iters(1000))
            .run();
        edge = (0.5 * edge).max(5.0);
    }
}

/// As operators do: one parameter after the other through `looks` values around the present one, to the top of the parabola
/// through them; then again over a range `shrink` times as wide.
pub fn one_at_a_time(
    session: &mut Session<'_>,
    dose: f64,
    looks: usize,
    reach: f64,
    shrink: f64,
) -> Result<()> {
    let (mut here, mut reach) = ([0.0; 3], reach);
    loop {
        for k in 0..3 {
            let mut points = Vec::new();
            for i in 0..looks {
                let offset = reach * (2.0 * i as f64 / (looks - 1) as f64 - 1.0);
                let mut setting: Setting = here;
                setting[k] = (here[k] + offset).clamp(-RANGE, RANGE);
                let Some(frame) = session.look(setting, dose)? else {
                    return Ok(());
                };
                points.push((setting[k], frame.merit()?.0));
            }
            here[k] = top(&points);
            session.hand_in(here);
        }
        reach = (shrink * reach).max(10.0);
    }
}

/// Where the least-squares parabola through (x, y) is highest within the range of x; the best point if it has no top.
fn top(points: &[(f64, f64)]) -> f64 {
    let (low, high) = points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| {
            (l.min(p.0), h.max(p.0))
        });
    let best = points
        .iter()
        .fold(points[0], |b, p| if p.1 > b.1 { *p } else { b });
    let centre = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
    // With x about its mean, orthogonal polynomials: the square less its regression on 1 and x.
    let moment = |power: i32| {
        let sum: f64 = points.iter().map(|p| (p.0 - centre).powi(power)).sum();
        sum / points.len() as f64
    };
    let (m2, m3) = (moment(2), moment(3));
    let bend = |x: f64| (x - centre).powi(2) - m2 - m3 / m2 * (x - centre);
    let bends: f64 = points.iter().map(|p| bend(p.0).powi(2)).sum();
    let curvature = points.iter().map(|p| bend(p.0) * p.1).sum::<f64>() / bends;
    let slope =
        points.iter().map(|p| (p.0 - centre) * p.1).sum::<f64>() / (points.len() as f64 * m2);
    if curvature < 0.0 {
        let summit = centre - 0.5 * (slope - curvature * m3 / m2) / curvature;
        summit.clamp(low, high)
    } else {
        best.0
    }
}
