//! Functions drawn from a posterior, against the posterior itself and against the kernels they are made of.

use dosewise::acquisition::{Landscape, Region};
use dosewise::gp::{
    Categorical, Constant, ExactGp, Kernel, Linear, Matern12, Matern32, Matern52, Mean, Noise,
    Periodic, RationalQuadratic, Rbf, Surrogate, White,
};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::{Array2, array};

/// Bochner: the mean of cos(ω·δ) over the spectrum is k(δ)/k(0).
#[test]
fn frequencies_have_the_spectrum_of_the_kernel() {
    let rough = || Matern12::ard([0.7, 1.5]);
    let kernels: Vec<Box<dyn Kernel>> = vec![
        Box::new(Rbf::isotropic(0.8)),
        Box::new(rough()),
        Box::new(Matern32::ard([0.5, 2.0])),
        Box::new(Matern52::isotropic(1.1).scaled(4.0)),
        Box::new(Rbf::isotropic(0.4).scaled(3.0) + rough().scaled(0.5) + Constant::new(1.0)),
        Box::new(RationalQuadratic::ard([0.6, 1.2], 0.7)),
        Box::new(RationalQuadratic::isotropic(0.9, 1e-3)),
        Box::new(RationalQuadratic::isotropic(0.8, 1e120)),
        Box::new(Periodic::ard([0.5, 1.3], [0.8, 2.1])),
        Box::new(Periodic::isotropic(0.05, 1.7) * Rbf::isotropic(2.0)),
        Box::new(Periodic::isotropic(1e-9, 1e9)),
        Box::new(Periodic::isotropic(1e9, 1.0)),
        Box::new(Rbf::isotropic(0.9).on_columns([1]) * Matern52::isotropic(0.6).on_columns([0])),
    ];
    let draws = 40_000;
    for kernel in kernels {
        let mut stream = Stream::new(Seed(5), Purpose::Resampling, [0, 0]);
        let shifts = [[0.3, 0.0], [0.0, 0.5], [0.6, -0.4], [1.5, 1.0]];
        let mut sums = [0.0; 4];
        for _ in 0..draws {
            let mut frequency = [0.0; 2];
            assert!(kernel.draw_frequency(&mut stream, &mut frequency));
            for (sum, shift) in sums.iter_mut().zip(shifts) {
                *sum += (frequency[0] * shift[0] + frequency[1] * shift[1]).cos();
            }
        }
        for (sum, shift) in sums.iter().zip(shifts) {
            let expected = kernel.covariance(&[0.0; 2], &shift) / kernel.variance(&[0.0; 2]);
            // the deviation of the mean is at most 1/√(2·40 000)
            let found = sum / f64::from(draws);
            assert!(
                (found - expected).abs() < 0.015,
                "{kernel:?} {shift:?}: {found} {expected}"
            );
        }
    }
}

fn process(noise: Noise) -> ExactGp {
    process_of(Matern52::ard([0.5, 0.8]).scaled(1.7), noise)
}

fn process_of(kernel: impl Kernel, noise: Noise) -> ExactGp {
    let x = array![[0.1, 0.3], [0.4, 0.8], [0.9, 0.2], [0.6, 0.5], [0.2, 0.9]];
    let process = ExactGp::new(kernel, noise).with_mean(Mean::Constant(0.6));
    process.condition(&x, &[0.3, -0.8, 1.6, 0.9, 2.2]).unwrap()
}

