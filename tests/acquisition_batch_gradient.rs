//! Gradients of batch scores against finite differences of the same draws and against BoTorch
//! (tests/reference/acquisition_batch_gradient.py), and batches found by climbing them.

use dosewise::acquisition::{
    BatchAcquisition, BatchExpectedImprovement, BatchGradient, BatchLogExpectedImprovement,
    BatchSearch, BatchUpperConfidenceBound, Draws, MonteCarlo, Region,
};
use dosewise::gp::{
    Categorical, ExactGp, Joint, Kernel, Linear, Marginals, Matern12, Matern32, Matern52, Mean,
    Noise, Periodic, RationalQuadratic, Rbf, ScaledGp, Scaling, Surrogate,
};
use dosewise::units::Seed;
use ndarray::{Array2, ArrayView2, Axis, array, concatenate};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    kernel: String,
    lengths: Vec<f64>,
    outputscale: f64,
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    batch: Vec<Vec<f64>>,
    pending: Vec<Vec<f64>>,
    incumbent: f64,
    rules: BTreeMap<String, Estimate>,
}

#[derive(Deserialize)]
struct Estimate {
    value: f64,
    value_error: f64,
    gradient: Vec<Vec<f64>>,
    gradient_error: Vec<Vec<f64>>,
}

/// Score, then slopes, over eight sets of draws: mean and standard error of each number.
fn repeated(ask: impl Fn(&MonteCarlo) -> BatchGradient) -> Vec<(f64, f64)> {
    let runs: Vec<Vec<f64>> = (0..8)
        .map(|seed| {
            let found = ask(&MonteCarlo::new(1 << 11, Seed(seed)).unwrap());
            let slopes = found.by_coordinate.into_raw_vec_and_offset().0;
            [vec![found.score], slopes].concat()
        })
        .collect();
    let of = |i: usize| {
        let mean = runs.iter().map(|run| run[i]).sum::<f64>() / 8.0;
        let square = runs.iter().map(|run| (run[i] - mean).powi(2)).sum::<f64>();
        (mean, (square / 7.0 / 8.0).sqrt())
    };
    (0..runs[0].len()).map(of).collect()
}

impl Estimate {
    /// Refuses numbers further from the peer's than three standard errors of the difference.
    fn check(&self, what: &str, found: &[(f64, f64)]) {
        let values = [vec![self.value], self.gradient.concat()].concat();
        let errors = [vec![self.value_error], self.gradient_error.concat()].concat();
        for (i, (found, own)) in found.iter().enumerate() {
            let errors = (found - values[i]).abs() / own.hypot(errors[i]);
            assert!(errors < 3.0, "{what}, number {i}: {errors} standard errors");
        }
    }
}

fn rows(rows: &[Vec<f64>], width: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), width), |(i, k)| rows[i][k])
}

#[test]
fn values_and_gradients_are_within_three_standard_errors_of_botorch() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("reference/acquisition_batch_gradient.json")).unwrap();
    for case in cases {
        let kernel: Box<dyn Kernel> = match case.kernel.as_str() {
            "rbf" => Box::new(Rbf::ard(case.lengths.clone())),
            _ => Box::new(Matern52::ard(case.lengths.clone())),
        };
        let width = case.lengths.len();
        let x = rows(&case.x, width);
        let gp = ExactGp::new(kernel.scaled(case.outputscale), Noise::Homoscedastic(0.02))
            .condition(&x, &case.y)
            .unwrap();
        for (name, wanted) in &case.rules {
            let over = case.incumbent;
            let rule: Box<dyn BatchAcquisition> = match name.as_str() {
                "improvement" => Box::new(BatchExpectedImprovement::over(over).unwrap()),
                "log_improvement" => Box::new(BatchLogExpectedImprovement::over(over).unwrap()),
                "noisy_improvement" => {
                    Box::new(BatchExpectedImprovement::over_measured(&x).unwrap())
                }
                _ => Box::new(BatchUpperConfidenceBound::new(2.0).unwrap()),
            };
            let (batch, pending) = (rows(&case.batch, width), rows(&case.pending, width));
            let found = repeated(|monte_carlo| {
                monte_carlo
                    .gradient_beside(rule.as_ref(), &gp, batch.view(), pending.view())
                    .unwrap()
            });
            wanted.check(name, &found);
        }
    }
}

fn places() -> Array2<f64> {
    array![
        [0.05, 0.4],
        [0.3, 0.9],
        [0.55, 0.1],
        [0.9, 0.6],
        [0.7, 0.75]
    ]
}

fn values() -> [f64; 5] {
    [0.1, 0.9, 0.2, -0.4, 0.6]
}

