//! What holds of every surrogate whatever the data, asked through the face that they share.

use dosewise::gp::{
    Bias, DoseGp, DoseNoise, ExactGp, HeteroscedasticGp, InducingPoints, Joint, Kernel, LaplaceGp,
    Likelihood, Marginals, Matern12, Matern52, MultiOutputGp, Noise, RationalQuadratic, Rbf,
    ScaledGp, Scaling, SparseGp, Surrogate, VecchiaGp,
};
use dosewise::units::Dose;
use dosewise::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis, array, s};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The **variance** of the noise of every measurement.
const NOISE: f64 = 0.05;

type Build = fn(ArrayView2<'_, f64>, &[f64]) -> Result<Box<dyn Surrogate>>;

/// A surrogate and how it is made from measurements.
struct Model {
    name: &'static str,
    /// Gaussian noise of known variance and no iteration: what more data do to the variance is known.
    exact: bool,
    build: Build,
}

/// The second of two outputs, with the model it belongs to.
#[derive(Debug)]
struct Second(MultiOutputGp);

impl Surrogate for Second {
    fn dimension(&self) -> usize {
        2
    }
    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        self.0.output(1)?.marginals(points)
    }
    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.0.output(1)?.joint(points)
    }
}

fn known(y: &[f64]) -> Noise {
    Noise::Known(vec![NOISE; y.len()])
}

