//! Searches for the highest place of a box against dense grids and functions with known tops.

use dosewise::Error;
use dosewise::acquisition::{
    Acquisition, Candidate, Doses, ExpectedImprovement, Gradient, Landscape,
    LogExpectedImprovement, PosteriorVariance, Region, Scale, UpperConfidenceBound,
    VarianceReduction,
};
use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Surrogate};
use dosewise::units::Seed;
use ndarray::{Array2, ArrayView2, array};
use proptest::prelude::*;

/// A process on [0, 2] × [−1, 1].
fn model() -> ExactGp {
    let kernel = Matern52::ard([0.5, 0.7]).scaled(1.3);
    let x = Array2::from_shape_fn((14, 2), |(i, k)| {
        let share = ((i * [5, 9][k] + 3 * k) % 14) as f64 / 13.0;
        [2.0 * share, 2.0 * share - 1.0][k]
    });
    let y: Vec<f64> = x
        .rows()
        .into_iter()
        .map(|p| (3.0 * p[0]).sin() - p[1] * p[1])
        .collect();
    ExactGp::new(kernel, Noise::Homoscedastic(1e-3))
        .condition(&x, &y)
        .unwrap()
}

const BOX: [(f64, f64); 2] = [(0.0, 2.0), (-1.0, 1.0)];

fn region() -> Region {
    Region::new(&BOX).unwrap()
}

/// The highest score on a grid of 161 × 161 places.
fn on_grid(score: impl Fn(&Candidate) -> f64) -> f64 {
    let grid = Array2::from_shape_fn((161 * 161, 2), |(i, k)| {
        let share = [i / 161, i % 161][k] as f64 / 160.0;
        BOX[k].0 + share * (BOX[k].1 - BOX[k].0)
    });
    let known = model().marginals(grid.view()).unwrap();
    let beliefs = known.mean.iter().zip(&known.variance);
    let scores = beliefs.map(|(m, s)| score(&Candidate::new(*m, *s, 0.1, 1.0).unwrap()));
    scores.fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn no_place_of_a_dense_grid_is_higher() {
    let gp = model();
    let all: Vec<Box<dyn Acquisition>> = vec![
        Box::new(LogExpectedImprovement::over(0.9).unwrap()),
        Box::new(ExpectedImprovement::over(0.9).unwrap()),
        Box::new(UpperConfidenceBound::new(2.0).unwrap()),
        Box::new(VarianceReduction),
    ];
    for (i, acquisition) in all.iter().enumerate() {
        let peak = region().maximise(acquisition, &gp, 1.0, 0.1).unwrap();
        let grid = on_grid(|candidate| acquisition.score(candidate));
        assert!(peak.score >= grid, "{i}: {peak:?} below {grid}");
        let known = gp.slopes(&peak.place).unwrap();
        let candidate = Candidate::new(known.mean, known.variance, 0.1, 1.0).unwrap();
        let there = acquisition.score(&candidate);
        assert!((there - peak.score).abs() < 1e-10 * there.abs(), "{i}");
    }
}

/// Hartmann's function of six coordinates, whose top is 3.32237 at (0.2017, 0.1500, 0.4769, 0.2753, 0.3117, 0.6573).
struct Hartmann;

impl Hartmann {
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    const WEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
}

impl Landscape for Hartmann {
    fn scores(&self, places: ArrayView2<'_, f64>) -> dosewise::Result<Vec<f64>> {
        let rows = places.rows().into_iter();
        rows.map(|row| Ok(self.gradient(&row.to_vec())?.score))
            .collect()
    }

    fn gradient(&self, x: &[f64]) -> dosewise::Result<Gradient> {
        let (mut score, mut by_coordinate) = (0.0, vec![0.0; 6]);
        for ((a, p), weight) in Self::A.iter().zip(&Self::P).zip(Self::WEIGHTS) {
            let distance: f64 = (0..6).map(|k| a[k] * (x[k] - p[k]).powi(2)).sum();
            let bump = weight * (-distance).exp();
            score += bump;
            for k in 0..6 {
                by_coordinate[k] -= 2.0 * a[k] * (x[k] - p[k]) * bump;
            }
        }
        Ok(Gradient {
            score,
            by_coordinate,
        })
    }
}

#[test]
fn the_top_among_several_is_found_from_any_seed() {
    let region = Region::new(&[(0.0, 1.0); 6]).unwrap();
    for seed in 0..10 {
        let peak = region.clone().seed(Seed(seed)).highest(&Hartmann).unwrap();
        assert!(
            (peak.score - 3.322_368_011).abs() < 1e-8,
            "{seed}: {peak:?}"
        );
        assert!((peak.place[5] - 0.657_300_5).abs() < 1e-4);
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let (gp, acquisition) = (model(), LogExpectedImprovement::over(0.9).unwrap());
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| region().maximise(&acquisition, &gp, 1.0, 0.1).unwrap())
    };
    let alone = on(1);
    assert_eq!(alone, on(2));
    assert_eq!(alone, on(7));
}

