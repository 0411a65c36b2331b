//! Deep kernels as models: the same whatever the threads, back from files with every bit, growing exactly, behind the
//! common face, and refusing by name what they cannot use.

use dosewise::Error;
use dosewise::gp::{
    DeepKernelGp, DeepKernelOptions, DeepKernelValidation, ExactGp, Kernel, Mean, Noise, Persist,
    Rbf, Surrogate,
};
use dosewise::network::{Activation, Network, Shape};
use dosewise::units::Seed;
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};

/// Vectors whose first two coordinates matter by their sum; few, so that many fits cost little.
fn small() -> (Array2<f64>, Vec<f64>) {
    let x = Array2::from_shape_fn((30, 3), |(i, k)| ((i * 3 + k) as f64 * 1.7).sin());
    let y = x
        .rows()
        .into_iter()
        .map(|r| (2.0 * (r[0] + r[1])).sin() + 0.05 * r[2])
        .collect();
    (x, y)
}

fn quick(validation: DeepKernelValidation) -> DeepKernelOptions {
    DeepKernelOptions {
        max_steps: 30,
        starts: 2,
        validation,
        ..Default::default()
    }
}

fn small_network() -> Network {
    let layers = Network::builder(Shape::vector(3))
        .dense(6)
        .activation(Activation::Tanh);
    layers.dense(2).build(Seed(3)).unwrap()
}

fn bits(gp: &DeepKernelGp, x: &Array2<f64>) -> Vec<u64> {
    let posterior = gp.posterior(x).unwrap();
    let numbers = posterior.mean().iter().chain(posterior.variance());
    numbers.map(|v| v.to_bits()).collect()
}

#[test]
fn threads_change_no_bit() {
    let (x, y) = small();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            DeepKernelGp::fit(
                small_network(),
                &x,
                &y,
                &quick(DeepKernelValidation::Folds(3)),
            )
            .unwrap()
        })
    };
    let (one, several) = (with(1), with(5));
    assert_eq!(bits(&one, &x), bits(&several, &x));
    assert_eq!(one.report(), several.report());
    assert_eq!(one.network(), several.network());
    assert_eq!(one.report().steps_of_folds.len(), 3);
}

#[test]
fn files_keep_every_bit_and_refuse_what_is_not_theirs() {
    let (x, y) = small();
    let mut gp = DeepKernelGp::fit(
        small_network(),
        &x,
        &y,
        &quick(DeepKernelValidation::HeldOut(0.3)),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    gp.save(&file).unwrap();
    let mut again = DeepKernelGp::load(&file).unwrap();
    let elsewhere = &x * 1.2;
    assert_eq!(bits(&gp, &elsewhere), bits(&again, &elsewhere));
    assert_eq!(gp.report(), again.report());
    for model in [&mut gp, &mut again] {
        model
            .append(elsewhere.select(Axis(0), &[4]).view(), 0.3, None)
            .unwrap();
    }
    assert_eq!(bits(&gp, &elsewhere), bits(&again, &elsewhere));
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to, named) in [
        ("deep-kernel-gp 1", "deep-kernel-gp 2", "format"),
        ("\"outputs\":2", "\"outputs\":1", "features"),
        ("\"scale\":", "\"scale\":-", "features"),
    ] {
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let refused = DeepKernelGp::load(&file).unwrap_err().to_string();
        assert!(refused.contains(named), "{refused}");
    }
}

#[test]
fn a_few_measurements_are_fitted_with_as_many_folds_as_they_allow() {
    let (x, y) = small();
    for (count, folds) in [(1, 0), (2, 0), (3, 0), (4, 4), (5, 4)] {
        let few = x.select(Axis(0), &(0..count).collect::<Vec<_>>());
        let options = DeepKernelOptions {
            max_steps: 10,
            ..Default::default()
        };
        let gp = DeepKernelGp::fit(small_network(), &few, &y[..count], &options).unwrap();
        assert_eq!(gp.report().steps_of_folds.len(), folds);
        let held_out = gp.report().held_out.map(|held_out| held_out.count);
        assert_eq!(held_out, (folds > 0).then_some(count));
        let posterior = gp.posterior(&x).unwrap();
        let all = posterior.mean().iter().chain(posterior.variance());
        assert!(all.into_iter().all(|v| v.is_finite()));
    }
    let (few, y) = (x.select(Axis(0), &[0, 1, 2, 3, 4]), &y[..5]);
    let gp = DeepKernelGp::fit(
        small_network(),
        &few,
        y,
        &quick(DeepKernelValidation::Folds(31)),
    )
    .unwrap();
    assert_eq!(gp.report().steps_of_folds.len(), 5);
}

