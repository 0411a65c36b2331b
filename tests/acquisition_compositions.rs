//! Every acquisition and criterion over every posterior that `gp` yields, inside every dose wrapper.

use dosewise::acquisition::{
    Acquisition, AlgorithmInformation, Candidate, Constraints, ContourImprovement, CostBelief,
    CountInformation, Damage, ExpectedImprovement, Field, FieldBatch, FieldCriterion, GittinsIndex,
    IntegratedVarianceReduction, KnowledgeGradient, LabelInformation, LevelSetEntropy,
    LevelSetLookahead, Limit, LocalPenalty, LogExpectedImprovement, LogProbabilityOfImprovement,
    MaxValueEntropy, MeanGradient, MutualInformation, NoisyExpectedImprovement, Offers, Outcomes,
    PosteriorVariance, ProbabilityOfImprovement, Scale, Straddle, Survival, TopValues,
    UpperConfidenceBound, VarianceReduction, best, gradient, scores, top,
};
use dosewise::gp::{
    Bias, CountField, DeepKernelGp, DeepKernelOptions, DeepKernelValidation, DoseGp, DoseNoise,
    ExactGp, Grid, GridGp, GridKernel, HeteroscedasticGp, InducingPoints, Kernel, LaplaceGp,
    Likelihood, Link, Matern52, MultiOutputGp, Noise, Rbf, ScaledGp, Scaling, SparseGp,
    StochasticGp, StochasticOptions, StochasticProgress, Surrogate, VecchiaGp,
};
use dosewise::network::{Activation, Network, Shape};
use dosewise::units::{Dose, Seed};
use ndarray::{Array2, ArrayView2, array};
use std::ops::ControlFlow;

const DOSES: [f64; 2] = [4.0, 1.0];

fn kernel() -> impl Kernel + Clone {
    Matern52::isotropic(0.8).scaled(0.7)
}

