//! Looks of different dose against numpy, plain processes, finite differences and their own invariants.

use dosewise::gp::{
    Bias, Bounds, Decay, DoseGp, DoseNoise, DoseWeight, ExactGp, FitOptions, Kernel, Matern52,
    Mean, Noise, Persist, Points, Rbf, Surrogate,
};
use dosewise::linalg::Cholesky;
use dosewise::{Error, units::Dose};
use ndarray::{Array2, array};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    bias: String,
    exponent: Option<f64>,
    x: Vec<Vec<f64>>,
    doses: Vec<Dose>,
    y: Vec<f64>,
    places: Vec<Vec<f64>>,
    next_dose: Dose,
    mean: f64,
    length: f64,
    scale: f64,
    bias_length: f64,
    bias_scale: f64,
    dose_scale: f64,
    shot: f64,
    readout: f64,
    log_marginal_likelihood: f64,
    field_mean: Vec<f64>,
    field_covariance: Vec<Vec<f64>>,
    seen_mean: Vec<f64>,
    seen_variance: Vec<f64>,
    variance_after: Vec<f64>,
}

fn rows(points: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((points.len(), points[0].len()), |(i, k)| points[i][k])
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{what}: found {found}, expected {expected}"
    );
}

fn all_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    let both = found.iter().zip(expected);
    both.for_each(|(f, e)| close(*f, *e, tolerance, what));
}

impl Case {
    fn model(&self) -> DoseGp {
        let dose = self.dose_scale;
        let decay = match self.exponent {
            Some(exponent) => Decay::Power { dose, exponent },
            None => Decay::Exponential { dose },
        };
        let error = Rbf::isotropic(self.bias_length).scaled(self.bias_scale);
        let bias = match self.bias.as_str() {
            "none" => Bias::None,
            "at_low_dose" => Bias::at_low_dose(error, decay),
            _ => Bias::with_dose(error, decay),
        };
        let (shot, readout) = (self.shot, self.readout);
        let field = Matern52::isotropic(self.length).scaled(self.scale);
        DoseGp::new(field, bias, DoseNoise::Fitted { shot, readout })
            .with_mean(Mean::Fixed(self.mean))
    }

    fn conditioned(&self) -> DoseGp {
        self.model()
            .condition(&rows(&self.x), &self.doses, &self.y)
            .unwrap()
    }
}

fn reference() -> Vec<Case> {
    let text = include_str!("reference/gp_multi_fidelity.json");
    serde_json::from_str::<Reference>(text).unwrap().cases
}

#[test]
fn likelihood_posterior_and_prediction_equal_numpy() {
    let cases = reference();
    assert_eq!(cases.len(), 5);
    for case in &cases {
        let (gp, places) = (case.conditioned(), rows(&case.places));
        close(
            gp.log_marginal_likelihood(),
            case.log_marginal_likelihood,
            1e-10,
            "likelihood",
        );
        let joint = gp.joint(places.view()).unwrap();
        all_close(&joint.mean, &case.field_mean, 1e-10, "mean");
        for (i, row) in case.field_covariance.iter().enumerate() {
            all_close(&joint.covariance.row(i).to_vec(), row, 1e-10, "covariance");
        }
        let marginals = gp.posterior(&places).unwrap();
        all_close(&marginals.mean, &case.field_mean, 1e-10, "mean");
        let seen = gp.measurement(&places, case.next_dose).unwrap();
        all_close(&seen.mean, &case.seen_mean, 1e-10, "seen mean");
        all_close(&seen.variance, &case.seen_variance, 1e-10, "seen variance");
        let after = gp.variance_after(&places, case.next_dose).unwrap();
        all_close(&after, &case.variance_after, 1e-10, "variance after");
    }
}

#[test]
fn a_look_leaves_the_variance_that_was_foretold_whatever_it_shows() {
    for case in reference() {
        let (gp, places) = (case.conditioned(), rows(&case.places));
        let after = gp.variance_after(&places, case.next_dose).unwrap();
        for (j, place) in case.places.iter().enumerate() {
            let mut grown = gp.clone();
            grown.append(place, case.next_dose, 7.0 - j as f64).unwrap();
            let variance = grown.posterior(&places).unwrap().variance[j];
            close(after[j], variance, 1e-11, "variance after");
            assert!(variance <= gp.posterior(&places).unwrap().variance[j] + 1e-14);
        }
    }
}