#[test]
fn appending_equals_conditioning_on_everything() {
    let (x, y) = small();
    let known = Noise::Known((0..30).map(|i| 0.01 + 0.001 * f64::from(i)).collect());
    let options = DeepKernelOptions {
        noise: Some(known),
        mean: Mean::Zero,
        ..quick(DeepKernelValidation::HeldOut(0.2))
    };
    let mut gp = DeepKernelGp::fit(small_network(), &x, &y, &options).unwrap();
    let more = &x.select(Axis(0), &[0, 7, 9]) * 0.9;
    let features = gp.features(&more).unwrap();
    let mut all = gp.features(&x).unwrap();
    all.append(Axis(0), features.view()).unwrap();
    let targets: Vec<f64> = y.iter().copied().chain([0.1, 0.2, 0.3]).collect();
    let noises: Vec<f64> = (0..33)
        .map(|i| {
            if i < 30 {
                0.01 + 0.001 * f64::from(i)
            } else {
                0.02
            }
        })
        .collect();
    let whole = ExactGp::new(gp.process().kernel().clone_box(), Noise::Known(noises))
        .condition(&all, &targets)
        .unwrap();
    gp.append(more.slice_axis(Axis(0), (..1).into()), 0.1, 0.02)
        .unwrap();
    gp.append_many(
        more.slice_axis(Axis(0), (1..).into()),
        &[0.2, 0.3],
        Some(&[0.02, 0.02]),
    )
    .unwrap();
    assert_eq!(gp.len(), 33);
    let places = &x * 1.1;
    let expected = whole.posterior(&gp.features(&places).unwrap()).unwrap();
    let found = gp.posterior(&places).unwrap();
    for i in 0..30 {
        assert!((found.mean()[i] - expected.mean()[i]).abs() < 1e-9);
        assert!((found.variance()[i] - expected.variance()[i]).abs() < 1e-9);
    }
}

/// The same model without its own slopes: what central differences say.
#[derive(Debug)]
struct ByDifferences<'m>(&'m DeepKernelGp);