fn on(_: &StochasticProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Lives as long as the test does, so that views of a model are models too.
fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// One of each kind, on the square from 0 to 2.
fn surrogates() -> Vec<(&'static str, &'static dyn Surrogate)> {
    let x = Array2::from_shape_fn((16, 2), |(i, k)| {
        2.0 * ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    });
    let wave = |row: &[f64]| (2.0 * row[0]).sin() * (1.5 * row[1]).cos();
    let values = |x: &Array2<f64>| -> Vec<f64> {
        let rows = x.rows().into_iter();
        rows.map(|row| wave(&row.to_vec())).collect()
    };
    let y = values(&x);
    let noise = || Noise::Homoscedastic(0.02);
    let counts: Vec<f64> = y.iter().map(|y| (6.0 * y.exp()).round()).collect();
    let poisson = Likelihood::Poisson {
        exposure: vec![6.0; 16],
    };
    let labels: Vec<f64> = y.iter().map(|y| f64::from(*y > 0.0)).collect();
    let inducing = || InducingPoints::given(&x.slice(ndarray::s![..8, ..]).to_owned()).unwrap();
    let exact = keep(ExactGp::new(kernel(), noise()).condition(&x, &y).unwrap());
    let scaled = ScaledGp::new(Matern52::isotropic(0.4), noise(), Scaling::default());
    let sparse = SparseGp::new(kernel(), noise(), inducing());
    let mut stochastic = StochasticGp::new(kernel(), noise(), inducing());
    let one_pass = StochasticOptions {
        epochs: 0,
        full_steps: 1,
        ..StochasticOptions::default()
    };
    stochastic.train(&x, &y, &one_pass, &mut on).unwrap();
    let bernoulli = Likelihood::Bernoulli(Link::Probit);
    let mut classifier = StochasticGp::behind(kernel(), bernoulli, inducing());
    classifier.train(&x, &labels, &one_pass, &mut on).unwrap();
    let vecchia = VecchiaGp::new(kernel(), noise()).with_neighbours(8);
    let grid = Grid::new(6, 6, [0.4, 0.4]).unwrap();
    let image = values(&grid.coordinates());
    let image = Array2::from_shape_vec((6, 6), image).unwrap();
    let photons = image.mapv(|v| (6.0 * v.exp()).round());
    let product = || {
        GridKernel::product(
            Matern52::isotropic(0.8).scaled(0.7),
            Matern52::isotropic(0.8),
        )
    };
    let pixels = GridGp::new(grid, product(), noise()).unwrap();
    let field = CountField::new(grid, product()).unwrap();
    let label = Likelihood::Bernoulli(Link::Logit);
    let varying = HeteroscedasticGp::new(kernel(), Rbf::isotropic(0.6).scaled(0.5), 0.02);
    let outputs = MultiOutputGp::new(Matern52::isotropic(0.8), 2, 1, [0.02, 0.04]);
    let tags: Vec<usize> = (0..16).map(|i| i % 2).collect();
    let shots = DoseNoise::Known {
        shot: 0.1,
        readout: 0.01,
    };
    let doses: Vec<Dose> = (0..16).map(|i| Dose([4.0, 50.0][i % 2])).collect();
    let network = Network::builder(Shape::vector(2))
        .dense(4)
        .activation(Activation::Tanh)
        .dense(2)
        .build(Seed(3))
        .unwrap();
    let quick = DeepKernelOptions {
        max_steps: 10,
        starts: 1,
        validation: DeepKernelValidation::HeldOut(0.25),
        ..Default::default()
    };
    let fantasy = keep(exact.fantasize(&array![[0.3, 1.1]], None).unwrap());
    vec![
        ("ExactGp", exact),
        ("Given", keep(fantasy.believer())),
        ("ScaledGp", keep(scaled.condition(&x, &y).unwrap())),
        ("SparseGp", keep(sparse.condition(&x, &y).unwrap())),
        ("StochasticGp", keep(stochastic)),
        ("StochasticGp of labels", keep(classifier)),
        ("VecchiaGp", keep(vecchia.condition(&x, &y).unwrap())),
        ("GridGp", keep(pixels.condition(&image).unwrap())),
        (
            "CountField",
            keep(field.condition(&photons, &(&image * 0.0 + 6.0)).unwrap()),
        ),
        (
            "LaplaceGp of counts",
            keep(
                LaplaceGp::new(kernel(), poisson)
                    .condition(&x, &counts)
                    .unwrap(),
            ),
        ),
        (
            "LaplaceGp of labels",
            keep(
                LaplaceGp::new(kernel(), label)
                    .condition(&x, &labels)
                    .unwrap(),
            ),
        ),
        (
            "HeteroscedasticGp",
            keep(varying.condition(&x, &y).unwrap()),
        ),
        (
            "MultiOutputGp",
            keep(
                keep(outputs.condition(&x, &tags, &y).unwrap())
                    .output(1)
                    .unwrap(),
            ),
        ),
        (
            "DoseGp",
            keep(
                DoseGp::new(kernel(), Bias::None, shots)
                    .condition(&x, &doses, &y)
                    .unwrap(),
            ),
        ),
        (
            "DeepKernelGp",
            keep(DeepKernelGp::fit(network, &x, &y, &quick).unwrap()),
        ),
    ]
}

fn targets() -> Array2<f64> {
    array![[0.2, 0.3], [0.9, 0.4], [1.7, 0.8], [0.5, 1.6], [1.4, 1.3]]
}

fn places() -> Array2<f64> {
    array![[0.25, 0.7], [1.1, 1.2], [1.62, 0.35], [0.66, 1.85]]
}

/// Measurements of some doses, with the noise of the given doses.
fn offers(doses: &[f64], noise_of: &[f64; 2]) -> Offers {
    let noise = |_, dose: f64| {
        let position = doses.iter().position(|held| *held == dose).unwrap();
        0.2 / noise_of[position]
    };
    Offers::product(places().view(), doses, noise).unwrap()
}

/// Every acquisition, over the best mean at the targets.
fn acquisitions(surrogate: &dyn Surrogate) -> Vec<(&'static str, Box<dyn Acquisition>)> {
    let means = surrogate.marginals(targets().view()).unwrap().mean;
    let over = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let improvement = ExpectedImprovement::over(over).unwrap();
    let log = LogExpectedImprovement::over(over).unwrap();
    let chance = ProbabilityOfImprovement::over(over).unwrap();
    let bound = UpperConfidenceBound::new(1.5).unwrap().over(over).unwrap();
    let index = GittinsIndex::over(over, 0.01).unwrap();
    vec![
        ("EI", Box::new(improvement)),
        ("EI after", Box::new(improvement.after_measurement())),
        ("LogEI", Box::new(log)),
        ("LogEI after", Box::new(log.after_measurement())),
        ("PI", Box::new(chance)),
        (
            "LogPI",
            Box::new(LogProbabilityOfImprovement::over(over).unwrap()),
        ),
        ("UCB", Box::new(bound)),
        ("variance", Box::new(PosteriorVariance)),
        ("variance reduction", Box::new(VarianceReduction)),
        ("information", Box::new(MutualInformation)),
        (
            "label information",
            Box::new(LabelInformation::through(Link::Probit)),
        ),
        (
            "count information",
            Box::new(CountInformation::new(0.7).unwrap()),
        ),
        ("straddle", Box::new(Straddle::at(over).unwrap())),
        ("entropy", Box::new(LevelSetEntropy::at(over).unwrap())),
        ("contour", Box::new(ContourImprovement::at(over).unwrap())),
        ("Gittins", Box::new(index)),
        ("Gittins after", Box::new(index.after_measurement())),
        ("UCB after", Box::new(bound.after_measurement())),
        (
            "straddle after",
            Box::new(Straddle::at(over).unwrap().after_measurement()),
        ),
        (
            "max value",
            Box::new(MaxValueEntropy::new(vec![over, over + 0.4, over + 1.0]).unwrap()),
        ),
    ]
}

/// Every acquisition at each place, and every criterion over the field.
fn criteria(surrogate: &dyn Surrogate) -> Vec<(&'static str, Box<dyn FieldCriterion>)> {
    let mut all: Vec<(&str, Box<dyn FieldCriterion>)> = acquisitions(surrogate)
        .into_iter()
        .map(|(name, acquisition)| -> (&str, Box<dyn FieldCriterion>) {
            (name, Box::new(acquisition.at_each_place()))
        })
        .collect();
    let algorithm = AlgorithmInformation::new(TopValues(2), 8, Seed(1)).unwrap();
    let noisy = NoisyExpectedImprovement::new(8, Seed(2)).unwrap();
    let gradient = MeanGradient::default();
    all.extend([
        (
            "integrated variance",
            Box::new(IntegratedVarianceReduction) as Box<dyn FieldCriterion>,
        ),
        ("knowledge gradient", Box::new(KnowledgeGradient)),
        ("level set", Box::new(LevelSetLookahead::at(0.2).unwrap())),
        ("noisy EI", Box::new(noisy)),
        ("algorithm", Box::new(algorithm)),
        ("gradient of the mean", Box::new(gradient)),
        ("gradient after", Box::new(gradient.after_measurement())),
    ]);
    all
}

fn close(found: f64, wanted: f64, what: &str) {
    let error = (found - wanted).abs();
    assert!(
        error <= 1e-12 * (1e-3 + wanted.abs()),
        "{what}: {found} but {wanted} is wanted"
    );
}

/// A survival of all, and one with a past.
fn damage(doses: [f64; 4]) -> Damage {
    Damage::new(Survival::new(20.0, 2.0).unwrap(), doses.to_vec()).unwrap()
}

#[test]
fn every_criterion_over_every_posterior_in_every_wrapper() {
    let targets = targets();
    let once = keep(offers(&DOSES, &DOSES));
    let twice = keep(offers(&DOSES.map(|dose| 2.0 * dose), &DOSES));
    let single = keep(offers(&DOSES[..1], &DOSES));
    let penalty = LocalPenalty::new(1.0).unwrap();
    for (posterior, surrogate) in surrogates() {
        let field = |offers: &'static Offers| Field {
            surrogate,
            targets: targets.view(),
            offers,
        };
        let now = field(once);
        for (name, rule) in &criteria(surrogate) {
            let what = format!("{name} over {posterior}");
            let scale = rule.scale();
            let plain = scores(rule, &now).unwrap();
            assert_eq!(plain.len(), 8, "{what}");
            assert!(plain.iter().all(|s| s.is_finite()), "{what}: {plain:?}");
            if scale == Scale::Gain {
                assert!(plain.iter().all(|s| *s >= 0.0), "{what}: {plain:?}");
            }
            // no chance is left in it
            assert_eq!(scores(rule, &now).unwrap(), plain, "{what}");

            let of = |wrapped: &dyn FieldCriterion| scores(wrapped, &now).unwrap();
            let per_dose = of(&rule.per_dose());
            let cold = of(&rule.cooled(0.0).unwrap());
            let warm = of(&rule.cooled(0.5).unwrap());
            let hot = of(&rule.cooled(1.0).unwrap());
            let free = of(&rule.priced(0.0).unwrap());
            let priced = of(&rule.priced(0.03).unwrap());
            let unharmed = of(&rule
                .damaged(Damage::new(Survival::new(1e200, 1.0).unwrap(), vec![0.0; 4]).unwrap()));
            let harmed = of(&rule.damaged(damage([0.0, 10.0, 30.0, 0.0])));
            let allowed = || Constraints::new(&[surrogate], &[Limit::AtMost(0.3)]).unwrap();
            let weighed = of(&rule.constrained(allowed()));
            let chances = allowed().log_probability(places().view()).unwrap();
            let lived = |dose: f64| (-(dose / 20.0).powi(2)).exp();
            for (i, &score) in plain.iter().enumerate() {
                let (place, dose) = once.locate(i).unwrap();
                let excess = scale.excess(score);
                let quotient = |cost: f64| match scale {
                    Scale::LogGain => score - cost.ln(),
                    _ if excess >= 0.0 => excess / cost,
                    _ => excess * cost,
                };
                close(per_dose[i], quotient(dose), &what);
                close(hot[i], per_dose[i], &what);
                close(weighed[i], quotient((-chances[place]).exp()), &what);
                close(warm[i], quotient(dose.sqrt()), &what);
                close(cold[i], quotient(1.0), &what);
                let worth = match scale {
                    Scale::LogGain => score.exp(),
                    _ => score,
                };
                close(free[i], worth, &what);
                close(priced[i], worth - 0.03 * dose, &what);
                close(unharmed[i], excess, &what);
                let left = lived([0.0, 10.0, 30.0, 0.0][place] + 0.5 * dose);
                let left = if excess > 0.0 { left } else { 1.0 };
                close(harmed[i], excess * left, &what);
            }

            // twice the dose for the same measurement: half the worth per dose, of those that do not know the dose
            if !["Gittins", "Gittins after", "count information"].contains(name) {
                let dearer = scores(&rule.per_dose(), &field(twice)).unwrap();
                for (dear, cheap) in dearer.iter().zip(&per_dose) {
                    let wanted = match scale {
                        Scale::LogGain => cheap - std::f64::consts::LN_2,
                        _ if *cheap >= 0.0 => 0.5 * cheap,
                        _ => 2.0 * cheap,
                    };
                    close(*dear, wanted, &what);
                }
            }

            // a batch begins with what is chosen alone, and goes on elsewhere
            let several = FieldBatch::new(now, 3).unwrap();
            let alone = best(&rule.per_dose(), &now).unwrap();
            let batch = several.sequential(|_| Ok(rule.per_dose()), 0.0, Outcomes::Expected);
            let batch = batch.unwrap();
            assert_eq!((batch.len(), batch[0]), (3, alone), "{what}");
            let at = |k: usize| once.locate(batch[k].index).unwrap().0;
            assert!(at(0) != at(1) && at(1) != at(2) && at(2) != at(0), "{what}");
            let pushed = several.penalised(&rule.per_dose(), &penalty).unwrap();
            assert_eq!((pushed.len(), pushed[0].index), (3, alone.index), "{what}");

            // what is chosen is the first of the highest, and of one dose the same per dose as plain
            let choice = best(rule, &now).unwrap();
            let highest = plain.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let first = plain.iter().position(|score| *score == highest);
            assert_eq!(Some(choice.index), first, "{what}");
            let ranked = top(rule, &now, 99).unwrap();
            assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
            assert_eq!((ranked.len(), ranked[0]), (8, choice), "{what}");
            let alike = field(single);
            let chosen = best(rule, &alike).unwrap().index;
            assert_eq!(best(&rule.per_dose(), &alike).unwrap().index, chosen);
            assert_eq!(
                best(&rule.cooled(0.3).unwrap(), &alike).unwrap().index,
                chosen
            );

            // wrappers around wrappers
            let harmful = damage([0.0; 4])
                .with_neighbours(vec![vec![(1, 0.5)], vec![], vec![(0, 1.0)], vec![]])
                .unwrap();
            let nested = rule.damaged(harmful).per_dose().priced(0.01).unwrap();
            let nested = scores(&nested.cooled(0.4).unwrap(), &now).unwrap();
            assert!(nested.iter().all(|score| score.is_finite()), "{what}");
        }
    }
}

