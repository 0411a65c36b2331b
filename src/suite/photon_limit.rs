//! What the electrons of a budget can tell at most, and the three numbers that say in which regime a world is.

use crate::error::Result;
use crate::random::{Purpose, Stream};
use crate::stem::Arrivals;
use crate::units::{Point, Seed};
use crate::world::task::Scorer;
use crate::world::{
    Briefing, Finding, LabelBelief, NumberBelief, SiteBelief, Task, Truth, VectorBelief, World,
};
use rand::RngExt;

/// Places that are drawn for the photon limit.
const PLACES: usize = 3000;
/// Largest distance of the probe positions in a period, Å.
const STEP: f64 = 0.4;
/// Offset of a look at a column from its middle along each axis, Å; as the navigators look.
const OFFSET: f64 = 0.2;

/// What evidence a world offers, in nats: the log-likelihood ratio that a place which differs is expected to show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regime {
    /// Expected at each place if the budget is spread evenly: b·D(P₁‖P₀).
    pub at_budget: f64,
    /// Needed to believe it against the prior odds: ln((1 − π)/π).
    pub needed: f64,
    /// Most that a place can ever show before damage has changed it: D(P₁‖P₀)·D_c for exponential damage; infinite without.
    pub ceiling: f64,
}

/// What one place may be: expected detected electrons at each probe position, by hypothesis.
struct PlaceModel {
    priors: Vec<f64>,
    rates: Vec<Vec<f64>>,
    /// What the answer holds for each hypothesis.
    classes: Vec<usize>,
    numbers: Vec<f64>,
    vectors: Vec<[f64; 2]>,
}

/// Score of the Bayes answer to places each of which is known apart from its neighbours, the budget spread evenly, without
/// damage, drift, readout noise or what neighbours tell: 3000 of them, drawn with a fixed seed.
///
/// Policies may do better, since they need not spread evenly and neighbours are alike; a world whose limit is near zero has too
/// few electrons all the same.
///
/// # Errors
/// [`crate::Error::Argument`] when the answer is refused, which would be a fault of this crate.
pub fn photon_limit(world: &World) -> Result<f64> {
    let briefing = world.briefing();
    let model = place_model(briefing);
    let mut stream = Stream::new(Seed(0), Purpose::Resampling, [0x9107, 0]);
    let mut truths = Vec::with_capacity(PLACES);
    let mut posteriors = Vec::with_capacity(PLACES);
    for place in 0..PLACES {
        let truth = draw(&model.priors, stream.random());
        let mut log: Vec<f64> = model.priors.iter().map(|p| p.ln()).collect();
        for position in 0..model.rates[0].len() {
            let key = (place * model.rates[0].len() + position) as u64;
            let count = Arrivals::new(Seed(0), key).between(0.0, model.rates[truth][position]);
            for (log, rates) in log.iter_mut().zip(&model.rates) {
                *log += count as f64 * rates[position].ln() - rates[position];
            }
        }
        let highest = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = log.iter().map(|l| (l - highest).exp()).sum();
        posteriors.push(
            log.iter()
                .map(|l| (l - highest).exp() / total)
                .collect::<Vec<_>>(),
        );
        truths.push(truth);
    }
    let apart = |n: usize| Point::new(10.0 * (n / 60) as f64, 10.0 * (n % 60) as f64);
    let positions: Vec<Point> = (0..PLACES).map(apart).collect();
    let mean = |posterior: &[f64], of: &dyn Fn(usize) -> f64| -> f64 {
        posterior.iter().enumerate().map(|(h, p)| p * of(h)).sum()
    };
    let answers = positions.iter().copied().zip(&posteriors);
    let (truth, finding) = match briefing.task {
        Task::PointDefects => (
            Truth::PointDefects {
                positions: positions.clone(),
                defects: truths.iter().map(|&t| (t > 0).then_some(0)).collect(),
            },
            Finding::PointDefects(
                answers
                    .map(|(position, posterior)| SiteBelief {
                        position,
                        log_odds: ((1.0 - posterior[0]).max(1e-300) / posterior[0].max(1e-300))
                            .ln(),
                        class: Some(0),
                    })
                    .collect(),
            ),
        ),
        Task::Counting => (
            Truth::Counting {
                positions: positions.clone(),
                numbers: truths.iter().map(|&t| model.numbers[t]).collect(),
            },
            Finding::Counting(
                answers
                    .map(|(position, posterior)| NumberBelief {
                        position,
                        number: mean(posterior, &|h| model.numbers[h]),
                        variance: 1.0,
                    })
                    .collect(),
            ),
        ),
        Task::Domains => {
            let classes = briefing.domain_classes.len();
            let shares = |posterior: &[f64]| {
                let mut shares = vec![0.0; classes];
                for (p, class) in posterior.iter().zip(&model.classes) {
                    shares[*class] += p;
                }
                shares
            };
            (
                Truth::Domains {
                    positions: positions.clone(),
                    labels: truths.iter().map(|&t| model.classes[t]).collect(),
                    classes,
                },
                Finding::Domains(
                    answers
                        .map(|(position, posterior)| LabelBelief {
                            position,
                            probabilities: shares(posterior),
                        })
                        .collect(),
                ),
            )
        }
        Task::Polarisation => (
            Truth::Polarisation {
                positions: positions.clone(),
                vectors: truths.iter().map(|&t| model.vectors[t]).collect(),
            },
            Finding::Polarisation(
                answers
                    .map(|(position, posterior)| VectorBelief {
                        position,
                        vector: [
                            mean(posterior, &|h| model.vectors[h][0]),
                            mean(posterior, &|h| model.vectors[h][1]),
                        ],
                        variance: 1.0,
                    })
                    .collect(),
            ),
        ),
    };
    Scorer::new(truth)?.quality(&finding)
}

