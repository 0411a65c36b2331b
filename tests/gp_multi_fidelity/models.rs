//! Posteriors, predictions and likelihoods against numpy, plain processes and finite differences.

use crate::case::{all_close, close, doses, reference, rows, scattered};
use dosewise::gp::{
    Bias, Bounds, Decay, DoseGp, DoseNoise, DoseWeight, ExactGp, FitOptions, Kernel, Matern52,
    Mean, Noise, Points, Rbf, Surrogate,
};
use dosewise::units::Dose;
use ndarray::{Array2, array};
use rand::{SeedableRng, rngs::StdRng};

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
fn slopes_of_the_true_field_equal_finite_differences() {
    for case in reference() {
        let model = case
            .model()
            .with_mean(Mean::custom("bowl", |x| x[0] * x[0]));
        let gp = model
            .condition(&rows(&case.x), &case.doses, &case.y)
            .unwrap();
        for place in &case.places {
            let slopes = gp.slopes(place).unwrap();
            assert_eq!(slopes.of_mean.len(), place.len());
            for k in 0..place.len() {
                let at = |h: f64| {
                    let mut moved = rows(std::slice::from_ref(place));
                    moved[[0, k]] += h;
                    let there = gp.posterior(&moved).unwrap();
                    [there.mean[0], there.variance[0]]
                };
                let (here, up, down) = (at(0.0), at(1e-5), at(-1e-5));
                close(slopes.mean, here[0], 1e-12, "mean");
                close(slopes.of_mean[k], (up[0] - down[0]) / 2e-5, 1e-6, "of mean");
                close(slopes.variance, here[1], 1e-12, "variance");
                close(
                    slopes.of_variance[k],
                    (up[1] - down[1]) / 2e-5,
                    1e-6,
                    "of variance",
                );
            }
        }
    }
}

#[test]
fn batches_samples_and_what_was_looked_at() {
    for case in reference() {
        let x = rows(&case.x);
        // Every place is looked at twice, so that the order of the doses counts.
        let twice = ndarray::concatenate(ndarray::Axis(0), &[x.view(), x.view()]).unwrap();
        let (doses, y) = (case.doses.repeat(2), case.y.repeat(2));
        let anew = case.model().condition(&twice, &doses, &y).unwrap();
        let mut grown = case.model();
        for part in [0..0, 0..3, 3..y.len()] {
            let x = twice.slice(ndarray::s![part.clone(), ..]);
            let doses = &doses[part.clone()];
            grown.append_many(x, doses, &y[part]).unwrap();
        }
        assert_eq!((grown.doses(), grown.targets()), (doses, y.as_slice()));
        assert_eq!(grown.points().view().point(1), case.x[1]);
        assert_eq!(grown.absorbed(&case.x[0]), anew.absorbed(&case.x[0]));
        let places = rows(&case.places);
        let (a, b) = (
            grown.posterior(&places).unwrap(),
            anew.posterior(&places).unwrap(),
        );
        all_close(&a.mean, &b.mean, 1e-9, "mean");
        all_close(&a.variance, &b.variance, 1e-9, "variance");
        let before = serde_json::to_string(&grown).unwrap();
        let two = x.slice(ndarray::s![..2, ..]);
        assert!(
            grown
                .append_many(two, &[Dose(1.0), Dose(0.0)], &[0.1, 0.2])
                .is_err()
        );
        assert!(
            grown
                .append_many(two, &[Dose(1.0); 2], &[0.1, f64::NAN])
                .is_err()
        );
        assert!(grown.append_many(two, &[Dose(1.0); 2], &[0.1]).is_err());
        assert_eq!(serde_json::to_string(&grown).unwrap(), before);

        // Moments of the draws against the posterior: 5 standard errors, of 2000 draws.
        let count = 2000;
        let mut rng = StdRng::seed_from_u64(6);
        let draws = anew.samples(&places, count, &mut rng).unwrap();
        let joint = anew.joint(places.view()).unwrap();
        for ((i, j), expected) in joint.covariance.indexed_iter() {
            let products = draws
                .rows()
                .into_iter()
                .map(|row| (row[i] - joint.mean[i]) * (row[j] - joint.mean[j]));
            let found = products.sum::<f64>() / count as f64;
            let size = (joint.covariance[[i, i]] * joint.covariance[[j, j]]).sqrt();
            let error = 5.0 * size * (2.0 / count as f64).sqrt() + 1e-9;
            assert!((found - expected).abs() < error, "{found} {expected}");
        }
    }
}
