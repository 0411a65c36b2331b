//! Non-Gaussian likelihoods: do intervals hold what they promise, are extreme measurements fitted and unusable ones refused?

use dosewise::Error;
use dosewise::gp::{
    ExactGp, FitOptions, HeteroscedasticGp, Kernel, LaplaceGp, Likelihood, Link, Matern52, Mean,
    Noise, Rbf,
};
use ndarray::{Array2, array};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};

const LEVELS: [f64; 3] = [0.5, 0.9, 0.95];

fn prior_draw(kernel: impl Kernel + 'static, x: &Array2<f64>, rng: &mut StdRng) -> Vec<f64> {
    let prior = ExactGp::new(kernel, Noise::Known(vec![]));
    prior.posterior(x).unwrap().sample(rng).unwrap()
}

fn count(rate: f64, rng: &mut StdRng) -> f64 {
    Poisson::new(rate).map_or(0.0, |law| law.sample(rng))
}

/// 40 places to measure at and one more, scattered anew for every seed.
fn scattered(rng: &mut StdRng) -> Array2<f64> {
    Array2::from_shape_fn((41, 1), |_| rng.random::<f64>())
}

fn split(x: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
    let (measured, held) = x.view().split_at(ndarray::Axis(0), 40);
    (measured.to_owned(), held.to_owned())
}

/// How often `n` intervals of each level held the truth, and the largest deviation in binomial standard errors.
fn deviations(held: [usize; 3], n: usize) -> [f64; 3] {
    std::array::from_fn(|l| {
        let (p, n) = (LEVELS[l], n as f64);
        (held[l] as f64 - n * p) / (n * p * (1.0 - p)).sqrt()
    })
}

#[test]
fn intervals_of_rates_and_counts_hold_what_they_promise() {
    let kernel = || Matern52::isotropic(0.3).scaled(0.7);
    let seeds = 500;
    // A few electrons a pixel, and a bright field.
    for (exposure, log_rate) in [(6.0, -0.5), (300.0, 0.0)] {
        let (mut rates, mut counts, mut error) = ([0; 3], [0; 3], 0.0);
        for seed in 0..seeds {
            let mut rng = StdRng::seed_from_u64(seed);
            let x = scattered(&mut rng);
            let f: Vec<f64> = prior_draw(kernel(), &x, &mut rng);
            let f: Vec<f64> = f.iter().map(|f| f + log_rate).collect();
            let y: Vec<f64> = f
                .iter()
                .map(|f| count(exposure * f.exp(), &mut rng))
                .collect();
            let (measured, held) = split(&x);
            let likelihood = Likelihood::Poisson {
                exposure: vec![exposure; 40],
            };
            let gp = LaplaceGp::new(kernel(), likelihood)
                .with_mean(Mean::Constant(log_rate))
                .condition(&measured, &y[..40])
                .unwrap();
            let posterior = gp.posterior(&held).unwrap();
            let prediction = posterior.counts(&[exposure]).unwrap();
            error += (y[40] - prediction.mean()[0]) / prediction.variance()[0].sqrt();
            for (l, &level) in LEVELS.iter().enumerate() {
                let (low, high) = posterior.interval(level).unwrap()[0];
                rates[l] += usize::from(low <= f[40] && f[40] <= high);
                // Counts are whole: the probability just outside each end tells what the interval really holds.
                let (low, high) = prediction.interval(level).unwrap()[0];
                counts[l] += usize::from(low <= y[40] && y[40] <= high);
            }
        }
        let off = deviations(rates, seeds as usize);
        println!("exposure {exposure}: rates {rates:?} {off:.2?}, counts {counts:?} of {seeds}");
        assert!(off.iter().all(|d| d.abs() < 3.0), "{off:?}");
        let off = deviations(counts, seeds as usize);
        assert!(off.iter().all(|d| *d > -3.0), "{off:?}");
        if exposure > 100.0 {
            assert!(off.iter().all(|d| *d < 3.0), "{off:?}");
        }
        // Standardised prediction errors average to zero within three standard errors.
        assert!(error.abs() < 3.0 * (seeds as f64).sqrt(), "{error}");
    }
}