fn model() -> ExactGp {
    ExactGp::new(
        Matern52::ard([0.3, 0.5]).scaled(1.2),
        Noise::Homoscedastic(0.02),
    )
    .condition(&places(), &values())
    .unwrap()
}

/// A model without gradients of its own.
#[derive(Debug)]
struct Own(ExactGp);

impl Surrogate for Own {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<Marginals> {
        self.0.marginals(points)
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<Joint> {
        self.0.joint(points)
    }
}

/// The closed form with every kernel and several means against the differences any surrogate has.
#[test]
fn joint_gradients_equal_differences() {
    let line = |kernel: Box<dyn Kernel>| kernel.on_columns([0]);
    let kernels: Vec<Box<dyn Kernel>> = vec![
        Box::new(Rbf::ard([0.3, 0.5])),
        Box::new(Matern12::isotropic(0.4)),
        Box::new(Matern32::ard([0.3, 0.5])),
        Box::new(Matern52::isotropic(0.4).scaled(2.0)),
        Box::new(RationalQuadratic::isotropic(0.4, 1.5)),
        Box::new(
            Linear::isotropic(0.5)
                .with_offset(0.2)
                .plus(Rbf::isotropic(0.3)),
        ),
        Box::new(line(Box::new(Periodic::isotropic(0.7, 0.5))).times(Matern52::isotropic(1.0))),
    ];
    let points = array![[0.2, 0.3], [0.8, 0.2], [0.45, 0.7], [0.6, 0.95]];
    let by_mean = [0.7, -0.2, 1.1, 0.4];
    let by_covariance = Array2::from_shape_fn((4, 4), |(i, j)| ((3 * i + 5 * j) % 7) as f64 - 2.0);
    for (number, kernel) in kernels.into_iter().enumerate() {
        let mean = Mean::custom("bowl", |x| x[0] * x[0] - 0.5 * x[1]);
        let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.05))
            .with_mean(mean)
            .condition(&places(), &values())
            .unwrap();
        let found = gp
            .joint_gradient(points.view(), 1..4, &by_mean, by_covariance.view())
            .unwrap();
        let wanted = Own(gp)
            .joint_gradient(points.view(), 1..4, &by_mean, by_covariance.view())
            .unwrap();
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!(
                (found - wanted).abs() < 1e-7 * (1.0 + wanted.abs()),
                "{number}: {found} {wanted}"
            );
        }
    }
    let kernel = Rbf::isotropic(0.5).on_columns([0]) * Categorical::new(3, 0.4).on_columns([1]);
    let x = array![[0.0, 2.0], [1.0, 0.0], [1.4, 1.0]];
    let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.01))
        .condition(&x, &[0.3, -0.9, 0.4])
        .unwrap();
    let points = array![[0.3, 2.0], [0.8, 1.0]];
    let by = array![[0.3, 1.0], [1.0, -0.4]];
    let found = gp
        .joint_gradient(points.view(), 0..2, &[1.0, 2.0], by.view())
        .unwrap();
    let wanted = Own(gp)
        .joint_gradient(points.view(), 0..2, &[1.0, 2.0], by.view())
        .unwrap();
    assert!(
        found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-8),
        "{found} {wanted}"
    );
}

#[test]
fn joint_gradients_check_their_arguments() {
    let (gp, points) = (model(), array![[0.2, 0.3], [0.8, 0.2]]);
    let by = Array2::zeros((2, 2));
    for surrogate in [&gp as &dyn Surrogate, &Own(gp.clone())] {
        let ask = |moving, by_mean: &[f64], by: &Array2<f64>| {
            surrogate.joint_gradient(points.view(), moving, by_mean, by.view())
        };
        assert!(ask(0..2, &[1.0], &by).is_err());
        assert!(ask(0..2, &[1.0, 1.0], &Array2::zeros((2, 3))).is_err());
        assert!(ask(1..3, &[1.0, 1.0], &by).is_err());
        assert_eq!(ask(1..1, &[1.0, 1.0], &by).unwrap().dim(), (0, 2));
        let wrong = surrogate.joint_gradient(
            array![[f64::NAN, 0.0]].view(),
            0..1,
            &[1.0],
            Array2::zeros((1, 1)).view(),
        );
        assert!(wrong.is_err());
    }
}

fn rules() -> Vec<Box<dyn BatchAcquisition>> {
    let log = BatchLogExpectedImprovement::over(0.7).unwrap();
    vec![
        Box::new(BatchExpectedImprovement::over(0.7).unwrap()),
        Box::new(BatchExpectedImprovement::over_measured(&places()).unwrap()),
        Box::new(BatchUpperConfidenceBound::new(2.0).unwrap()),
        Box::new(log.clone()),
        Box::new(log.with_temperatures(0.05, 0.3).unwrap()),
        Box::new(BatchLogExpectedImprovement::over_measured(&places()).unwrap()),
    ]
}

