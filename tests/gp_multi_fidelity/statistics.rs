//! What looks of different dose are worth, what fits find, and how often intervals hold.

use crate::case::{drawn, looked, scattered};
use dosewise::gp::{
    Bias, Decay, DoseGp, DoseNoise, DoseWeight, FitOptions, Kernel, Matern52, Mean, Rbf,
};
use dosewise::units::Dose;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};

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
        let draws = 2000;
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