#[test]
fn class_probabilities_are_frequencies() {
    let kernel = || Matern52::isotropic(0.3).scaled(2.0);
    for link in [Link::Logit, Link::Probit] {
        let seeds = 600;
        let (mut latent, mut bins) = ([0; 3], [(0.0, 0.0, 0.0); 5]);
        for seed in 0..seeds {
            let mut rng = StdRng::seed_from_u64(1000 + seed);
            let x = scattered(&mut rng);
            let f = prior_draw(kernel(), &x, &mut rng);
            let mut label = |f: &f64| f64::from(rng.random::<f64>() < link.probability(*f));
            let y: Vec<f64> = f.iter().map(&mut label).collect();
            let (measured, held) = split(&x);
            let gp = LaplaceGp::new(kernel(), Likelihood::Bernoulli(link))
                .condition(&measured, &y[..40])
                .unwrap();
            let posterior = gp.posterior(&held).unwrap();
            for (l, &level) in LEVELS.iter().enumerate() {
                let (low, high) = posterior.interval(level).unwrap()[0];
                latent[l] += usize::from(low <= f[40] && f[40] <= high);
            }
            let p = posterior.class_probability().unwrap()[0];
            let bin = &mut bins[((5.0 * p) as usize).min(4)];
            bin.0 += p;
            bin.1 += y[40];
            bin.2 += p * (1.0 - p);
        }
        let off = deviations(latent, seeds as usize);
        println!("{link:?}: latent {latent:?} {off:.2?} of {seeds}, bins {bins:.1?}");
        assert!(off.iter().all(|d| d.abs() < 3.0), "{off:?}");
        for (expected, found, variance) in bins {
            let error = (found - expected) / f64::sqrt(variance);
            assert!(
                error.abs() < 3.0,
                "expected {expected:.1} ones, found {found}"
            );
        }
    }
}

#[test]
fn varying_noise_is_learned_and_its_intervals_hold() {
    let kernel = || Rbf::isotropic(0.3).scaled(1.0);
    let noise_kernel = || Rbf::isotropic(0.4).scaled(1.5);
    let seeds = 300;
    let (mut latent, mut outputs) = ([0; 3], [0; 3]);
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(2000 + seed);
        let x = scattered(&mut rng);
        let f = prior_draw(kernel(), &x, &mut rng);
        let g = prior_draw(noise_kernel(), &x, &mut rng);
        let y: Vec<f64> = f
            .iter()
            .zip(&g)
            .map(|(f, g)| f + (0.05 * g.exp()).sqrt() * rng.sample::<f64, _>(StandardNormal))
            .collect();
        let (measured, held) = split(&x);
        let gp = HeteroscedasticGp::new(kernel(), noise_kernel(), 0.05)
            .condition(&measured, &y[..40])
            .unwrap();
        let posterior = gp.posterior(&held).unwrap();
        let prediction = posterior.prediction();
        for (l, &level) in LEVELS.iter().enumerate() {
            let z = [0.674_490, 1.644_854, 1.959_964][l];
            let off = (f[40] - posterior.mean()[0]).abs() / posterior.variance()[0].sqrt();
            latent[l] += usize::from(off <= z);
            let (low, high) = prediction.interval(level).unwrap()[0];
            outputs[l] += usize::from(low <= y[40] && y[40] <= high);
        }
    }
    let (f_off, y_off) = (
        deviations(latent, seeds as usize),
        deviations(outputs, seeds as usize),
    );
    println!("heteroscedastic: f {latent:?} {f_off:.2?}, y {outputs:?} {y_off:.2?} of {seeds}");
    assert!(
        f_off.iter().chain(&y_off).all(|d| d.abs() < 3.0),
        "{f_off:?} {y_off:?}"
    );
}