/// The three numbers for the commonest way in which a place differs from what is commonest.
pub fn regime(world: &World) -> Regime {
    let briefing = world.briefing();
    let model = place_model(briefing);
    let mut order: Vec<usize> = (0..model.priors.len()).collect();
    order.sort_by(|&a, &b| model.priors[b].total_cmp(&model.priors[a]));
    let usual = order[0];
    // the likeliest that would be another answer
    let differs = |&h: &usize| match briefing.task {
        Task::PointDefects => true,
        Task::Domains => model.classes[h] != model.classes[usual],
        Task::Polarisation => model.vectors[h] != model.vectors[usual],
        Task::Counting => (model.numbers[h] - model.numbers[usual]).abs() == 1.0,
    };
    let other = order[1..].iter().copied().find(differs).unwrap_or(usual);
    let divergence: f64 = (model.rates[other].iter().zip(&model.rates[usual]))
        .map(|(p, q)| p * (p / q).ln() - p + q)
        .sum();
    let pi = match briefing.task {
        Task::PointDefects => 1.0 - model.priors[usual],
        _ => model.priors[other],
    };
    let critical = critical_dose(briefing);
    let local = briefing.budget.0;
    let exposure = match briefing.sites.is_empty() {
        true => local,
        false => electrons_per_site(briefing) * briefing.illumination(OFFSET, OFFSET),
    };
    Regime {
        at_budget: divergence,
        needed: ((1.0 - pi) / pi).ln().max(0.0),
        ceiling: divergence * critical / exposure,
    }
}

/// Local dose after which 1/e of what a place may be is left, e⁻/Å²; infinite in a world without damage.
pub fn critical_dose(briefing: &Briefing) -> f64 {
    let phases = briefing.phases.iter().filter_map(|p| p.critical_dose());
    let kinds = briefing.kinds.iter().flat_map(|kind| &kind.hypotheses);
    let columns = kinds
        .filter(|h| h.at_risk() > 0 && h.cross_section > 0.0)
        .map(|h| 1.0 / (h.cross_section * h.at_risk() as f64));
    phases.chain(columns).fold(f64::INFINITY, f64::min)
}