#[test]
fn bounds_are_reached_exactly_and_may_leave_no_room() {
    let gp = ExactGp::new(
        Matern52::isotropic(0.5).scaled(1.0),
        Noise::Homoscedastic(0.01),
    )
    .condition(&array![[0.0, 0.0, 0.0]], &[1.0])
    .unwrap();
    let region = Region::new(&[(0.1, 0.7), (-0.3, -0.3), (0.2, 0.2 + 1e-9)]).unwrap();
    let peak = region.maximise(&PosteriorVariance, &gp, 1.0, 0.1).unwrap();
    assert_eq!(peak.place, [0.7, -0.3, 0.2 + 1e-9]);
    let point = Region::new(&[(0.5, 0.5); 3]).unwrap();
    assert_eq!(
        point
            .maximise(&PosteriorVariance, &gp, 1.0, 0.1)
            .unwrap()
            .place,
        [0.5; 3]
    );
    // a box as wide as numbers go
    let wide = Region::new(&[(-f64::MAX, f64::MAX); 3]).unwrap();
    assert!(
        wide.highest(&Flat(2.0))
            .unwrap()
            .place
            .iter()
            .all(|x| x.is_finite())
    );
}

/// The same score everywhere.
struct Flat(f64);

impl Landscape for Flat {
    fn scores(&self, places: ArrayView2<'_, f64>) -> dosewise::Result<Vec<f64>> {
        Ok(vec![self.0; places.nrows()])
    }

    fn gradient(&self, place: &[f64]) -> dosewise::Result<Gradient> {
        Ok(Gradient {
            score: self.0,
            by_coordinate: vec![0.0; place.len()],
        })
    }
}

#[test]
fn flat_and_hopeless_landscapes_have_a_place_and_no_number_is_an_error() {
    assert_eq!(region().highest(&Flat(2.0)).unwrap().score, 2.0);
    assert_eq!(
        region().highest(&Flat(f64::NEG_INFINITY)).unwrap().score,
        f64::NEG_INFINITY
    );
    let error = region().highest(&Flat(f64::NAN)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("acquisition: found score NaN at ["),
        "{error}"
    );
}

#[test]
fn places_taken_already_are_left_alone() {
    let (gp, acquisition) = (model(), UpperConfidenceBound::new(1.0).unwrap());
    let free = region().maximise(&acquisition, &gp, 1.0, 0.1).unwrap();
    let taken = Array2::from_shape_vec((1, 2), free.place.clone()).unwrap();
    let apart = |other: &[f64]| {
        let parts = other
            .iter()
            .zip(&free.place)
            .map(|(a, b)| (a - b).abs() / 2.0);
        parts.fold(0.0, f64::max)
    };
    for distance in [0.0, 0.05, 0.3] {
        let other = region().away_from(&taken, distance).unwrap();
        let peak = other.maximise(&acquisition, &gp, 1.0, 0.1).unwrap();
        assert!(apart(&peak.place) > distance, "{peak:?}");
        assert!(peak.score < free.score || distance == 0.0);
    }
    // the top of what is left is at the edge of the hole or on another hill, and the climb goes up to it
    let edge = region()
        .away_from(&taken, 0.05)
        .unwrap()
        .maximise(&acquisition, &gp, 1.0, 0.1)
        .unwrap();
    assert!(edge.score > free.score - 0.05, "{edge:?} {free:?}");
    let all = region().away_from(&taken, 1.0).unwrap();
    assert!(matches!(
        all.maximise(&acquisition, &gp, 1.0, 0.1),
        Err(Error::Argument { .. })
    ));
    // one outside of the box excludes nothing inside
    let outside = region().away_from(&array![[9.0, 0.0]], 0.3).unwrap();
    assert_eq!(outside.maximise(&acquisition, &gp, 1.0, 0.1).unwrap(), free);
}

#[test]
fn points_near_given_places_find_a_spike() {
    struct Spike;
    impl Landscape for Spike {
        fn scores(&self, places: ArrayView2<'_, f64>) -> dosewise::Result<Vec<f64>> {
            let rows = places.rows().into_iter();
            rows.map(|row| Ok(self.gradient(&row.to_vec())?.score))
                .collect()
        }
        fn gradient(&self, x: &[f64]) -> dosewise::Result<Gradient> {
            let gap: Vec<f64> = x.iter().map(|x| (x - 0.437) / 1e-3).collect();
            let score = (-gap.iter().map(|g| g * g).sum::<f64>()).exp();
            let by_coordinate = gap.iter().map(|g| -2.0 * g * score / 1e-3).collect();
            Ok(Gradient {
                score,
                by_coordinate,
            })
        }
    }
    let region = Region::new(&[(0.0, 1.0); 4]).unwrap();
    assert!(region.highest(&Spike).unwrap().score < 0.5);
    let near = region.near(&array![[0.438, 0.436, 0.4375, 0.437]]).unwrap();
    assert!((near.highest(&Spike).unwrap().score - 1.0).abs() < 1e-9);
}