fn exact(kernel: impl Kernel, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<Box<dyn Surrogate>> {
    Ok(Box::new(ExactGp::new(kernel, known(y)).condition(x, y)?))
}

fn sparse() -> SparseGp {
    let inducing = array![[0.1, 0.2], [1.5, 0.4], [0.9, 1.1], [0.3, 1.7], [1.8, 1.6]];
    let kernel = Matern52::isotropic(0.8).scaled(1.3);
    let inducing = InducingPoints::given(&inducing).unwrap();
    SparseGp::new(kernel, Noise::Homoscedastic(NOISE), inducing)
}

fn vecchia(y: &[f64]) -> VecchiaGp {
    VecchiaGp::new(Matern52::ard([0.6, 0.9]).scaled(1.3), known(y))
        .with_neighbours(50)
        .with_prediction_neighbours(50)
}

fn outputs() -> MultiOutputGp {
    MultiOutputGp::new(Rbf::isotropic(0.7), 2, 1, [NOISE, 2.0 * NOISE])
}

fn field() -> DoseGp {
    let noise = DoseNoise::Known {
        shot: 1.0,
        readout: NOISE,
    };
    DoseGp::new(Matern52::isotropic(0.5).scaled(1.3), Bias::None, noise)
}

/// Labels and doses that go with the places, so that they go along when the data are shuffled.
fn labels(x: ArrayView2<'_, f64>) -> Vec<usize> {
    let first = x.rows().into_iter().map(|row| row.first().copied());
    first.map(|c| usize::from(c > Some(1.0))).collect()
}

fn doses(x: ArrayView2<'_, f64>) -> Vec<Dose> {
    let labels = labels(x).into_iter();
    labels.map(|label| Dose([4.0, 50.0][label])).collect()
}

/// All surrogates on two coordinates, with stationary kernels: far away each has its prior variance.
fn models() -> Vec<Model> {
    let model = |name, exact, build| Model { name, exact, build };
    vec![
        model("exact, Matern 1/2", true, |x, y| {
            exact(Matern12::ard([0.6, 0.9]).scaled(1.3), x, y)
        }),
        model("exact, sum", true, |x, y| {
            let sum = Rbf::isotropic(0.7).scaled(0.5) + Matern52::isotropic(0.4);
            exact(sum, x, y)
        }),
        model("exact, rational quadratic", true, |x, y| {
            exact(RationalQuadratic::isotropic(0.5, 1.5).scaled(1.3), x, y)
        }),
        model("sparse", true, |x, y| {
            Ok(Box::new(sparse().condition(x, y)?))
        }),
        model("Vecchia", true, |x, y| {
            Ok(Box::new(vecchia(y).condition(x, y)?))
        }),
        model("counts", false, |x, y| {
            let counts: Vec<f64> = y.iter().map(|y| (5.0 * y.exp()).round()).collect();
            let exposure = vec![5.0; y.len()];
            let likelihood = Likelihood::Poisson { exposure };
            let gp = LaplaceGp::new(Matern52::isotropic(0.5).scaled(1.3), likelihood);
            Ok(Box::new(gp.condition(x, &counts)?))
        }),
        model("varying noise", false, |x, y| {
            let kernel = Matern52::isotropic(0.5).scaled(1.3);
            let gp = HeteroscedasticGp::new(kernel, Rbf::isotropic(0.6).scaled(0.5), NOISE);
            Ok(Box::new(gp.condition(x, y)?))
        }),
        model("scaled", false, |x, y| {
            let gp = ScaledGp::new(Matern52::isotropic(0.5), known(y), Scaling::default());
            Ok(Box::new(gp.condition(x, y)?))
        }),
        model("outputs", true, |x, y| {
            Ok(Box::new(Second(outputs().condition(x, &labels(x), y)?)))
        }),
        model("doses", true, |x, y| {
            Ok(Box::new(field().condition(x, &doses(x), y)?))
        }),
    ]
}

fn places() -> Array2<f64> {
    Array2::from_shape_fn((7, 2), |(i, k)| ((i * 5 + k * 3) as f64 * 0.37).sin() + 1.0)
}

/// The largest difference of means and variances at the places.
fn difference(a: &dyn Surrogate, b: &dyn Surrogate) -> f64 {
    let [a, b] = [a, b].map(|model| model.marginals(places().view()).unwrap());
    let means = a.mean.iter().zip(&b.mean);
    let variances = a.variance.iter().zip(&b.variance);
    means
        .chain(variances)
        .fold(0.0, |largest, (a, b)| (a - b).abs().max(largest))
}

/// Measurements at two to eleven places; whatever has been drawn, the first two values differ.
fn measurements() -> impl Strategy<Value = (Array2<f64>, Vec<f64>)> {
    prop::collection::vec((prop::array::uniform2(0.0..2.0_f64), -2.0..2.0_f64), 2..12).prop_map(
        |rows| {
            let x = Array2::from_shape_fn((rows.len(), 2), |(i, k)| rows[i].0[k]);
            let mut y: Vec<f64> = rows.iter().map(|row| row.1).collect();
            y[1] = y[0] + 0.5;
            (x, y)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(31),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_variance_lies_between_zero_and_that_of_the_prior((x, y) in measurements()) {
        for model in models() {
            let surrogate = (model.build)(x.view(), &y).unwrap();
            let far = surrogate.marginals(array![[1e8, -1e8]].view()).unwrap();
            let prior = far.variance[0] * (1.0 + 1e-12);
            prop_assert!(prior > 0.0, "{}: {prior}", model.name);
            for at in [places(), x.clone()] {
                for variance in surrogate.marginals(at.view()).unwrap().variance {
                    let within = (0.0..=prior).contains(&variance);
                    prop_assert!(within, "{}: {variance} of {prior}", model.name);
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_measurements_does_not_matter(
        (x, y) in measurements(),
        turn in 1..11_usize,
    ) {
        // Backwards, and started elsewhere.
        let n = y.len();
        let order: Vec<usize> = (0..n).rev().map(|i| (i + turn) % n).collect();
        let shuffled: Vec<f64> = order.iter().map(|&i| y[i]).collect();
        for model in models() {
            let one = (model.build)(x.view(), &y).unwrap();
            let other = (model.build)(x.select(Axis(0), &order).view(), &shuffled).unwrap();
            let difference = difference(one.as_ref(), other.as_ref());
            let tolerance = if model.exact { 1e-8 } else { 1e-6 };
            prop_assert!(difference < tolerance, "{}: {difference:e}", model.name);
        }
    }

    #[test]
    fn a_further_measurement_never_raises_the_variance((x, y) in measurements()) {
        let fewer = y.len() - 1;
        for model in models().into_iter().filter(|model| model.exact) {
            let before = (model.build)(x.slice(s![..fewer, ..]), &y[..fewer]).unwrap();
            let after = (model.build)(x.view(), &y).unwrap();
            let [before, after] = [before, after].map(|m| m.marginals(places().view()).unwrap());
            for (before, after) in before.variance.iter().zip(&after.variance) {
                prop_assert!(*after <= before + 1e-10, "{}: {before} {after}", model.name);
            }
        }
    }

    #[test]
    fn growing_is_conditioning_anew((x, y) in measurements()) {
        let last = y.len() - 1;
        let (first, early) = (x.slice(s![..last, ..]), &y[..last]);
        let (point, value) = (x.row(last).to_vec(), y[last]);
        let kernel = || Matern52::isotropic(0.5).scaled(1.3);
        let mut exact = ExactGp::new(kernel(), known(early)).condition(first, early).unwrap();
        exact.append(&point, value, NOISE).unwrap();
        let mut sparse_grown = sparse().condition(first, early).unwrap();
        sparse_grown.append(&point, value, None).unwrap();
        let mut vecchia_grown = vecchia(early).condition(first, early).unwrap();
        vecchia_grown.append(&point, value, NOISE).unwrap();
        let (label, dose) = (labels(x.view()), doses(x.view()));
        let mut outputs_grown = outputs().condition(first, &label[..last], early).unwrap();
        outputs_grown.append(&point, label[last], value).unwrap();
        let mut field_grown = field().condition(first, &dose[..last], early).unwrap();
        field_grown.append(&point, dose[last], value).unwrap();
        let pairs: [(&dyn Surrogate, &dyn Surrogate); 5] = [
            (&exact, &ExactGp::new(kernel(), known(&y)).condition(&x, &y).unwrap()),
            (&sparse_grown, &sparse().condition(&x, &y).unwrap()),
            (&vecchia_grown, &vecchia(&y).condition(&x, &y).unwrap()),
            (&Second(outputs_grown), &Second(outputs().condition(&x, &label, &y).unwrap())),
            (&field_grown, &field().condition(&x, &dose, &y).unwrap()),
        ];
        for (grown, anew) in pairs {
            let difference = difference(grown, anew);
            prop_assert!(difference < 1e-8, "{difference:e} of {anew:?}");
        }
    }
}

#[test]
fn what_is_no_measurement_is_refused() {
    let (x, y) = (array![[0.1, 0.2], [0.9, 0.4], [1.5, 1.2]], [0.3, -0.2, 0.8]);
    let with = |bad: f64| {
        let mut x = x.clone();
        x[[1, 0]] = bad;
        x
    };
    for model in models() {
        assert!((model.build)(x.view(), &y).is_ok(), "{}", model.name);
        let refused = |x: &Array2<f64>, y: &[f64]| {
            let outcome = (model.build)(x.view(), y);
            let typed = matches!(outcome, Err(Error::Argument { .. }));
            assert!(typed, "{}: {outcome:?} of {x} {y:?}", model.name);
        };
        refused(&x, &y[..2]);
        refused(&Array2::zeros((0, 2)), &[]);
        refused(&Array2::zeros((0, 2)), &y);
        refused(&Array2::zeros((3, 0)), &y);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e200] {
            refused(&with(bad), &y);
        }
        for bad in [f64::NAN, f64::INFINITY] {
            refused(&x, &[0.3, bad, 0.8]);
        }
    }
}

#[test]
fn what_is_no_place_is_refused() {
    let (x, y) = (array![[0.1, 0.2], [0.9, 0.4], [1.5, 1.2]], [0.3, -0.2, 0.8]);
    for model in models() {
        let surrogate = (model.build)(x.view(), &y).unwrap();
        for bad in [
            array![[f64::NAN, 0.0]],
            array![[0.5, 0.5], [0.0, f64::INFINITY]],
            array![[0.0, 1e200]],
            array![[0.5]],
            array![[0.5, 0.5, 0.5]],
            Array2::zeros((2, 0)),
        ] {
            let row = bad.row(bad.nrows() - 1).to_vec();
            let outcomes = [
                surrogate.marginals(bad.view()).map(drop),
                surrogate.joint(bad.view()).map(drop),
                surrogate.slopes(&row).map(drop),
            ];
            for (question, outcome) in outcomes.into_iter().enumerate() {
                let typed = matches!(outcome, Err(Error::Argument { .. }));
                assert!(typed, "{} {question}: {outcome:?} of {bad}", model.name);
            }
        }
        let nowhere = Array2::zeros((0, 2));
        let marginals = surrogate.marginals(nowhere.view()).unwrap();
        assert!(marginals.mean.is_empty() && marginals.variance.is_empty());
        let joint = surrogate.joint(nowhere.view()).unwrap();
        assert_eq!(joint.covariance.dim(), (0, 0), "{}", model.name);
    }
}