#[test]
fn fitting_finds_where_the_noise_is() {
    // The noise rises a hundredfold in variance from left to right.
    let n = 120;
    let x = Array2::from_shape_fn((n, 1), |(i, _)| i as f64 / (n - 1) as f64);
    let mut rng = StdRng::seed_from_u64(42);
    let noise = |x: f64| 0.01 * (4.6 * x).exp();
    let y: Vec<f64> = x
        .iter()
        .map(|&x| (7.0 * x).sin() + noise(x).sqrt() * rng.sample::<f64, _>(StandardNormal))
        .collect();
    let options = FitOptions {
        restarts: 1,
        ..FitOptions::default()
    };
    let gp = HeteroscedasticGp::new(
        Rbf::isotropic(0.5).scaled(1.0),
        Rbf::isotropic(0.5).scaled(1.0),
        0.1,
    )
    .fit(&x, &y, &options)
    .unwrap();
    let report = gp.fit_report().unwrap();
    let same = ExactGp::new(Rbf::isotropic(0.5).scaled(1.0), Noise::Homoscedastic(0.1))
        .fit(&x, &y, &options)
        .unwrap();
    println!(
        "bound {:.2} against {:.2} of constant noise, {report:?}",
        gp.log_evidence_bound(),
        same.log_marginal_likelihood()
    );
    assert!(report.converged());
    // Varying noise explains these data far better than constant noise does.
    assert!(gp.log_evidence_bound() > same.log_marginal_likelihood() + 10.0);
    let posterior = gp.posterior(&array![[0.1], [0.5], [0.9]]).unwrap();
    for (found, x) in posterior.noise_variance().iter().zip([0.1, 0.5, 0.9]) {
        let ratio = found / noise(x);
        assert!((0.4..2.5).contains(&ratio), "at {x}: {ratio}");
    }
}

#[test]
fn draws_and_moments_agree() {
    let mut rng = StdRng::seed_from_u64(9);
    let x = scattered(&mut rng);
    let (measured, held) = split(&x);
    let y: Vec<f64> = (0..40).map(|i| f64::from(i % 4)).collect();
    let likelihood = Likelihood::Poisson {
        exposure: vec![2.0; 40],
    };
    let gp = LaplaceGp::new(Matern52::isotropic(0.3).scaled(0.5), likelihood)
        .condition(&measured, &y)
        .unwrap();
    let places = ndarray::concatenate![ndarray::Axis(0), held, array![[0.2], [0.25]]];
    let posterior = gp.posterior(&places).unwrap();
    let draws = posterior.samples(40_000, &mut rng).unwrap();
    let covariance = posterior.covariance().unwrap();
    let average = draws.mean_axis(ndarray::Axis(0)).unwrap();
    for i in 0..3 {
        assert!((average[i] - posterior.mean()[i]).abs() < 0.02);
        for j in 0..3 {
            let both = draws.column(i).to_owned() - average[i];
            let product = (both * (draws.column(j).to_owned() - average[j]))
                .mean()
                .unwrap();
            assert!((product - covariance[[i, j]]).abs() < 0.01);
        }
    }
    // The exponentials of the draws are draws of the rate.
    let exposure = [2.0, 5.0, 0.0];
    let counts = posterior.counts(&exposure).unwrap();
    for (i, &exposure) in exposure.iter().enumerate() {
        let rate = draws.column(i).mapv(|f| exposure * f.exp());
        let (mean, variance) = (rate.mean().unwrap(), rate.var(0.0));
        close(counts.mean()[i], mean, 0.02);
        close(counts.variance()[i], mean + variance, 0.05);
    }
    let information = posterior.information(&exposure).unwrap();
    let expected = 0.5 * (1.0 + 5.0 * posterior.mean()[1].exp() * posterior.variance()[1]).ln();
    assert!((information[1] - expected).abs() < 1e-15 && information[2] == 0.0);
}