#[test]
fn appending_equals_conditioning_on_all() {
    for case in reference() {
        let mut grown = case.model();
        for ((x, dose), y) in case.x.iter().zip(&case.doses).zip(&case.y) {
            grown.append(x, *dose, *y).unwrap();
        }
        let (whole, places) = (case.conditioned(), rows(&case.places));
        let (a, b) = (
            grown.posterior(&places).unwrap(),
            whole.posterior(&places).unwrap(),
        );
        all_close(&a.mean, &b.mean, 1e-10, "mean");
        all_close(&a.variance, &b.variance, 1e-10, "variance");
        close(
            grown.log_marginal_likelihood(),
            case.log_marginal_likelihood,
            1e-10,
            "likelihood",
        );
        assert_eq!(grown.absorbed(&case.x[2]), whole.absorbed(&case.x[2]));
        close(
            whole.absorbed(&case.x[2]).0,
            [2, 7, 9].map(|i| case.doses[i].0).iter().sum(),
            1e-14,
            "dose",
        );
        assert_eq!((whole.doses(), whole.targets()), (case.doses, &case.y[..]));
    }
}

#[test]
fn likelihood_gradients_equal_finite_differences() {
    for case in reference() {
        let gp = case.conditioned();
        let parameters = gp.parameters();
        let gradient = gp.log_marginal_likelihood_gradient().unwrap();
        assert_eq!(gradient.len(), parameters.len());
        // Every parameter in turn held at a moved value; no search moves the others, since all are held.
        let likelihood_with = |moved: usize, step: f64| {
            let held = parameters.iter().enumerate().map(|(p, parameter)| {
                let value = parameter.value * if p == moved { step.exp() } else { 1.0 };
                (parameter.name.clone(), Bounds::hard(value..=value))
            });
            let options = FitOptions {
                restarts: 0,
                bounds: held.collect(),
                ..FitOptions::default()
            };
            let fitted = case
                .model()
                .fit(&rows(&case.x), &case.doses, &case.y, &options);
            fitted.unwrap().log_marginal_likelihood()
        };
        for (p, parameter) in parameters.iter().enumerate() {
            let central = |h: f64| (likelihood_with(p, h) - likelihood_with(p, -h)) / (2.0 * h);
            let slope = (4.0 * central(1e-4) - central(2e-4)) / 3.0;
            close(gradient[p], slope, 2e-6, &parameter.name);
        }
    }
}