#[test]
fn moments_over_many_paths_are_those_of_the_posterior() {
    let noise = || Noise::Homoscedastic(0.3);
    let known = Noise::Known(vec![0.01, 0.2, 1.0, 0.05, 0.4]);
    for gp in [
        process(noise()),
        process(known),
        process_of(RationalQuadratic::ard([0.5, 0.8], 0.6).scaled(1.7), noise()),
        process_of(Periodic::ard([0.9, 1.4], [1.3, 0.8]).scaled(1.7), noise()),
    ] {
        let places = array![[0.5, 0.5], [0.15, 0.4], [1.5, -0.5], [0.55, 0.55]];
        let count = 2000;
        let draws: Vec<Vec<f64>> = (0..count)
            .map(|seed| gp.path(200, Seed(seed)).unwrap().values(&places).unwrap())
            .collect();
        let joint = gp.joint(places.view()).unwrap();
        let mean = |i: usize| draws.iter().map(|d| d[i]).sum::<f64>() / count as f64;
        for i in 0..4 {
            let deviation = joint.covariance[[i, i]].sqrt();
            let error = (mean(i) - joint.mean[i]).abs();
            assert!(
                error < 5.0 * deviation / (count as f64).sqrt(),
                "{i}: {error}"
            );
            for j in 0..=i {
                let products = draws.iter().map(|d| (d[i] - mean(i)) * (d[j] - mean(j)));
                let found = products.sum::<f64>() / count as f64;
                let expected = joint.covariance[[i, j]];
                let scale = deviation * joint.covariance[[j, j]].sqrt();
                assert!(
                    (found - expected).abs() < 0.12 * scale,
                    "{i} {j}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn a_path_is_one_smooth_function() {
    let gp = process(Noise::Homoscedastic(1e-6));
    let path = gp.path(300, Seed(9)).unwrap();
    let again = gp.path(300, Seed(9)).unwrap();
    let measured = gp.points().view();
    let mut place = Vec::new();
    for (i, y) in [0.3, -0.8, 1.6, 0.9, 2.2].into_iter().enumerate() {
        measured.copy_point(i, &mut place);
        let here = Array2::from_shape_vec((1, 2), place.clone()).unwrap();
        assert!((path.values(&here).unwrap()[0] - y).abs() < 0.01);
    }
    for place in [[0.33, 0.71], [2.0, -1.0], [0.6, 0.52]] {
        let (value, slopes) = path.slopes(&place).unwrap();
        assert_eq!(value, again.values(&array![place]).unwrap()[0]);
        for (k, slope) in slopes.into_iter().enumerate() {
            let at = |h: f64| {
                let mut moved = place;
                moved[k] += h;
                path.values(&array![moved]).unwrap()[0]
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slope - difference).abs() < 1e-5 * (1.0 + slope.abs()),
                "{slope} {difference}"
            );
        }
    }
}

/// The places of the maxima of many paths are where the maximum is: nearly all near a top that stands out.
#[test]
fn tops_of_paths_gather_where_the_maximum_may_be() {
    let x = array![[0.0], [0.2], [0.4], [0.6], [0.8], [1.0]];
    let gp = ExactGp::new(
        Matern52::isotropic(0.3).scaled(1.0),
        Noise::Homoscedastic(1e-3),
    )
    .condition(&x, &[-1.0, -0.5, 1.4, 1.5, -0.6, -1.2])
    .unwrap();
    let region = Region::new(&[(0.0, 1.0)]).unwrap();
    let tops = (0..40).map(|seed| {
        let path = gp.path(400, Seed(seed)).unwrap();
        let top = region.highest(&path).unwrap();
        let grid = Array2::from_shape_fn((201, 1), |(i, _)| i as f64 / 200.0);
        let highest = path.scores(grid.view()).unwrap();
        assert!(highest.iter().all(|v| *v <= top.score + 1e-9)); // no place of a fine grid is higher
        top.place[0]
    });
    let near = tops.filter(|x| (0.38..0.62).contains(x)).count();
    assert!(near >= 38, "{near}");
}

#[test]
fn what_has_no_spectrum_is_refused_by_name() {
    let x = array![[0.0], [1.0]];
    let kernels: Vec<(Box<dyn Kernel>, &str)> = vec![
        (Box::new(Linear::isotropic(1.0)), "Linear"),
        (Box::new(Rbf::isotropic(1.0) + White::new(0.1)), "White"),
        (
            Box::new(Rbf::isotropic(1.0) * Categorical::new(2, 0.5)),
            "Categorical",
        ),
    ];
    for (kernel, named) in kernels {
        let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.1)).condition(&x, &[0.0, 1.0]);
        let error = gp.unwrap().path(10, Seed(0)).unwrap_err().to_string();
        assert!(
            error.contains(named) && error.contains("spectrum"),
            "{error}"
        );
    }
    let gp = process(Noise::Homoscedastic(0.1));
    for features in [0, 2_000_000] {
        assert!(
            gp.path(features, Seed(0))
                .unwrap_err()
                .to_string()
                .contains("features")
        );
    }
    let untold = ExactGp::new(Rbf::isotropic(1.0), Noise::Homoscedastic(0.1));
    assert!(untold.path(10, Seed(0)).is_err());
    let path = gp.path(10, Seed(0)).unwrap();
    assert!(path.values(&array![[f64::NAN, 0.0]]).is_err());
    assert!(path.values(&array![[0.0]]).is_err() && path.slopes(&[0.0]).is_err());
}