/// Differences of the score with the same draws; steps of 1e-7 move few draws across the kinks of the plain forms.
#[test]
fn batch_gradients_equal_differences() {
    let scaled = ScaledGp::new(
        Matern52::ard([0.3, 0.5]).scaled(1.2),
        Noise::Homoscedastic(0.02),
        Scaling::default(),
    )
    .condition(&(places() * array![[3.0, 0.2]]), &values().map(|y| 5.0 * y))
    .unwrap();
    let monte_carlo = MonteCarlo::new(64, Seed(5)).unwrap();
    let (batch, pending) = (
        array![[0.35, 0.8], [0.6, 0.5], [0.2, 0.6]],
        array![[0.75, 0.3]],
    );
    let check = |name: &str, surrogate: &dyn Surrogate, unit: &Array2<f64>| {
        let (batch, pending) = (&batch * unit, &pending * unit);
        for (number, rule) in rules().iter().enumerate() {
            if name == "scaled" && rule.measured().is_some() {
                continue; // the measured places of the rule are in other units
            }
            let score = |batch: &Array2<f64>| {
                monte_carlo
                    .score_beside(rule.as_ref(), surrogate, batch.view(), pending.view())
                    .unwrap()
            };
            let found = monte_carlo
                .gradient_beside(rule.as_ref(), surrogate, batch.view(), pending.view())
                .unwrap();
            assert_eq!(found.score, score(&batch));
            for ((i, k), slope) in found.by_coordinate.indexed_iter() {
                let step = 1e-7 * unit[[0, k]];
                let at = |step: f64| {
                    let mut moved = batch.clone();
                    moved[[i, k]] += step;
                    score(&moved)
                };
                let wanted = (at(step) - at(-step)) / (2.0 * step);
                let allowed = 1e-6 * (1.0 / unit[[0, k]] + wanted.abs());
                assert!(
                    (slope - wanted).abs() < allowed,
                    "{name} {number} ({i}, {k}): {slope} {wanted}"
                );
            }
        }
    };
    check("exact", &model(), &array![[1.0, 1.0]]);
    check("own", &Own(model()), &array![[1.0, 1.0]]);
    check("scaled", &scaled, &array![[3.0, 0.2]]);
}

/// A rule of one's own is climbed by differences.
struct Softly(f64);

impl BatchAcquisition for Softly {
    fn score(&self, draws: &Draws) -> f64 {
        let soft = |s: usize| {
            (0..draws.len())
                .map(|j| (draws.of_place(j)[s] / self.0).exp())
                .sum::<f64>()
                .ln()
        };
        (0..draws.count()).map(soft).sum::<f64>() / draws.count() as f64 + draws.mean(0).sin()
    }
}

#[test]
fn a_rule_without_slopes_takes_differences() {
    let monte_carlo = MonteCarlo::new(32, Seed(5)).unwrap();
    let batch = array![[0.35, 0.8], [0.6, 0.5]];
    let (gp, rule) = (model(), Softly(0.5));
    let found = monte_carlo.gradient(&rule, &gp, batch.view()).unwrap();
    for ((i, k), slope) in found.by_coordinate.indexed_iter() {
        let at = |step: f64| {
            let mut moved = batch.clone();
            moved[[i, k]] += step;
            monte_carlo.score(&rule, &gp, moved.view()).unwrap()
        };
        let wanted = (at(1e-6) - at(-1e-6)) / 2e-6;
        assert!(
            (slope - wanted).abs() < 1e-6 * (1.0 + wanted.abs()),
            "{slope} {wanted}"
        );
    }
}

#[test]
fn the_order_of_a_batch_matters_no_more_than_the_draws() {
    let monte_carlo = MonteCarlo::new(1 << 13, Seed(2)).unwrap();
    let batch = array![[0.35, 0.8], [0.6, 0.5], [0.2, 0.6]];
    let order = [2, 0, 1];
    for rule in rules() {
        let ask = |batch: &Array2<f64>| {
            monte_carlo
                .gradient(rule.as_ref(), &model(), batch.view())
                .unwrap()
        };
        let (plain, turned) = (ask(&batch), ask(&batch.select(Axis(0), &order)));
        assert!((plain.score - turned.score).abs() < 3e-3);
        let wanted = plain.by_coordinate.select(Axis(0), &order);
        let largest = wanted
            .iter()
            .fold(0.0, |most: f64, slope| most.max(slope.abs()));
        for (found, wanted) in turned.by_coordinate.iter().zip(&wanted) {
            assert!((found - wanted).abs() < 0.03 * largest, "{found} {wanted}");
        }
    }
}