fn electrons_per_site(briefing: &Briefing) -> f64 {
    briefing.budget_electrons() / briefing.sites.len().max(1) as f64
}

fn draw(priors: &[f64], uniform: f64) -> usize {
    let mut sum = 0.0;
    let found = priors.iter().position(|p| {
        sum += p;
        uniform < sum
    });
    found.unwrap_or(priors.len() - 1)
}

fn place_model(briefing: &Briefing) -> PlaceModel {
    match briefing.sites.is_empty() {
        true => cell_model(briefing),
        false => site_model(briefing),
    }
}

/// A column of the kind in which defects are commonest, looked at from one place with its share of the budget.
fn site_model(briefing: &Briefing) -> PlaceModel {
    let common = (0..briefing.kinds.len()).max_by(|&a, &b| {
        let of = |kind: usize| {
            let hosts = briefing.sites.iter().filter(|s| s.kind == kind).count();
            (briefing.prevalence(kind) * hosts as f64, hosts)
        };
        of(a).0.total_cmp(&of(b).0).then(of(a).1.cmp(&of(b).1))
    });
    let number = common.unwrap_or(0);
    let kind = &briefing.kinds[number];
    let site = briefing.sites.iter().find(|s| s.kind == number);
    let place = site.map_or(Point::default(), |s| s.position) + Point::new(OFFSET, OFFSET);
    let background = briefing.perfect_image(place);
    let electrons = electrons_per_site(briefing);
    let rate = |look: usize| {
        let seen = background + briefing.response(number, look, OFFSET, OFFSET);
        vec![(electrons * seen.max(1e-9)).max(1e-12)]
    };
    let hypotheses = &kind.hypotheses;
    PlaceModel {
        priors: hypotheses.iter().map(|h| h.prior).collect(),
        rates: hypotheses.iter().map(|h| rate(h.chain[0])).collect(),
        classes: vec![0; hypotheses.len()],
        numbers: hypotheses.iter().map(|h| h.number).collect(),
        vectors: vec![[0.0; 2]; hypotheses.len()],
    }
}

/// A period of the crystal in the middle of the field, scanned evenly.
fn cell_model(briefing: &Briefing) -> PlaceModel {
    let middle = Point::new(0.5 * briefing.height, 0.5 * briefing.width);
    let near = |a: &usize, b: &usize| {
        let distance = |cell: usize| briefing.cells[cell].position.distance(middle);
        distance(*a).total_cmp(&distance(*b))
    };
    let cell = (0..briefing.cells.len()).min_by(near).unwrap_or(0);
    let centre = briefing.cells[cell].position;
    let [height, width] = briefing.period();
    let count = |edge: f64| (edge / STEP).ceil();
    let (rows, columns) = (count(height), count(width));
    let positions: Vec<Point> = (0..(rows * columns) as usize)
        .map(|n| (n as f64 / columns).floor() - 0.5 * rows)
        .zip((0..).map(|n| f64::from(n % columns as u32) - 0.5 * columns))
        .map(|(row, column)| centre + Point::new(row * height / rows, column * width / columns))
        .collect();
    let electrons = briefing.budget.0 * height * width / (rows * columns);
    let rates = (0..briefing.phases.len()).map(|phase| {
        let seen = positions
            .iter()
            .map(|p| briefing.phase_image(phase, *p, [0.0; 2]));
        seen.map(|seen| (electrons * seen.max(1e-9)).max(1e-12))
            .collect()
    });
    PlaceModel {
        priors: briefing.phases.iter().map(|p| p.prior).collect(),
        rates: rates.collect(),
        classes: briefing.phases.iter().map(|p| p.class).collect(),
        numbers: vec![0.0; briefing.phases.len()],
        vectors: briefing.phases.iter().map(|p| p.vector).collect(),
    }
}