/// An acquisition over a field and over candidates is the same.
#[test]
fn candidates_and_fields_agree() {
    let (targets, offers) = (targets(), offers(&DOSES, &DOSES));
    for (posterior, surrogate) in surrogates() {
        let belief = surrogate.marginals(places().view()).unwrap();
        let candidates = offers.believed(&belief).unwrap();
        let field = Field {
            surrogate,
            targets: targets.view(),
            offers: &offers,
        };
        for (name, acquisition) in acquisitions(surrogate) {
            let one = scores(&*acquisition, &candidates).unwrap();
            let other = scores(&(&*acquisition).at_each_place(), &field).unwrap();
            assert_eq!(one, other, "{name} over {posterior}");
            assert_eq!(
                best(&(&*acquisition).per_dose(), &candidates).unwrap(),
                best(&(&*acquisition).per_dose().at_each_place(), &field).unwrap()
            );
        }
    }
}

/// Slopes along both coordinates against central differences of the score, extrapolated to no step.
#[test]
fn every_gradient_equals_differences() {
    let point = [0.83, 1.07];
    let (dose, noise) = (3.0, 0.07);
    for (posterior, surrogate) in surrogates() {
        for (name, plain) in acquisitions(surrogate) {
            let wrapped: [Box<dyn Acquisition + '_>; 4] = [
                Box::new(&*plain),
                Box::new((&*plain).per_dose()),
                Box::new((&*plain).cooled(0.3).unwrap()),
                Box::new((&*plain).priced(0.02).unwrap()),
            ];
            for acquisition in wrapped {
                let found = gradient(&*acquisition, surrogate, &point, dose, noise).unwrap();
                let at = |coordinate: usize, step: f64| {
                    let mut moved = point;
                    moved[coordinate] += step;
                    let row = ArrayView2::from_shape((1, 2), &moved).unwrap();
                    let belief = surrogate.marginals(row).unwrap();
                    let candidate =
                        Candidate::new(belief.mean[0], belief.variance[0], noise, dose).unwrap();
                    acquisition.score(&candidate)
                };
                for (c, slope) in found.by_coordinate.iter().enumerate() {
                    let central = |h: f64| (at(c, h) - at(c, -h)) / (2.0 * h);
                    let wanted = (4.0 * central(5e-4) - central(1e-3)) / 3.0;
                    let size = found.score.abs().min(1.0) + wanted.abs();
                    assert!(
                        (slope - wanted).abs() < 2e-6 * size + 1e-12,
                        "{name} over {posterior}, coordinate {c}: {slope} but {wanted}"
                    );
                }
            }
        }
    }
}