#[test]
fn dose_weights_have_the_slopes_of_finite_differences() {
    let mut all = Points::default();
    let doses: Vec<f64> = (0..40).map(|i| 0.3 * i as f64 * (1.0 + i as f64)).collect();
    doses.iter().for_each(|dose| all.push(&[*dose]).unwrap());
    let weights: Vec<f64> = (0..40).map(|j| (j as f64 * 1.7).cos()).collect();
    let (power, exponential) = (
        Decay::Power {
            dose: 9.0,
            exponent: 1.4,
        },
        Decay::Exponential { dose: 30.0 },
    );
    for kernel in [
        DoseWeight::fading(power),
        DoseWeight::growing(power),
        DoseWeight::fading(exponential),
        DoseWeight::growing(exponential),
    ] {
        kernel.check_points(all.view()).unwrap();
        let weighted = |kernel: &DoseWeight, dose: f64| {
            let mut row = vec![0.0; 40];
            kernel.covariances(&[dose], all.view(), &mut row);
            row.iter().zip(&weights).map(|(k, w)| k * w).sum::<f64>()
        };
        for dose in [0.0, 2.5, 80.0] {
            let theta = kernel.log_parameters();
            let mut gradient = vec![1.0; theta.len()];
            let sum = kernel.accumulate_gradient(&[dose], all.view(), &weights, &mut gradient);
            close(sum, weighted(&kernel, dose), 1e-13, "sum");
            for p in 0..theta.len() {
                let moved = |h: f64| {
                    let (mut kernel, mut theta) = (kernel.clone(), theta.clone());
                    theta[p] += h;
                    kernel.set_log_parameters(&theta).unwrap();
                    weighted(&kernel, dose)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                close(gradient[p] - 1.0, slope, 1e-8, "slope");
            }
            let mut slopes = [1.0, 1.0];
            kernel.accumulate_input_gradient(&[dose], all.view(), &weights, &mut slopes[..1]);
            kernel.accumulate_variance_gradient(&[dose], 0.7, &mut slopes[1..]);
            let at = |h: f64| {
                [
                    weighted(&kernel, dose + h),
                    0.7 * kernel.variance(&[dose + h]),
                ]
            };
            let (up, down) = (at(1e-5), at(-1e-5));
            for k in 0..2 {
                close(slopes[k] - 1.0, (up[k] - down[k]) / 2e-5, 1e-7, "by dose");
            }
        }
        // The largest coordinate stands for an infinite dose, where all has faded or grown.
        let end = kernel.at(1e150);
        assert!(end == 0.0 || end == 1.0);
        let negative = Points::from_rows("x", array![[-1.0]].view()).unwrap();
        assert!(kernel.check_points(negative.view()).is_err() && kernel.check(2).is_err());
    }
}

/// Places in the unit square that look random and never repeat.
fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn doses(n: usize) -> Vec<Dose> {
    (0..n)
        .map(|i| Dose((5.0 * ((i as f64 * 0.618).fract())).exp()))
        .collect()
}

#[test]
fn without_a_bias_it_is_the_exact_process_with_known_variances() {
    let (x, doses) = (scattered(50), doses(50));
    let y: Vec<f64> = (0..50)
        .map(|i| (6.0 * x[[i, 0]]).sin() + x[[i, 1]])
        .collect();
    let (shot, readout) = (2.0, 0.03);
    let kernel = || Matern52::ard([0.3, 0.6]).scaled(1.4);
    let gp = DoseGp::new(kernel(), Bias::None, DoseNoise::Known { shot, readout })
        .with_mean(Mean::Fixed(0.2))
        .condition(&x, &doses, &y)
        .unwrap();
    let variances = doses.iter().map(|dose| shot / dose.0 + readout).collect();
    let exact = ExactGp::new(kernel(), Noise::Known(variances))
        .with_mean(Mean::Fixed(0.2))
        .condition(&x, &y)
        .unwrap();
    let places = scattered(700) * 1.3 - 0.1;
    let (one, other) = (
        gp.posterior(&places).unwrap(),
        exact.posterior(&places).unwrap(),
    );
    all_close(&one.mean, other.mean(), 1e-10, "mean");
    all_close(&one.variance, other.variance(), 1e-10, "variance");
    let (one, other) = (
        gp.log_marginal_likelihood(),
        exact.log_marginal_likelihood(),
    );
    close(one, other, 1e-12, "likelihood");
    // More than one block of places.
    assert_eq!(gp.variance_after(&places, Dose(3.0)).unwrap().len(), 700);
}

#[test]
fn two_looks_of_half_a_dose_are_one_look_of_the_whole() {
    let x = scattered(12);
    let places = scattered(40) * 1.2;
    let whole: Vec<f64> = (0..12).map(|i| (6.0 * x[[i, 0]]).sin()).collect();
    let model = |readout| {
        let field = Matern52::isotropic(0.4).scaled(1.0);
        DoseGp::new(field, Bias::None, DoseNoise::Known { shot: 3.0, readout })
    };
    let twice = Array2::from_shape_fn((24, 2), |(i, k)| x[[i / 2, k]]);
    // Halves that differ, with the same mean.
    let halves: Vec<f64> = (0..24)
        .map(|i| whole[i / 2] + if i % 2 == 0 { 0.3 } else { -0.3 })
        .collect();
    let posterior = |readout, x: &Array2<f64>, dose: f64, y: &[f64]| {
        let doses = vec![Dose(dose); y.len()];
        model(readout)
            .condition(x, &doses, y)
            .unwrap()
            .posterior(&places)
            .unwrap()
    };
    let (one, two) = (
        posterior(0.0, &x, 20.0, &whole),
        posterior(0.0, &twice, 10.0, &halves),
    );
    all_close(&one.mean, &two.mean, 1e-10, "mean");
    all_close(&one.variance, &two.variance, 1e-10, "variance");
    // A readout is paid once a look: two looks know more than one.
    let (one, two) = (
        posterior(0.5, &x, 20.0, &whole),
        posterior(0.5, &twice, 10.0, &halves),
    );
    assert!(
        one.variance
            .iter()
            .zip(&two.variance)
            .all(|(one, two)| two < one)
    );
}

/// Draws from N(0, K) of a kernel at places.
fn drawn(kernel: &dyn Kernel, places: &Array2<f64>, rng: &mut StdRng) -> Vec<f64> {
    let points = Points::from_rows("x", places.view()).unwrap();
    let factor = Cholesky::factor(points.len(), &mut |j, column| {
        let others = points.view().range(j, points.len());
        kernel.covariances(&points.view().point(j), others, column);
        column[0] += 1e-9;
    })
    .unwrap();
    let deviates: Vec<f64> = (0..points.len())
        .map(|_| StandardNormal.sample(rng))
        .collect();
    factor.multiply(&deviates).unwrap()
}

/// Looks at the first places of a drawn field with a drawn bias: the true field everywhere, what the looks show.
fn looked(
    places: &Array2<f64>,
    doses: &[Dose],
    (field, error, weight): (&dyn Kernel, &dyn Kernel, &DoseWeight),
    noise: DoseNoise,
    rng: &mut StdRng,
) -> (Vec<f64>, Vec<f64>) {
    let truth = drawn(field, places, rng);
    let pattern = drawn(error, places, rng);
    let looks = doses.iter().enumerate().map(|(i, dose)| {
        let deviate: f64 = StandardNormal.sample(rng);
        truth[i] + weight.at(dose.0) * pattern[i] + noise.variance(dose.0).sqrt() * deviate
    });
    let looks = looks.collect();
    (truth, looks)
}

#[test]
fn many_cheap_looks_and_few_dear_ones_together_beat_either_alone() {
    let field = Matern52::isotropic(0.25).scaled(1.0);
    let error = Rbf::isotropic(0.8).scaled(0.6);
    let decay = Decay::Power {
        dose: 30.0,
        exponent: 2.0,
    };
    let weight = DoseWeight::fading(decay);
    let noise = DoseNoise::Known {
        shot: 1.0,
        readout: 0.01,
    };
    let places = scattered(160);
    // 60 cheap looks, 12 dear ones, then 88 places that nobody looked at.
    let doses: Vec<Dose> = (0..72)
        .map(|i| Dose(if i < 60 { 4.0 } else { 400.0 }))
        .collect();
    let (mut cheap, mut dear, mut both) = (0.0, 0.0, 0.0);
    for seed in 0..6 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (truth, y) = looked(&places, &doses, (&field, &error, &weight), noise, &mut rng);
        let error_of = |chosen: std::ops::Range<usize>| {
            let rows = places.slice(ndarray::s![chosen.clone(), ..]);
            let gp = DoseGp::new(
                field.clone(),
                Bias::at_low_dose(error.clone(), decay),
                noise,
            )
            .condition(rows, &doses[chosen.clone()], &y[chosen])
            .unwrap();
            let found = gp
                .posterior(places.slice(ndarray::s![72.., ..]))
                .unwrap()
                .mean;
            let misses = found.iter().zip(&truth[72..]).map(|(f, t)| (f - t).powi(2));
            misses.sum::<f64>() / 88.0
        };
        cheap += error_of(0..60) / 6.0;
        dear += error_of(60..72) / 6.0;
        both += error_of(0..72) / 6.0;
    }
    assert!(
        both < 0.75 * cheap && both < 0.75 * dear,
        "{both}, {cheap} and {dear}"
    );
}