#[test]
fn places_that_coincide_have_finite_slopes() {
    let monte_carlo = MonteCarlo::default();
    let twice = array![[0.35, 0.8], [0.35, 0.8]];
    for rule in rules() {
        let found = monte_carlo
            .gradient(rule.as_ref(), &model(), twice.view())
            .unwrap();
        assert!(found.by_coordinate.iter().all(|slope| slope.is_finite()));
    }
    assert!(
        monte_carlo
            .gradient(
                rules()[0].as_ref(),
                &model(),
                array![[f64::NAN, 0.0]].view()
            )
            .is_err()
    );
}

fn square() -> Region {
    Region::new(&[(0.0, 1.0), (0.0, 1.0)])
        .unwrap()
        .points(200)
        .unwrap()
        .starts(4)
        .unwrap()
}

#[test]
fn batches_are_worth_more_than_greedy_ones() {
    let (gp, monte_carlo) = (model(), MonteCarlo::new(128, Seed(7)).unwrap());
    let grid = Array2::from_shape_fn((121, 2), |(i, k)| [i / 11, i % 11][k] as f64 / 10.0);
    let nothing = Array2::zeros((0, 2));
    for (number, rule) in rules().iter().enumerate() {
        let greedy = BatchSearch::new(&grid, 2)
            .unwrap()
            .greedy(&gp, rule.as_ref(), &monte_carlo)
            .unwrap();
        let batch = square()
            .maximise_batch(2, rule.as_ref(), &gp, &monte_carlo, &nothing)
            .unwrap();
        assert!(
            batch.score >= greedy[1].score,
            "{number}: {} {}",
            batch.score,
            greedy[1].score
        );
        let again = monte_carlo
            .score(rule.as_ref(), &gp, batch.places.view())
            .unwrap();
        assert!(
            (again - batch.score).abs() < 1e-12 * again.abs(),
            "{number}"
        );
        assert!(batch.places.iter().all(|x| (0.0..=1.0).contains(x)));
    }
}

#[test]
fn pending_places_stay_and_are_shunned() {
    let (gp, monte_carlo) = (model(), MonteCarlo::new(128, Seed(7)).unwrap());
    let rule = BatchLogExpectedImprovement::over(0.7).unwrap();
    let nothing = Array2::zeros((0, 2));
    let alone = square()
        .maximise_batch(1, &rule, &gp, &monte_carlo, &nothing)
        .unwrap();
    let next = square()
        .maximise_batch(1, &rule, &gp, &monte_carlo, &alone.places)
        .unwrap();
    let apart = (&alone.places - &next.places).mapv(f64::abs).sum();
    assert!(apart > 0.1, "{alone:?} {next:?}");
    // both together are worth at least as much as one after the other
    let both = square()
        .maximise_batch(2, &rule, &gp, &monte_carlo, &nothing)
        .unwrap();
    let one_by_one = concatenate(Axis(0), &[alone.places.view(), next.places.view()]).unwrap();
    let one_by_one = monte_carlo.score(&rule, &gp, one_by_one.view()).unwrap();
    assert!(both.score >= one_by_one - 1e-12, "{both:?} {one_by_one}");
}

#[test]
fn batches_do_not_depend_on_the_number_of_threads_and_arguments_are_checked() {
    let (gp, monte_carlo) = (model(), MonteCarlo::new(64, Seed(7)).unwrap());
    let rule = BatchLogExpectedImprovement::over(0.7).unwrap();
    let nothing = Array2::zeros((0, 2));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            square()
                .maximise_batch(2, &rule, &gp, &monte_carlo, &nothing)
                .unwrap()
        })
    };
    assert_eq!(on(1), on(3));
    let ask = |size, pending: &Array2<f64>| {
        square().maximise_batch(size, &rule, &gp, &monte_carlo, pending)
    };
    assert!(ask(0, &nothing).is_err());
    assert!(ask(usize::MAX, &nothing).is_err());
    assert!(ask(2, &array![[0.1]]).is_err());
    assert!(ask(2, &array![[0.1, f64::NAN]]).is_err());
    // a box of one place holds no batch of different ones, but a batch
    let point = Region::new(&[(0.5, 0.5), (0.2, 0.2)])
        .unwrap()
        .points(4)
        .unwrap();
    let batch = point
        .maximise_batch(2, &rule, &gp, &monte_carlo, &nothing)
        .unwrap();
    assert_eq!(batch.places, array![[0.5, 0.2], [0.5, 0.2]]);
}