/// A cost of its own is what wrappers on either side of [`Acquisition::at_each_place`] count in; the dose stays the dose.
#[test]
fn costs_are_counted_inside_and_outside_alike() {
    let (targets, offers) = (targets(), offers(&DOSES, &DOSES));
    let cost = |place, dose: f64| 3.0 + 10.0 * place as f64 + dose;
    let dear = offers.clone().with_costs(cost).unwrap();
    let (_, surrogate) = surrogates().remove(0);
    let over = |offers, rule: &dyn FieldCriterion| {
        let targets = targets.view();
        let field = Field {
            surrogate,
            targets,
            offers,
        };
        scores(rule, &field).unwrap()
    };
    let counts = CountInformation::new(0.7).unwrap();
    let plain = over(&offers, &counts.at_each_place());
    assert_eq!(over(&dear, &counts.at_each_place()), plain); // seconds are no electrons
    for (name, rule) in acquisitions(surrogate) {
        let rule = &*rule;
        let same = |inside: &dyn FieldCriterion, outside: &dyn FieldCriterion| {
            let (inside, outside) = (over(&dear, inside), over(&dear, outside));
            for (inside, outside) in inside.into_iter().zip(outside) {
                close(inside, outside, name);
            }
        };
        same(
            &rule.per_dose().at_each_place(),
            &rule.at_each_place().per_dose(),
        );
        same(
            &rule.cooled(0.4).unwrap().at_each_place(),
            &rule.at_each_place().cooled(0.4).unwrap(),
        );
        same(
            &rule.priced(0.02).unwrap().at_each_place(),
            &rule.at_each_place().priced(0.02).unwrap(),
        );
    }
    // the index opens its box at the cost, whatever the dose
    let belief = surrogate.marginals(places().view()).unwrap();
    let index = GittinsIndex::over(0.0, 0.01).unwrap();
    let found = over(&dear, &index.at_each_place());
    for (offer, found) in dear.iter().zip(found) {
        let (mean, variance) = (belief.mean[offer.place], belief.variance[offer.place]);
        let at_cost = Candidate::new(mean, variance, 0.1, offer.cost).unwrap();
        assert_eq!(found, index.score(&at_cost));
    }
}

#[test]
fn a_charged_candidate_keeps_its_dose() {
    let candidate = Candidate::new(0.3, 0.5, 0.1, 2.0).unwrap();
    let cost = CostBelief::new(3.0, 0.2).unwrap();
    let charged = cost.charge(candidate, 1.0).unwrap();
    assert_eq!(
        (charged.dose(), charged.cost()),
        (2.0, cost.power_mean(1.0))
    );
    let counts = CountInformation::new(0.7).unwrap();
    assert_eq!(counts.score(&charged), counts.score(&candidate));
    assert_eq!(
        counts.per_dose().score(&charged),
        counts.score(&candidate) / cost.power_mean(1.0)
    );
    assert!(candidate.with_cost(0.0).is_err() && candidate.with_cost(f64::NAN).is_err());
}
