//! Uphill within the unit box.

use crate::acquisition::Gradient;
use std::collections::VecDeque;

/// Pairs of a step and the change of slope over it that the curvature is learnt from.
const MEMORY: usize = 8;
/// Longest coordinate of a step while nothing is known of the curvature.
const FIRST_REACH: f64 = 0.1;
/// Share of the rise that the slope promises which a step must bring.
const SUFFICIENT: f64 = 1e-4;
/// Lengths tried along one direction.
const TRIALS: usize = 20;
/// A step shorter than this in every coordinate ends the climb.
const SHORTEST: f64 = 1e-9;
/// So does a rise smaller than this share of the score.
const LEAST_RISE: f64 = 1e-13;

/// Where a climb stands.
#[derive(Debug, Clone)]
pub(crate) struct Foothold {
    pub place: Vec<f64>,
    pub score: f64,
    slope: Vec<f64>,
}

impl Foothold {
    fn at(place: Vec<f64>, found: Gradient) -> Option<Self> {
        let sound = found.score.is_finite() && found.by_coordinate.iter().all(|s| s.is_finite());
        sound.then_some(Self {
            place,
            score: found.score,
            slope: found.by_coordinate,
        })
    }

    /// The slope without the coordinates at a bound that it would push out of the box.
    fn inward(&self) -> Vec<f64> {
        let pairs = self.slope.iter().zip(&self.place);
        let held = |slope: f64, x: f64| x <= 0.0 && slope < 0.0 || x >= 1.0 && slope > 0.0;
        pairs
            .map(|(&slope, &x)| if held(slope, x) { 0.0 } else { slope })
            .collect()
    }
}

/// The top reached from `start` within [0, 1]ᵈ in at most `steps` steps; `None` if the start has no finite slope.
///
/// Limited-memory BFGS on the coordinates that are free to move, with steps bent along the box: a coordinate at a bound that
/// the slope pushes outwards rests until the slope turns. `look` gives the score and the slope at a place, `None` where nobody
/// may go; such a place, like one that is not higher, shortens the step.
///
/// Source: Nocedal, *Math. Comput.* 35, 773 (1980), for the direction; Bertsekas, *SIAM J. Control Optim.* 20, 221 (1982),
/// for the projection.
pub(crate) fn climb(
    start: Vec<f64>,
    steps: usize,
    mut look: impl FnMut(&[f64]) -> Option<Gradient>,
) -> Option<Foothold> {
    let found = look(&start)?;
    let mut here = Foothold::at(start, found)?;
    let (mut curvature, mut reach) = (Curvature::default(), FIRST_REACH);
    for _ in 0..steps {
        let uphill = here.inward();
        let steepest = largest(&uphill);
        if steepest == 0.0 {
            break;
        }
        let learnt = curvature.step(&uphill);
        let known = learnt.is_some();
        let mut direction = learnt.unwrap_or_else(|| scaled(&uphill, reach / steepest));
        let longest = largest(&direction);
        if longest > 1.0 {
            direction = scaled(&direction, 1.0 / longest);
        }
        let Some(there) = along(&here, &direction, &mut look) else {
            if !known {
                break;
            }
            // what was learnt misleads here
            curvature = Curvature::default();
            continue;
        };
        let step = difference(&there.place, &here.place);
        let bend = difference(&here.slope, &there.slope);
        if !known && largest(&step) >= 0.99 * reach {
            reach = (2.0 * reach).min(1.0);
        }
        let settled =
            largest(&step) < SHORTEST || there.score - here.score <= LEAST_RISE * there.score.abs();
        curvature.learn(step, bend);
        here = there;
        if settled {
            break;
        }
    }
    Some(here)
}

/// The first of ever shorter steps along `direction`, bent along the box, that rises enough.
fn along(
    here: &Foothold,
    direction: &[f64],
    look: &mut impl FnMut(&[f64]) -> Option<Gradient>,
) -> Option<Foothold> {
    let mut length = 1.0;
    for _ in 0..TRIALS {
        let moved = here.place.iter().zip(direction);
        let place: Vec<f64> = moved
            .map(|(x, d)| (x + length * d).clamp(0.0, 1.0))
            .collect();
        let promised = dot(&here.slope, &difference(&place, &here.place));
        let there = look(&place).and_then(|found| Foothold::at(place, found));
        let rise = there.as_ref().map(|there| there.score - here.score);
        if promised > 0.0 && rise.is_some_and(|rise| rise > 0.0 && rise >= SUFFICIENT * promised) {
            return there;
        }
        // the top of the parabola through both scores and the slope, where there is one
        let top = rise.map(|rise| 0.5 * promised / (promised - rise));
        length *= top
            .filter(|top| top.is_finite())
            .unwrap_or(0.25)
            .clamp(0.1, 0.5);
    }
    None
}