#[test]
fn a_fit_tells_shot_from_readout_noise_and_finds_the_bias() {
    let mut rng = StdRng::seed_from_u64(4);
    let field = Matern52::isotropic(0.3).scaled(1.0);
    let error = Rbf::isotropic(0.5).scaled(1.5);
    let noise = DoseNoise::Known {
        shot: 4.0,
        readout: 0.02,
    };
    let weight = DoseWeight::fading(Decay::Exponential { dose: 60.0 });
    let x = scattered(140);
    let doses: Vec<Dose> = (0..140)
        .map(|i| Dose([5.0, 40.0, 300.0, 5000.0][i % 4]))
        .collect();
    let (_, y) = looked(&x, &doses, (&field, &error, &weight), noise, &mut rng);
    let start = DoseNoise::Fitted {
        shot: 1.0,
        readout: 1.0,
    };
    let bias = Bias::at_low_dose(
        Rbf::isotropic(1.0).scaled(1.0),
        Decay::Exponential { dose: 100.0 },
    );
    let plain = DoseGp::new(Matern52::isotropic(1.0).scaled(2.0), Bias::None, start)
        .with_mean(Mean::Constant(0.0));
    let biased = DoseGp::new(Matern52::isotropic(1.0).scaled(2.0), bias, start)
        .with_mean(Mean::Constant(0.0));
    let plain = plain.fit(&x, &doses, &y, &FitOptions::default()).unwrap();
    let biased = biased.fit(&x, &doses, &y, &FitOptions::default()).unwrap();
    assert!(
        biased.fit_report().unwrap().converged(),
        "{:?}",
        biased.fit_report()
    );
    assert!(biased.log_marginal_likelihood() > plain.log_marginal_likelihood() + 3.0);
    let DoseNoise::Fitted { shot, readout } = biased.noise() else {
        panic!()
    };
    // 35 looks are dominated by each part: variances good to a quarter, twice that allowed.
    assert!(
        (2.0..6.0).contains(&shot) && (0.01..0.04).contains(&readout),
        "{shot}, {readout}"
    );
    let names: Vec<String> = biased.parameters().into_iter().map(|p| p.name).collect();
    assert_eq!(
        names[names.len() - 3..],
        [
            "term1.factor1.dose scale",
            "shot noise variance",
            "readout noise variance"
        ]
    );
    // A part that is zero, or known, is left alone.
    let options = FitOptions::default();
    let still = DoseNoise::Fitted {
        shot: 4.0,
        readout: 0.0,
    };
    let gp = DoseGp::new(field.clone(), Bias::None, still)
        .fit(&x, &doses, &y, &options)
        .unwrap();
    let DoseNoise::Fitted { shot, readout } = gp.noise() else {
        panic!()
    };
    assert!(readout == 0.0 && shot != 4.0);
    let gp = DoseGp::new(field, Bias::None, noise)
        .fit(&x, &doses, &y, &options)
        .unwrap();
    assert_eq!(gp.noise(), noise);
}