impl Surrogate for ByDifferences<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn marginals(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<dosewise::gp::Marginals> {
        self.0.marginals(points)
    }
    fn joint(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<dosewise::gp::Joint> {
        self.0.joint(points)
    }
}

#[test]
fn as_a_surrogate_it_takes_flattened_patches() {
    let (x, y) = small();
    let kernel: Box<dyn Kernel> = Box::new(Rbf::isotropic(1.0).scaled(0.5));
    let options = DeepKernelOptions {
        kernel: Some(kernel),
        ..quick(DeepKernelValidation::HeldOut(0.25))
    };
    let gp = DeepKernelGp::fit(small_network(), &x, &y, &options).unwrap();
    let model: &dyn Surrogate = &gp;
    assert_eq!(model.dimension(), 3);
    // No coordinate near zero, where the steps of the differences would be too short.
    let places = &x.select(Axis(0), &[3, 8, 20]) + 0.3;
    let marginals = model.marginals(places.view()).unwrap();
    let joint = model.joint(places.view()).unwrap();
    for i in 0..3 {
        assert!((marginals.variance[i] - joint.covariance[[i, i]]).abs() < 1e-12);
        assert_eq!(marginals.mean[i], joint.mean[i]);
        let point = places.row(i).to_vec();
        let (found, expected) = (
            model.slopes(&point).unwrap(),
            ByDifferences(&gp).slopes(&point).unwrap(),
        );
        for c in 0..3 {
            assert!((found.of_mean[c] - expected.of_mean[c]).abs() < 1e-6);
            assert!((found.of_variance[c] - expected.of_variance[c]).abs() < 1e-6);
        }
    }
    assert!(model.slopes(&[0.0; 2]).is_err());
    let by_covariance =
        Array2::from_shape_fn((3, 3), |(i, j)| 0.5 + 0.3 * i as f64 - 0.2 * j as f64);
    let of = |model: &dyn Surrogate| {
        let by_mean = [1.0, -0.5, 0.3];
        model
            .joint_gradient(places.view(), 1..3, &by_mean, by_covariance.view())
            .unwrap()
    };
    for (found, expected) in of(model).iter().zip(&of(&ByDifferences(&gp))) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn unusable_measurements_and_options_are_refused() {
    let (x, y) = small();
    let fit = |x: &Array2<f64>, y: &[f64], options: &DeepKernelOptions| {
        DeepKernelGp::fit(small_network(), x, y, options)
    };
    let good = quick(DeepKernelValidation::None);
    let named = |outcome: Result<DeepKernelGp, Error>| match outcome.unwrap_err() {
        Error::Argument { argument, .. } => argument,
        other => panic!("{other}"),
    };
    assert_eq!(named(fit(&Array2::zeros((0, 3)), &[], &good)), "y");
    assert_eq!(named(fit(&x, &y[..29], &good)), "y");
    assert_eq!(named(fit(&Array2::zeros((30, 4)), &y, &good)), "patches");
    let mut broken = x.clone();
    broken[[2, 1]] = f64::NAN;
    assert_eq!(named(fit(&broken, &y, &good)), "patches");
    let mut wrong = y.clone();
    wrong[3] = f64::INFINITY;
    assert_eq!(named(fit(&x, &wrong, &good)), "y");
    let with = |change: &dyn Fn(&mut DeepKernelOptions)| {
        let mut options = good.clone();
        change(&mut options);
        named(fit(&x, &y, &options))
    };
    assert_eq!(with(&|o| o.starts = 0), "starts");
    assert_eq!(with(&|o| o.learning_rate = f64::NAN), "learning_rate");
    assert_eq!(with(&|o| o.weight_decay = -1.0), "weight_decay");
    assert_eq!(
        with(&|o| o.validation = DeepKernelValidation::Folds(1)),
        "validation"
    );
    assert_eq!(
        with(&|o| o.validation = DeepKernelValidation::HeldOut(1.0)),
        "validation"
    );
    assert_eq!(with(&|o| o.mean = Mean::linear()), "mean");
    assert_eq!(
        with(&|o| o.noise = Some(Noise::Known(vec![0.1; 3]))),
        "noise"
    );
    let narrow: Box<dyn Kernel> = Box::new(Rbf::ard([1.0; 5]));
    let options = DeepKernelOptions {
        kernel: Some(narrow),
        ..good.clone()
    };
    assert!(fit(&x, &y, &options).is_err());

    let mut gp = fit(&x, &y, &good).unwrap();
    assert!(gp.posterior(&Array2::zeros((2, 5))).is_err());
    assert!(gp.posterior(&broken).is_err());
    assert!(gp.posterior(&Array3::zeros((2, 3, 1))).is_err());
    assert_eq!(gp.posterior(&Array4::zeros((2, 3, 1, 1))).unwrap().len(), 2);
    assert!(gp.append(&x, 0.1, None).is_err());
    assert!(
        gp.append(x.select(Axis(0), &[0]).view(), f64::NAN, None)
            .is_err()
    );
    assert!(gp.append(x.select(Axis(0), &[0]).view(), 0.1, 0.1).is_err());
    assert_eq!(gp.len(), 30);
}

#[test]
fn degenerate_measurements_are_survived() {
    let (x, _) = small();
    // One measurement, values that do not differ, patches that do not differ.
    let one = DeepKernelGp::fit(
        small_network(),
        &x.select(Axis(0), &[0]),
        &[1.0],
        &quick(DeepKernelValidation::None),
    )
    .unwrap();
    assert!(
        one.posterior(&x)
            .unwrap()
            .mean()
            .iter()
            .all(|m| m.is_finite())
    );
    let flat = DeepKernelGp::fit(
        small_network(),
        &x,
        &[2.5; 30],
        &quick(DeepKernelValidation::Folds(3)),
    )
    .unwrap();
    assert!(
        flat.posterior(&x)
            .unwrap()
            .mean()
            .iter()
            .all(|m| (m - 2.5).abs() < 1e-3)
    );
    let same = Array2::ones((30, 3));
    let values: Vec<f64> = (0..30).map(|i| f64::from(i % 3) - 1.0).collect();
    let alike = DeepKernelGp::fit(
        small_network(),
        &same,
        &values,
        &quick(DeepKernelValidation::HeldOut(0.2)),
    )
    .unwrap();
    assert!(
        alike
            .posterior(&same)
            .unwrap()
            .mean()
            .iter()
            .all(|m| m.abs() < 0.3)
    );
}