/// Place and dose together, against a grid of both.
#[test]
fn the_best_pair_of_place_and_dose() {
    let gp = model();
    let acquisition = ExpectedImprovement::over(0.9)
        .unwrap()
        .after_measurement()
        .priced(2e-4)
        .unwrap();
    let noise = |dose: f64| 3.0 / dose;
    let range = Doses::Range {
        least: 0.1,
        most: 1e3,
    };
    let found = region()
        .maximise_with_dose(&acquisition, &gp, &range, &noise)
        .unwrap();
    let doses: Vec<f64> = (0..41)
        .map(|i| 10.0_f64.powf(i as f64 / 10.0 - 1.0))
        .collect();
    let with = |c: &Candidate, dose: f64| {
        acquisition.score(&Candidate::new(c.mean(), c.variance(), noise(dose), dose).unwrap())
    };
    let grid = on_grid(|c| {
        doses
            .iter()
            .map(|dose| with(c, *dose))
            .fold(f64::NEG_INFINITY, f64::max)
    });
    assert!(found.score >= grid, "{found:?} below {grid}");
    assert!(found.dose > 0.2 && found.dose < 900.0, "{found:?}");
    let known = gp.slopes(&found.place).unwrap();
    let candidate = Candidate::new(known.mean, known.variance, 0.0, 1.0).unwrap();
    assert!((with(&candidate, found.dose) - found.score).abs() < 1e-12);
    let two = Doses::Grid(vec![1.0, found.dose]);
    let chosen = region()
        .maximise_with_dose(&acquisition, &gp, &two, &noise)
        .unwrap();
    assert_eq!(chosen.dose, found.dose);
    assert!((chosen.score - found.score).abs() < 1e-9);
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    let named = |error: Error, name: &str| assert!(error.to_string().starts_with(name), "{error}");
    named(Region::new(&[]).unwrap_err(), "bounds");
    named(
        Region::new(&[(0.0, 1.0), (1.0, 0.5)]).unwrap_err(),
        "bounds[1]",
    );
    named(Region::new(&[(0.0, f64::NAN)]).unwrap_err(), "bounds[0]");
    named(
        Region::new(&[(f64::NEG_INFINITY, 0.0)]).unwrap_err(),
        "bounds[0]",
    );
    named(region().points(0).unwrap_err(), "points");
    named(region().points(usize::MAX).unwrap_err(), "points");
    named(region().starts(0).unwrap_err(), "starts");
    named(region().near(&array![[0.0]]).unwrap_err(), "near");
    named(
        region().near(&array![[0.0, f64::NAN]]).unwrap_err(),
        "near[0, 1]",
    );
    named(
        region()
            .away_from(&array![[0.0, 0.0]], f64::NAN)
            .unwrap_err(),
        "distance",
    );
    named(
        region().away_from(&array![[0.0]], 0.1).unwrap_err(),
        "places",
    );
    let gp = model();
    let variance =
        |region: Region, dose, noise| region.maximise(&PosteriorVariance, &gp, dose, noise);
    named(variance(region(), 0.0, 0.1).unwrap_err(), "doses");
    named(variance(region(), 1.0, -1.0).unwrap_err(), "noise_variance");
    assert!(variance(Region::new(&[(0.0, 1.0)]).unwrap(), 1.0, 0.1).is_err());
    let empty = Doses::Grid(vec![]);
    assert!(
        region()
            .maximise_with_dose(&PosteriorVariance, &gp, &empty, &|_| 0.1)
            .is_err()
    );
}

/// An acquisition without slopes of its own, −∞ on one side.
struct OneSided;

impl Acquisition for OneSided {
    fn score(&self, candidate: &Candidate) -> f64 {
        if candidate.mean() > -0.3 {
            f64::NEG_INFINITY
        } else {
            candidate.mean()
        }
    }

    fn scale(&self) -> Scale {
        Scale::Level { reference: 0.0 }
    }
}

#[test]
fn a_cliff_is_climbed_up_to() {
    let peak = region().maximise(&OneSided, &model(), 1.0, 0.1).unwrap();
    assert!(peak.score <= -0.3 && peak.score > -0.301, "{peak:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_result_lies_in_the_box_and_no_point_looked_at_is_higher(
        least in -3.0..3.0_f64, width in 0.0..2.0_f64, over in -1.0..2.0_f64, seed in 0..1000_u64,
    ) {
        let gp = model();
        let acquisition = LogExpectedImprovement::over(over).unwrap();
        let bounds = [(least, least + width), (-0.5, 0.5)];
        let region = Region::new(&bounds).unwrap().seed(Seed(seed)).points(64).unwrap().starts(3).unwrap();
        let found = region.maximise(&acquisition, &gp, 1.0, 0.1).unwrap();
        for (x, (low, high)) in found.place.iter().zip(bounds) {
            prop_assert!((low..=high).contains(x));
        }
        let looked = region.steps(0).maximise(&acquisition, &gp, 1.0, 0.1).unwrap();
        prop_assert!(found.score >= looked.score);
    }
}
