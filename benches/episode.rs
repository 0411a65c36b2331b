//! What a user of the simulator waits for: loading a world, a fresh specimen, scans, and the analyst. Beside each scan stands what
//! drawing its random numbers alone would take.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dosewise::prelude::*;
use dosewise::random::{Purpose, Stream};
use rand_distr::{Distribution, Poisson, StandardNormal};
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

const MATERIALS: [&str; 5] = ["mos2", "gold", "pto", "cspbbr3", "mapbi3"];

fn world(name: &str) -> World {
    World::load(format!("worlds/{name}.toml")).expect("a shipped world")
}

/// All worlds by name, loaded once.
static WORLDS: LazyLock<Vec<(String, World)>> = LazyLock::new(|| {
    let names = MATERIALS
        .iter()
        .flat_map(|material| (1..=3).map(move |level| format!("{material}-l{level}")));
    names.map(|name| (name.clone(), world(&name))).collect()
});

/// So many positions along either axis, one part of the budget in all.
fn square(world: &World, side: usize, stride: f64, part: f64) -> Scan {
    let length = side as f64 * stride;
    let dose = part * world.briefing().budget_electrons() / (length * length);
    Scan::rectangle(Point::new(0.0, 0.0), length, length, stride, Dose(dose))
        .expect("a square in the field")
}

/// 64 x 64 positions over the whole field, half of the budget.
fn whole_field(world: &World) -> Scan {
    let length = world.briefing().height.min(world.briefing().width);
    square(world, 64, length / 64.0, 0.5)
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load a world");
    for material in MATERIALS {
        let file = format!("worlds/{material}-l2.toml");
        group.bench_function(material, |b| b.iter(|| black_box(World::load(&file))));
    }
}

fn reset(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reset");
    for (name, world) in WORLDS.iter() {
        let mut seed = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                seed += 1;
                black_box(world.episode(Seed(seed)))
            })
        });
    }
}

fn scan(criterion: &mut Criterion) {
    type Kind = (&'static str, fn(&World) -> Scan);
    let kinds: [Kind; 2] = [
        ("64 x 64 scan", whole_field),
        ("16 x 16 burst", |world| square(world, 16, 0.5, 0.03)),
    ];
    for (kind, scan) in kinds {
        let mut group = criterion.benchmark_group(kind);
        for (name, world) in WORLDS.iter() {
            let scan = scan(world);
            group.bench_function(name, |b| {
                b.iter_batched(
                    || world.episode(Seed(1)),
                    |mut episode| {
                        let frame = episode.scan(&scan);
                        (black_box(frame), episode)
                    },
                    BatchSize::PerIteration,
                )
            });
            group.bench_function(format!("{name}, deviates alone"), |b| {
                let frame = world
                    .episode(Seed(1))
                    .scan(&scan)
                    .expect("a scan within the budget");
                let mut stream = Stream::new(Seed(1), Purpose::Resampling, [0, 0]);
                b.iter(|| deviates_alone(world, &frame, &mut stream));
            });
        }
    }
}

/// The least that any simulator of such a scan has to draw, by the library that is at hand: a Poisson number a visit, and two normal
/// deviates each where positions jitter and where the detector adds noise. What is under the beam is given, nothing is damaged.
fn deviates_alone(world: &World, frame: &Frame, stream: &mut Stream) -> f64 {
    let briefing = world.briefing();
    let jitters = briefing.scan.pixel_jitter > 0.0;
    let is_noisy = briefing.readout_noise > 0.0 || briefing.gain_noise > 0.0;
    let normals = 2 * (usize::from(jitters) + usize::from(is_noisy));
    let visits = frame.signal.iter().map(|signal| {
        let rate = signal.max(0.1);
        let count: f64 = Poisson::new(rate).expect("a positive rate").sample(stream);
        let normals: f64 = (0..normals)
            .map(|_| -> f64 { StandardNormal.sample(stream) })
            .sum();
        count + normals
    });
    visits.sum()
}

/// What an episode takes, its world apart, after a scan of the whole field.
fn memory(_: &mut Criterion) {
    const EPISODES: u64 = 20;
    // all stay alive, so that none takes the place of another
    let mut alive = Vec::new();
    for (name, world) in WORLDS.iter() {
        let before = resident();
        let episodes: Vec<Episode> = (0..EPISODES)
            .map(|seed| {
                let mut episode = world.episode(Seed(seed));
                let frame = episode.scan(&whole_field(world));
                black_box(frame).expect("a scan within the budget");
                episode
            })
            .collect();
        if let (Some(before), Some(after)) = (before, resident()) {
            let each = after.saturating_sub(before) as f64 / EPISODES as f64;
            println!("memory of an episode, {name}: {:.1} MB", 1e-6 * each);
        }
        alive.push(episodes);
    }
}

/// Bytes of memory that the process holds, where the system tells.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kibibytes)
}

fn observe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("analyst, frame of 4096 visits");
    for material in MATERIALS {
        let world = world(&format!("{material}-l3"));
        let frame =
            (world.episode(Seed(1)).scan(&whole_field(&world))).expect("a scan within the budget");
        let analyst = StandardAnalyst::for_world(&world).expect("an analyst for every world");
        group.bench_function(material, |b| {
            b.iter_batched(
                || analyst.clone(),
                |mut analyst| {
                    analyst.observe(&frame).expect("a frame of this world");
                    analyst
                },
                BatchSize::PerIteration,
            )
        });
    }
}

fn run(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dose index to the end of the budget");
    for level in 1..=3 {
        let world = world(&format!("mos2-l{level}"));
        group.bench_function(format!("level {level}"), |b| {
            b.iter(|| {
                let analyst =
                    SiteLikelihood::for_world(&world).expect("an analyst for every world");
                let agent = Agent::new(DoseIndex::default(), analyst);
                black_box(agent.run(world.episode(Seed(1))))
            })
        });
    }
}

criterion_group! {
    name = episode;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = load, reset, scan, memory, observe, run
}
criterion_main!(episode);