fn close(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= tolerance * (1e-12 + expected.abs()),
        "{found} {expected}"
    );
}

fn line(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 1), |(i, _)| i as f64 / (n - 1).max(1) as f64)
}

#[test]
fn many_degrees_of_freedom_give_the_exact_gaussian_process() {
    let mut rng = StdRng::seed_from_u64(5);
    let x = scattered(&mut rng);
    let y = prior_draw(Rbf::isotropic(0.4).scaled(1.0), &x, &mut rng);
    let kernel = || Rbf::isotropic(0.4).scaled(1.0);
    let student = Likelihood::StudentT {
        degrees_of_freedom: 1e9,
        scale: 0.3,
    };
    let robust = LaplaceGp::new(kernel(), student).condition(&x, &y).unwrap();
    let exact = ExactGp::new(kernel(), Noise::Homoscedastic(0.09))
        .condition(&x, &y)
        .unwrap();
    let (a, b) = (
        robust.log_marginal_likelihood(),
        exact.log_marginal_likelihood(),
    );
    close(a, b, 1e-6);
    let places = line(7);
    let (a, b) = (
        robust.posterior(&places).unwrap(),
        exact.posterior(&places).unwrap(),
    );
    for i in 0..7 {
        close(a.mean()[i], b.mean()[i], 1e-6);
        close(a.variance()[i], b.variance()[i], 1e-6);
    }
}

#[test]
fn extreme_counts_are_fitted() {
    let x = line(12);
    let condition = |exposure: Vec<f64>, y: &[f64], mean: f64| {
        LaplaceGp::new(
            Rbf::isotropic(0.3).scaled(4.0),
            Likelihood::Poisson { exposure },
        )
        .with_mean(Mean::Constant(mean))
        .condition(&x, y)
        .unwrap()
    };
    let check = |gp: &LaplaceGp| {
        assert!(gp.mode_steps() < 30);
        let (what, steps) = (&gp.targets()[..3], gp.mode_steps());
        assert!(gp.mode_converged(), "{what:?}: {steps} steps");
        assert!(gp.log_marginal_likelihood().is_finite());
        let gradient = gp.log_marginal_likelihood_gradient().unwrap();
        assert!(gradient.iter().all(|g| g.is_finite()));
        let posterior = gp.posterior(&x).unwrap();
        assert!(posterior.mean().iter().all(|m| m.is_finite()));
        assert!(
            posterior
                .variance()
                .iter()
                .all(|v| (0.0..4.001).contains(v))
        );
    };
    // Nothing exposed: the prior, and an evidence of one.
    let nothing = condition(vec![0.0; 12], &[0.0; 12], -3.0);
    assert!(nothing.log_marginal_likelihood().abs() < 1e-12);
    assert!((nothing.posterior(&x).unwrap().variance()[3] - 4.0).abs() < 1e-12);
    check(&nothing);
    // No counts, few or many electrons.
    check(&condition(vec![1e-3; 12], &[0.0; 12], 0.0));
    check(&condition(vec![1e12; 12], &[0.0; 12], 0.0));
    // Huge counts from a prior that is far away, and side by side with zeros.
    check(&condition(vec![1.0; 12], &[1e12; 12], 0.0));
    check(&condition(vec![1.0; 12], &[1e15; 12], -20.0));
    let jumps: Vec<f64> = (0..12)
        .map(|i| if i % 2 == 0 { 0.0 } else { 1e7 })
        .collect();
    check(&condition(vec![1.0; 12], &jumps, 0.0));
    check(&condition(
        [1e-6, 1.0, 1e9].repeat(4),
        &[1.0, 5.0, 7.0].repeat(4),
        0.0,
    ));
    // Rates that differ by 10³⁰⁰ from one point to the next: no answer is asked for, but no panic either.
    let absurd = Likelihood::Poisson {
        exposure: [1e-150, 1.0, 1e150].repeat(4),
    };
    let _ = LaplaceGp::new(Rbf::isotropic(0.3).scaled(4.0), absurd)
        .condition(&x, &[1.0, 5.0, 7.0].repeat(4));
    let bright = condition(vec![1e12; 12], &[1e12; 12], 0.0);
    let counts = bright.posterior(&x).unwrap().counts(&[1e12; 12]).unwrap();
    let (low, high) = counts.interval(0.95).unwrap()[5];
    assert!((low / 1e12 - 1.0).abs() < 2e-5 && (high / 1e12 - 1.0).abs() < 2e-5 && low < high);
}

