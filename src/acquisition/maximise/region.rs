//! The box that is searched, and how hard.

use super::climb::{Foothold, climb};
use super::doses::Doses;
use super::landscape::{Beliefs, Landscape};
use super::starts::boltzmann;
use crate::acquisition::argument::not_negative;
use crate::acquisition::choice::check_score;
use crate::acquisition::{Acquisition, Gradient};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use crate::quasi_random::sobol;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Standard deviations of the points around a given place, as shares of the widths of the box.
const NEAR: [f64; 3] = [0.1, 0.02, 0.004];

/// Most points and climbs.
pub(super) const MOST: usize = 1 << 24;

/// A box in d coordinates, whose highest place is looked for.
///
/// The score is asked at points all over the box (Owen-scrambled Sobol) and around the places [given](Self::near); the best
/// of them and others drawn by their scores are climbed from, side by side, by projected L-BFGS. The result follows from the
/// box, the score and the seed, whatever the number of threads.
///
/// ```
/// use dosewise::acquisition::{LogExpectedImprovement, Region};
/// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
/// use ndarray::array;
/// let measured = array![[0.0], [0.4], [1.0]];
/// let gp = ExactGp::new(Matern52::isotropic(0.3).scaled(1.0), Noise::Homoscedastic(1e-4))
///     .condition(&measured, &[0.1, 0.8, 0.2])?;
/// let next = Region::new(&[(0.0, 1.0)])?.near(&measured)?.maximise(&LogExpectedImprovement::over(0.8)?, &gp, 10.0, 1e-4)?;
/// assert!((0.4..0.8).contains(&next.place[0])); // beyond the best measurement, on the wider side
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    bounds: Vec<(f64, f64)>,
    points: usize,
    starts: usize,
    steps: usize,
    seed: Seed,
    near: Array2<f64>,
    taken: Array2<f64>,
    distance: f64,
}

/// The highest place found.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Its d coordinates.
    pub place: Vec<f64>,
    /// The score there.
    pub score: f64,
}

/// The best measurement found: where and how much.
#[derive(Debug, Clone, PartialEq)]
pub struct DosedPeak {
    /// Its d coordinates.
    pub place: Vec<f64>,
    /// Its dose, e⁻/Å².
    pub dose: f64,
    /// Its score.
    pub score: f64,
}

impl Region {
    /// Climbs unless stated.
    pub const STARTS: usize = 8;
    /// Points looked at unless stated: so many a coordinate, and at most [`Self::MOST_POINTS`].
    pub const POINTS_PER_COORDINATE: usize = 128;
    /// Most points looked at unless stated.
    pub const MOST_POINTS: usize = 1024;
    /// Steps of one climb unless stated.
    pub const STEPS: usize = 100;

    /// The box with these bounds, least and most of each coordinate; both may be equal.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no coordinate, a bound is not finite, or a least exceeds its most.
    pub fn new(bounds: &[(f64, f64)]) -> Result<Self> {
        if bounds.is_empty() {
            return Err(Error::argument("bounds", "none", "at least one coordinate"));
        }
        for (k, (least, most)) in bounds.iter().enumerate() {
            if !(least.is_finite() && most.is_finite() && least <= most) {
                return Err(Error::argument(
                    format!("bounds[{k}]"),
                    format!("{least} to {most}"),
                    "finite numbers, the least not above the most",
                ));
            }
        }
        let d = bounds.len();
        Ok(Self {
            bounds: bounds.to_vec(),
            points: d
                .saturating_mul(Self::POINTS_PER_COORDINATE)
                .min(Self::MOST_POINTS),
            starts: Self::STARTS,
            steps: Self::STEPS,
            seed: Seed(0),
            near: Array2::zeros((0, d)),
            taken: Array2::zeros((0, d)),
            distance: 0.0,
        })
    }

    /// Looks at so many points all over the box before it climbs.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is from 1 to 2²⁴.
    pub fn points(self, points: usize) -> Result<Self> {
        Ok(Self {
            points: allowed("points", points)?,
            ..self
        })
    }

    /// Climbs from so many of them.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is from 1 to 2²⁴.
    pub fn starts(self, starts: usize) -> Result<Self> {
        Ok(Self {
            starts: allowed("starts", starts)?,
            ..self
        })
    }

    /// Ends a climb after so many steps; with none the best point looked at is the result.
    pub fn steps(self, steps: usize) -> Self {
        Self { steps, ..self }
    }

    /// Takes the points and the starts from this seed.
    pub fn seed(self, seed: Seed) -> Self {
        Self { seed, ..self }
    }