#[test]
fn intervals_cover_the_field_and_the_next_look() {
    let field = Matern52::isotropic(0.3).scaled(1.0);
    let error = Rbf::isotropic(0.5).scaled(0.5);
    let noise = DoseNoise::Known {
        shot: 2.0,
        readout: 0.02,
    };
    let decay = Decay::Power {
        dose: 10.0,
        exponent: 1.0,
    };
    for (bias, weight) in [
        (
            Bias::at_low_dose(error.clone(), decay),
            DoseWeight::fading(decay),
        ),
        (
            Bias::with_dose(error.clone(), decay),
            DoseWeight::growing(decay),
        ),
    ] {
        let mut inside = [[0_usize; 3]; 2];
        let draws = 200;
        let places = scattered(22);
        let doses: Vec<Dose> = (0..22).map(|i| Dose([3.0, 30.0, 300.0][i % 3])).collect();
        for seed in 0..draws {
            let mut rng = StdRng::seed_from_u64(seed);
            // Damage is that of the middle of a look.
            let seen: Vec<Dose> = match bias {
                Bias::WithDose { .. } => doses.iter().map(|d| Dose(0.5 * d.0)).collect(),
                _ => doses.clone(),
            };
            let truth = drawn(&field, &places, &mut rng);
            let pattern = drawn(&error, &places, &mut rng);
            let y: Vec<f64> = (0..22)
                .map(|i| {
                    let deviate: f64 = StandardNormal.sample(&mut rng);
                    let noise = noise.variance(doses[i].0).sqrt() * deviate;
                    truth[i] + weight.at(seen[i].0) * pattern[i] + noise
                })
                .collect();
            // The first place is held out.
            let gp = DoseGp::new(field.clone(), bias.clone(), noise)
                .condition(places.slice(ndarray::s![1.., ..]), &doses[1..], &y[1..])
                .unwrap();
            let place = places.slice(ndarray::s![..1, ..]);
            let known = gp.posterior(place).unwrap();
            let next = gp.measurement(place, doses[0]).unwrap();
            for (count, (marginals, value)) in
                inside.iter_mut().zip([(known, truth[0]), (next, y[0])])
            {
                let deviate = (value - marginals.mean[0]) / marginals.variance[0].sqrt();
                for (count, limit) in count.iter_mut().zip([0.674_490, 1.644_854, 1.959_964]) {
                    *count += usize::from(deviate.abs() < limit);
                }
            }
        }
        for (count, level) in inside
            .iter()
            .flat_map(|counts| counts.iter().zip([0.5, 0.9, 0.95]))
        {
            let spread = (level * (1.0 - level) / draws as f64).sqrt();
            let share = *count as f64 / draws as f64;
            assert!((share - level).abs() < 3.0 * spread, "{share} for {level}");
        }
    }
}