/// What past steps tell about the curvature.
#[derive(Debug, Default)]
struct Curvature {
    /// Steps, each with the fall of the slope over it.
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl Curvature {
    fn learn(&mut self, step: Vec<f64>, bend: Vec<f64>) {
        self.pairs.push_back((step, bend));
        if self.pairs.len() > MEMORY {
            self.pairs.pop_front();
        }
    }

    /// The inverse curvature times the slope, among the coordinates where the slope is not zero; `None` if no step past
    /// bent downwards along them.
    fn step(&self, slope: &[f64]) -> Option<Vec<f64>> {
        let free = |values: &[f64]| -> Vec<f64> {
            let pairs = values.iter().zip(slope);
            pairs
                .map(|(v, s)| if *s == 0.0 { 0.0 } else { *v })
                .collect()
        };
        let mut direction = slope.to_vec();
        let mut used = Vec::with_capacity(self.pairs.len());
        for (step, bend) in self.pairs.iter().rev() {
            let (step, bend) = (free(step), free(bend));
            let (product, square) = (dot(&step, &bend), dot(&bend, &bend));
            if product <= 1e-10 * (dot(&step, &step) * square).sqrt() {
                continue;
            }
            let weight = dot(&step, &direction) / product;
            add(&mut direction, -weight, &bend);
            used.push((step, bend, product, weight, product / square));
        }
        let scale = used.first()?.4;
        direction.iter_mut().for_each(|d| *d *= scale);
        for (step, bend, product, weight, _) in used.iter().rev() {
            let other = dot(bend, &direction) / product;
            add(&mut direction, weight - other, step);
        }
        (dot(&direction, slope) > 0.0).then_some(direction)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    to.iter_mut()
        .zip(values)
        .for_each(|(t, v)| *t += factor * v);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn scaled(values: &[f64], factor: f64) -> Vec<f64> {
    values.iter().map(|v| factor * v).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, v| most.max(v.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(
        start: &[f64],
        score: impl Fn(&[f64]) -> f64,
        slope: impl Fn(&[f64]) -> Vec<f64>,
    ) -> (Foothold, usize) {
        let mut looks = 0;
        let look = |x: &[f64]| {
            looks += 1;
            assert!(x.iter().all(|x| (0.0..=1.0).contains(x)), "{x:?}");
            Some(Gradient {
                score: score(x),
                by_coordinate: slope(x),
            })
        };
        (climb(start.to_vec(), 200, look).unwrap(), looks)
    }

    /// The curved valley of Rosenbrock (1960), upside down, on [−2, 2]², whose top is at (1, 1).
    #[test]
    fn a_curved_ridge_is_followed_to_its_top() {
        let at = |u: &[f64]| (4.0 * u[0] - 2.0, 4.0 * u[1] - 2.0);
        let score = |u: &[f64]| {
            let (x, y) = at(u);
            -(1.0 - x).powi(2) - 100.0 * (y - x * x).powi(2)
        };
        let slope = |u: &[f64]| {
            let (x, y) = at(u);
            let by_x = 2.0 * (1.0 - x) + 400.0 * x * (y - x * x);
            vec![4.0 * by_x, -800.0 * (y - x * x)]
        };
        let (top, looks) = reached(&[0.2, 0.8], score, slope);
        assert!((at(&top.place).0 - 1.0).abs() < 1e-6, "{top:?}");
        assert!(looks < 150, "{looks}");
    }

    /// A quadratic whose free top lies outside: the constrained one, by the conditions of Karush, Kuhn and Tucker, has x₀ = 1
    /// and x₁ where the slope along it vanishes, 2 (0.3 − x₁) + (1.4 − x₀) = 0 → x₁ = 0.5.
    #[test]
    fn a_bound_is_reached_exactly_and_followed() {
        let score = |x: &[f64]| {
            let (a, b) = (x[0] - 1.4, x[1] - 0.3);
            -a * a - b * b - a * b
        };
        let slope = |x: &[f64]| {
            let (a, b) = (x[0] - 1.4, x[1] - 0.3);
            vec![-2.0 * a - b, -2.0 * b - a]
        };
        let (top, _) = reached(&[0.1, 0.9], score, slope);
        assert_eq!(top.place[0], 1.0);
        assert!((top.place[1] - 0.5).abs() < 1e-7, "{top:?}");
    }

    #[test]
    fn many_coordinates_of_unlike_curvature() {
        let weight = |k: usize| 10.0_f64.powf(2.0 * k as f64 / 19.0);
        let parts = |x: &[f64], f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            x.iter()
                .enumerate()
                .map(|(k, x)| f(k, *x - 0.05 * k as f64))
                .collect()
        };
        let score = |x: &[f64]| -parts(x, &|k, d| weight(k) * d * d).iter().sum::<f64>();
        let slope = |x: &[f64]| parts(x, &|k, d| -2.0 * weight(k) * d);
        let (top, looks) = reached(&[0.5; 20], score, slope);
        let missed = parts(&top.place, &|_, d| d.abs());
        assert!(missed.iter().all(|d| *d < 1e-4), "{missed:?} in {looks}");
    }

    #[test]
    fn forbidden_ground_is_walked_up_to_and_not_onto() {
        let look = |x: &[f64]| {
            (x[0] <= 0.6).then(|| Gradient {
                score: -(x[0] - 0.9).powi(2),
                by_coordinate: vec![-2.0 * (x[0] - 0.9)],
            })
        };
        let top = climb(vec![0.1], 100, look).unwrap();
        assert!(top.place[0] <= 0.6 && top.place[0] > 0.59, "{top:?}");
        assert!(climb(vec![0.7], 100, look).is_none());
    }

    #[test]
    fn flat_ground_is_left_as_it_is_and_no_number_is_no_ground() {
        let flat = |_: &[f64]| {
            Some(Gradient {
                score: 3.0,
                by_coordinate: vec![0.0],
            })
        };
        assert_eq!(climb(vec![0.3], 9, flat).unwrap().place, [0.3]);
        let broken = |_: &[f64]| {
            Some(Gradient {
                score: f64::NAN,
                by_coordinate: vec![0.0],
            })
        };
        assert!(climb(vec![0.3], 9, broken).is_none());
    }
}