    /// Looks also at these places (n × d), the best measured so far say, and around them; those outside the box are moved
    /// onto it.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension is not that of the box.
    pub fn near<'p>(self, places: impl Into<ArrayView2<'p, f64>>) -> Result<Self> {
        let near = self
            .shares("near", places.into())?
            .mapv_into(|share| share.clamp(0.0, 1.0));
        Ok(Self { near, ..self })
    }

    /// Leaves alone what lies within `distance` of `places` (n × d), those measured already say: the largest difference of
    /// a coordinate, as a share of the width of the box. A distance of 0 excludes just the places themselves.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite, the dimension is not that of the box, or the distance is not a
    /// number of 0 or more.
    pub fn away_from<'p>(
        self,
        places: impl Into<ArrayView2<'p, f64>>,
        distance: f64,
    ) -> Result<Self> {
        not_negative("distance", distance)?;
        let taken = self.shares("places", places.into())?;
        Ok(Self {
            taken,
            distance,
            ..self
        })
    }

    /// Number of coordinates, d.
    pub fn dimension(&self) -> usize {
        self.bounds.len()
    }

    /// Where the acquisition is highest, for a measurement with this `dose` (e⁻/Å²) and `noise_variance` anywhere.
    ///
    /// # Errors
    /// [`Error::Argument`] if the dose or the noise variance is not allowed by
    /// [`Candidate::new`](crate::acquisition::Candidate::new), as [`Surrogate::marginals`], and as
    /// [`highest`](Self::highest).
    pub fn maximise<A: Acquisition + ?Sized>(
        &self,
        acquisition: &A,
        surrogate: &dyn Surrogate,
        dose: f64,
        noise_variance: f64,
    ) -> Result<Peak> {
        let doses = Doses::Grid(vec![dose]);
        let found = self.maximise_with_dose(acquisition, surrogate, &doses, &|_| noise_variance)?;
        Ok(Peak {
            place: found.place,
            score: found.score,
        })
    }

    /// Where and with which of the `doses` the acquisition is highest, `noise` giving the noise **variance** of each dose.
    ///
    /// ```
    /// use dosewise::acquisition::{Acquisition, Doses, PosteriorVariance, Region, VarianceReduction};
    /// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
    /// use ndarray::array;
    /// let gp = ExactGp::new(Rbf::isotropic(0.2).scaled(1.0), Noise::Homoscedastic(0.01)).condition(&array![[0.0]], &[0.0])?;
    /// let doses = Doses::Range { least: 0.1, most: 1e3 };
    /// // s⁴/(s² + 4/d) − 0.01 d has the slope 4 s⁴/(s² d + 4)² − 0.01, with s² = 1 zero at d = 16
    /// let choice = Region::new(&[(0.0, 1.0)])?
    ///     .maximise_with_dose(&VarianceReduction.priced(0.01)?, &gp, &doses, &|dose| 4.0 / dose)?;
    /// assert!((choice.dose - 16.0).abs() < 1e-3);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no dose, one is not finite and positive, or a range ends before it begins; and as
    /// [`maximise`](Self::maximise).
    pub fn maximise_with_dose<A: Acquisition + ?Sized>(
        &self,
        acquisition: &A,
        surrogate: &dyn Surrogate,
        doses: &Doses,
        noise: &(dyn Fn(f64) -> f64 + Sync),
    ) -> Result<DosedPeak> {
        doses.check()?;
        let beliefs = Beliefs {
            acquisition,
            surrogate,
            doses,
            noise,
        };
        let peak = self.highest(&beliefs)?;
        let (candidate, score) = beliefs.best_at(&peak.place)?;
        Ok(DosedPeak {
            place: peak.place,
            dose: candidate.dose(),
            score,
        })
    }

    /// Where any score is highest.
    ///
    /// A landscape that is flat, or −∞ everywhere, has its highest place at the first point looked at.
    ///
    /// # Errors
    /// [`Error::Argument`] if no point looked at may be chosen, there is not one score for each place or one is NaN; as
    /// [`Landscape::scores`].
    pub fn highest(&self, landscape: &dyn Landscape) -> Result<Peak> {
        let points = self.open_points(landscape)?;
        let scores = landscape.scores(self.places(&points).view())?;
        if scores.len() != points.len() {
            return Err(Error::argument(
                "landscape",
                format!("{} scores", scores.len()),
                format!("{}, one for each place", points.len()),
            ));
        }
        for (score, point) in scores.iter().zip(&points) {
            check_score(*score, || format!("at {:?}", self.place(point)))?;
        }
        let mut stream = Stream::new(self.seed, Purpose::Policy, [4, 0]);
        let starts = boltzmann(&scores, self.starts, &mut stream);
        let tops: Vec<Option<Foothold>> = starts
            .par_iter()
            .map(|&i| {
                climb(points[i].clone(), self.steps, |unit| {
                    self.slope(landscape, unit)
                })
            })
            .collect();
        let first = Peak {
            place: self.place(&points[starts[0]]),
            score: scores[starts[0]],
        };
        Ok(tops.into_iter().flatten().fold(first, |best, top| {
            if top.score > best.score {
                Peak {
                    place: self.place(&top.place),
                    score: top.score,
                }
            } else {
                best
            }
        }))
    }

    /// The points looked at that may be chosen.
    fn open_points(&self, landscape: &dyn Landscape) -> Result<Vec<Vec<f64>>> {
        let mut points = self.looked_at();
        points.retain(|unit| self.open(unit) && landscape.allows(&self.place(unit)));
        if points.is_empty() {
            return Err(Error::argument(
                "region",
                "no point that may be chosen",
                "a box with room beside the places that are taken or not allowed",
            ));
        }
        Ok(points)
    }

    /// Points of the unit box: all over it, the given places, and around those.
    fn looked_at(&self) -> Vec<Vec<f64>> {
        let mut points = sobol(self.dimension(), 0, self.points, self.seed);
        let mut stream = Stream::new(self.seed, Purpose::Policy, [3, 0]);
        let around = self.points / (8 * self.near.nrows().max(1));
        for centre in self.near.rows() {
            points.push(centre.to_vec());
            for spread in NEAR {
                for _ in 0..around {
                    let moved = centre
                        .iter()
                        .map(|c| (c + spread * stream.normal()).clamp(0.0, 1.0));
                    points.push(moved.collect());
                }
            }
        }
        points
    }

    /// Whether a point of the unit box is far enough from what is taken.
    fn open(&self, unit: &[f64]) -> bool {
        self.taken.rows().into_iter().all(|taken| {
            let apart = taken.iter().zip(unit).map(|(a, b)| (a - b).abs());
            apart.fold(0.0, f64::max) > self.distance
        })
    }

    /// Whether `place` is far enough from what is taken.
    pub(super) fn leaves(&self, place: &[f64]) -> bool {
        let unit = place
            .iter()
            .zip(&self.bounds)
            .map(|(x, bounds)| share(*bounds, *x));
        self.open(&unit.collect::<Vec<f64>>())
    }

    /// The same box for each of several `places`, one after the other, which are looked at too.
    pub(super) fn repeated(&self, places: ArrayView2<'_, f64>) -> Result<Self> {
        let count = places.nrows();
        let d = count * self.dimension();
        let together = places.iter().copied().collect();
        let repeated = Self {
            bounds: self.bounds.repeat(count),
            taken: Array2::zeros((0, d)),
            ..self.clone()
        };
        repeated.near(&Array2::from_shape_vec((1, d), together).expect("all coordinates"))
    }

    /// The places of points of the unit box.
    fn places(&self, points: &[Vec<f64>]) -> Array2<f64> {
        let places = points.iter().flat_map(|unit| self.place(unit));
        Array2::from_shape_vec((points.len(), self.dimension()), places.collect())
            .expect("d coordinates a point")
    }

    /// The place of a point of the unit box.
    fn place(&self, unit: &[f64]) -> Vec<f64> {
        let pairs = self.bounds.iter().zip(unit);
        // in this form both bounds are met exactly and their difference cannot overflow
        pairs
            .map(|((least, most), u)| (least * (1.0 - u) + most * u).clamp(*least, *most))
            .collect()
    }

    /// The coordinates of `places` as shares of the widths of the box, beyond 0 to 1 outside of it.
    fn shares(&self, argument: &str, places: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if places.ncols() != self.dimension() {
            return Err(Error::argument(
                argument,
                format!("{} coordinates a place", places.ncols()),
                format!("{}, as the box has", self.dimension()),
            ));
        }
        if let Some(((row, column), wrong)) = places.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::argument(
                format!("{argument}[{row}, {column}]"),
                wrong,
                "a finite coordinate",
            ));
        }
        Ok(Array2::from_shape_fn(places.dim(), |(row, column)| {
            share(self.bounds[column], places[[row, column]])
        }))
    }

    /// Score and slope by the coordinates of the unit box; `None` where there is none or nothing may be chosen.
    fn slope(&self, landscape: &dyn Landscape, unit: &[f64]) -> Option<Gradient> {
        let place = self.place(unit);
        if !(self.open(unit) && landscape.allows(&place)) {
            return None;
        }
        let mut found = landscape.gradient(&place).ok()?;
        if found.by_coordinate.len() != unit.len() {
            return None;
        }
        for (slope, (least, most)) in found.by_coordinate.iter_mut().zip(&self.bounds) {
            *slope = if least == most {
                0.0
            } else {
                *slope * (most - least)
            };
        }
        Some(found)
    }
}

/// How far x lies between the bounds.
fn share((least, most): (f64, f64), x: f64) -> f64 {
    if x == least {
        return 0.0; // even between bounds that are one
    }
    // halved, so that no difference overflows
    (0.5 * x - 0.5 * least) / (0.5 * most - 0.5 * least)
}

fn allowed(argument: &str, count: usize) -> Result<usize> {
    if (1..=MOST).contains(&count) {
        return Ok(count);
    }
    Err(Error::argument(argument, count, format!("1 to {MOST}")))
}