#[test]
fn a_look_of_high_dose_shows_the_truth_and_a_damaged_place_does_not() {
    let error = Rbf::isotropic(0.5).scaled(0.5);
    let decay = Decay::Power {
        dose: 10.0,
        exponent: 1.0,
    };
    let noise = DoseNoise::Known {
        shot: 1.0,
        readout: 0.0,
    };
    let field = Matern52::isotropic(0.3).scaled(1.0);
    let place = array![[0.5]];
    let fading = DoseGp::new(
        field.clone(),
        Bias::at_low_dose(error.clone(), decay),
        noise,
    );
    let mut gp = fading.condition(&place, &[Dose(1e9)], &[0.8]).unwrap();
    close(gp.posterior(&place).unwrap().mean[0], 0.8, 1e-6, "mean");
    // What is known of the field tells a low-dose look its bias, and not the other way round.
    gp.append(&[0.5], Dose(1.0), 1.5).unwrap();
    close(gp.posterior(&place).unwrap().mean[0], 0.8, 1e-6, "mean");
    assert!(gp.measurement(&place, Dose(1.0)).unwrap().mean[0] > 0.9);

    let damaged = DoseGp::new(field, Bias::with_dose(error, decay), noise);
    let gp = damaged.condition(&place, &[Dose(1e4)], &[0.8]).unwrap();
    // Half of the variance of what was seen is damage: 1 against 0.5.
    close(
        gp.posterior(&place).unwrap().mean[0],
        0.8 / 1.5,
        2e-3,
        "mean",
    );
    // Fresh places are looked at without error, this one no longer.
    let after = gp
        .variance_after(&array![[0.5], [40.0]], Dose(1e2))
        .unwrap();
    assert!(after[0] > 0.3 && after[1] < 0.5, "{after:?}");
    let gentle = gp.variance_after(&array![[40.0]], Dose(5.0)).unwrap();
    assert!(
        gentle[0] < after[1],
        "less dose, less damage: {gentle:?} and {after:?}"
    );
}