#[test]
fn constant_measurements_and_single_ones_are_fitted() {
    let options = FitOptions::default();
    for n in [1, 15] {
        let x = line(n);
        let exposure = vec![5.0; n];
        for value in [0.0, 1.0] {
            let models = [
                Likelihood::Poisson {
                    exposure: exposure.clone(),
                },
                Likelihood::Bernoulli(Link::Logit),
                Likelihood::Bernoulli(Link::Probit),
                Likelihood::StudentT {
                    degrees_of_freedom: 4.0,
                    scale: 0.5,
                },
            ];
            for likelihood in models {
                for mean in [Mean::Zero, Mean::Constant(0.0)] {
                    let gp = LaplaceGp::new(Rbf::isotropic(0.5).scaled(1.0), likelihood.clone())
                        .with_mean(mean.clone())
                        .fit(&x, &vec![value; n], &options)
                        .unwrap_or_else(|e| panic!("{likelihood:?} {n} {value} {mean:?}: {e}"));
                    let posterior = gp.posterior(&x).unwrap();
                    assert!(posterior.mean().iter().all(|m| m.is_finite()));
                    assert!(posterior.variance().iter().all(|v| *v >= 0.0));
                }
            }
            let gp = HeteroscedasticGp::new(
                Rbf::isotropic(0.5).scaled(1.0),
                Rbf::isotropic(0.5).scaled(1.0),
                0.1,
            )
            .fit(&x, &vec![value; n], &options)
            .unwrap();
            let posterior = gp.posterior(&x).unwrap();
            assert!(posterior.noise_variance().iter().all(|v| v.is_finite()));
        }
    }
}

/// The name of the argument that an error complains about.
fn complaint<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Argument { argument, .. }) => argument,
        other => panic!("no complaint about an argument: {other:?}"),
    }
}