#[test]
fn files_hold_every_bit_and_refuse_what_does_not_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    for case in reference() {
        let options = FitOptions {
            restarts: 0,
            max_iterations: 3,
            ..FitOptions::default()
        };
        let model = case.model().with_mean(Mean::Constant(0.0));
        let gp = model
            .fit(&rows(&case.x), &case.doses, &case.y, &options)
            .unwrap();
        gp.save(&file).unwrap();
        let mut again = DoseGp::load(&file).unwrap();
        let places = rows(&case.places);
        assert_eq!(
            again.posterior(&places).unwrap(),
            gp.posterior(&places).unwrap()
        );
        let dose = case.next_dose;
        assert_eq!(
            again.variance_after(&places, dose).unwrap(),
            gp.variance_after(&places, dose).unwrap()
        );
        assert_eq!(again.parameters(), gp.parameters());
        assert_eq!(
            (again.mean(), again.fit_report()),
            (gp.mean(), gp.fit_report())
        );
        again.append(&case.x[0], dose, 0.3).unwrap();

        let text = std::fs::read_to_string(&file).unwrap();
        let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
        let broken = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = whole.clone();
            change(&mut value);
            std::fs::write(&file, value.to_string()).unwrap();
            let error = DoseGp::load(&file).unwrap_err();
            assert!(matches!(error, Error::Config { .. }), "{error}");
        };
        broken(&|v| v["design"]["noise"]["fitted"]["shot"] = 9.0.into());
        broken(&|v| v["design"]["means"] = serde_json::json!([]));
        broken(&|v| v["y"][0] = 9.0.into());
        broken(&|v| v["format"] = "multi-output-gp 1".into());
        broken(&|v| v["design"]["field"]["outputscale"] = 9.0.into());
    }
    let case = &reference()[0];
    case.model().save(&file).unwrap();
    assert!(DoseGp::load(&file).unwrap().is_empty());
}

#[test]
fn unusable_input_is_refused_by_name() {
    let with = |noise| DoseGp::new(Rbf::isotropic(0.3), Bias::None, noise);
    let model = || {
        with(DoseNoise::Known {
            shot: 1.0,
            readout: 0.1,
        })
    };
    let x = array![[0.0], [1.0]];
    let two = [Dose(1.0), Dose(2.0)];
    let named = |outcome: dosewise::Result<DoseGp>, expected: &str| match outcome {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
        other => panic!("{other:?} instead of a refusal of {expected}"),
    };
    named(model().condition(&x, &two, &[0.0]), "y");
    named(model().condition(&x, &two[..1], &[0.0, 1.0]), "doses");
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e150] {
        named(
            model().condition(&x, &[Dose(1.0), Dose(bad)], &[0.0, 1.0]),
            "dose",
        );
    }
    named(model().condition(&x, &two, &[0.0, f64::INFINITY]), "y");
    named(
        model().condition(&array![[0.0], [f64::NAN]], &two, &[0.0, 1.0]),
        "x",
    );
    named(model().condition(&Array2::zeros((0, 1)), &[], &[]), "y");
    named(
        model().condition(&Array2::zeros((2, 0)), &two, &[0.0, 1.0]),
        "x",
    );
    for (shot, readout) in [(-1.0, 0.0), (1.0, f64::NAN), (f64::INFINITY, 0.0)] {
        let noise = DoseNoise::Fitted { shot, readout };
        named(
            with(noise).condition(&x, &two, &[0.0, 1.0]),
            "noise variance",
        );
    }
    let decay = Decay::Exponential { dose: -1.0 };
    let wrong = DoseGp::new(
        Rbf::isotropic(0.3),
        Bias::with_dose(Rbf::isotropic(0.3), decay),
        DoseNoise::Known {
            shot: 1.0,
            readout: 0.0,
        },
    );
    named(wrong.condition(&x, &two, &[0.0, 1.0]), "dose scale");
    assert!(model().posterior(&x).is_err() && model().variance_after(&x, Dose(1.0)).is_err());
    let mut gp = model().condition(&x, &two, &[0.0, 1.0]).unwrap();
    assert!(
        gp.append(&[0.0], Dose(0.0), 1.0).is_err()
            && gp.append(&[0.0, 1.0], Dose(1.0), 1.0).is_err()
    );
    assert!(gp.append(&[f64::NAN], Dose(1.0), 1.0).is_err());
    assert_eq!(gp.len(), 2);
    assert!(
        gp.measurement(&x, Dose(f64::NAN)).is_err() && gp.posterior(&array![[1.0, 2.0]]).is_err()
    );
}