#[test]
fn unusable_measurements_are_refused() {
    let x = array![[0.0], [1.0]];
    let poisson = |exposure: &[f64], y: &[f64]| {
        let likelihood = Likelihood::Poisson {
            exposure: exposure.to_vec(),
        };
        complaint(LaplaceGp::new(Rbf::isotropic(1.0), likelihood).condition(&x, y))
    };
    for bad in [-1.0, 0.5, f64::NAN, f64::INFINITY, 1e17] {
        assert_eq!(poisson(&[1.0, 1.0], &[2.0, bad]), "y");
    }
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(poisson(&[1.0, bad], &[2.0, 1.0]), "exposure");
    }
    assert_eq!(poisson(&[1.0, 0.0], &[2.0, 1.0]), "y");
    assert_eq!(poisson(&[1.0], &[2.0, 1.0]), "exposure");
    assert_eq!(poisson(&[1.0, 1.0], &[2.0]), "y");
    let label = |y: &[f64]| {
        let likelihood = Likelihood::Bernoulli(Link::Logit);
        complaint(LaplaceGp::new(Rbf::isotropic(1.0), likelihood).condition(&x, y))
    };
    for bad in [-1.0, 2.0, 0.5, f64::NAN] {
        assert_eq!(label(&[1.0, bad]), "y");
    }
    let student = |degrees_of_freedom: f64, scale: f64, y: &[f64]| {
        let likelihood = Likelihood::StudentT {
            degrees_of_freedom,
            scale,
        };
        complaint(LaplaceGp::new(Rbf::isotropic(1.0), likelihood).condition(&x, y))
    };
    assert_eq!(student(0.0, 1.0, &[0.0, 1.0]), "degrees_of_freedom");
    assert_eq!(student(4.0, f64::NAN, &[0.0, 1.0]), "scale");
    assert_eq!(student(4.0, 1.0, &[0.0, f64::NAN]), "y");
    let model = || LaplaceGp::new(Rbf::isotropic(1.0), Likelihood::Bernoulli(Link::Probit));
    let none = Array2::zeros((0, 1));
    assert_eq!(complaint(model().condition(&none, &[])), "y");
    assert_eq!(
        complaint(model().fit(&none, &[], &FitOptions::default())),
        "y"
    );
    assert_eq!(complaint(model().refit(&FitOptions::default())), "y");
    assert_eq!(complaint(model().log_marginal_likelihood_gradient()), "y");
    let nowhere = model().with_mean(Mean::Constant(f64::NAN));
    assert_eq!(complaint(nowhere.condition(&x, &[0.0, 1.0])), "mean");
    assert_eq!(
        complaint(model().condition(&array![[0.0], [f64::NAN]], &[0.0, 1.0])),
        "x"
    );
    let heteroscedastic = |level: f64, y: &[f64]| {
        HeteroscedasticGp::new(Rbf::isotropic(1.0), Rbf::isotropic(1.0), level).condition(&x, y)
    };
    assert_eq!(complaint(heteroscedastic(-1.0, &[0.0, 1.0])), "noise_level");
    assert_eq!(complaint(heteroscedastic(1.0, &[0.0, f64::NAN])), "y");
    assert_eq!(complaint(heteroscedastic(1.0, &[0.0])), "y");
    let fresh = HeteroscedasticGp::new(Rbf::isotropic(1.0), Rbf::isotropic(1.0), 1.0);
    assert_eq!(fresh.posterior(&x).unwrap().variance(), [1.0, 1.0]);
    assert!(fresh.log_evidence_bound_gradient().is_err());
}

#[test]
fn questions_to_the_wrong_likelihood_are_refused() {
    let x = array![[0.0], [1.0]];
    let gp = LaplaceGp::new(Rbf::isotropic(1.0), Likelihood::Bernoulli(Link::Probit))
        .condition(&x, &[0.0, 1.0])
        .unwrap();
    let posterior = gp.posterior(&x).unwrap();
    assert_eq!(complaint(posterior.counts(&[1.0, 1.0])), "likelihood");
    assert_eq!(complaint(posterior.information(&[1.0, 1.0])), "likelihood");
    assert_eq!(complaint(posterior.outputs()), "likelihood");
    assert_eq!(complaint(posterior.interval(1.0)), "level");
    assert_eq!(complaint(gp.posterior(&array![[0.0, 1.0]])), "points");
    let likelihood = Likelihood::Poisson {
        exposure: vec![1.0, 1.0],
    };
    // The prior answers too, before any measurement.
    let gp = LaplaceGp::new(Rbf::isotropic(1.0).scaled(2.0), likelihood);
    let posterior = gp.posterior(&x).unwrap();
    assert_eq!(posterior.variance(), [2.0, 2.0]);
    assert_eq!(complaint(posterior.class_probability()), "likelihood");
    assert_eq!(complaint(posterior.counts(&[1.0])), "exposure");
    assert_eq!(complaint(posterior.counts(&[1.0, -1.0])), "exposure");
    let prediction = posterior.counts(&[1.0, 0.0]).unwrap();
    assert_eq!(complaint(prediction.interval(f64::NAN)), "level");
    assert_eq!(prediction.interval(0.9).unwrap()[1], (0.0, 0.0));
}
