//! What a user of the simulator waits for: loading a world, a fresh specimen, scans, and the analyst.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dosewise::prelude::*;
use std::hint::black_box;
use std::time::Duration;

fn worlds() -> Vec<(u8, World)> {
    (1..=3)
        .map(|level| {
            let world = World::load(format!("worlds/mos2-l{level}.toml"));
            (level, world.expect("a shipped world"))
        })
        .collect()
}

fn square(corner: Point, side: usize, stride: f64, dose: Dose) -> Scan {
    let length = side as f64 * stride;
    Scan::rectangle(corner, length, length, stride, dose).expect("a square in the field")
}

fn load(criterion: &mut Criterion) {
    criterion.bench_function("load a world", |b| {
        b.iter(|| black_box(World::load("worlds/mos2-l2.toml")))
    });
}

fn reset(criterion: &mut Criterion) {
    for (level, world) in worlds() {
        let mut seed = 0;
        criterion.bench_function(&format!("reset, level {level}"), |b| {
            b.iter(|| {
                seed += 1;
                black_box(world.episode(Seed(seed)))
            })
        });
    }
}

fn scan(criterion: &mut Criterion) {
    let corner = Point::new(10.0, 10.0);
    let scans = [
        (
            "64 x 64 scan",
            square(Point::new(0.0, 0.0), 64, 1.0, Dose(50.0)),
        ),
        ("16 x 16 burst", square(corner, 16, 0.5, Dose(50.0))),
    ];
    for (level, world) in worlds() {
        for (name, scan) in &scans {
            criterion.bench_function(&format!("{name}, level {level}"), |b| {
                b.iter_batched(
                    || world.episode(Seed(1)),
                    |mut episode| {
                        let frame = episode.scan(scan);
                        (black_box(frame), episode)
                    },
                    BatchSize::PerIteration,
                )
            });
        }
    }
}

fn observe(criterion: &mut Criterion) {
    for (level, world) in worlds() {
        let frame = world
            .episode(Seed(1))
            .scan(&square(Point::new(0.0, 0.0), 64, 1.0, Dose(50.0)))
            .expect("a scan within the budget");
        let analyst = SiteLikelihood::for_world(&world).expect("an analyst for every world");
        criterion.bench_function(
            &format!("analyst, frame of 4096 visits, level {level}"),
            |b| {
                b.iter_batched(
                    || analyst.clone(),
                    |mut analyst| {
                        analyst.observe(&frame).expect("a frame of this world");
                        analyst
                    },
                    BatchSize::PerIteration,
                )
            },
        );
    }
}

fn run(criterion: &mut Criterion) {
    for (level, world) in worlds() {
        criterion.bench_function(
            &format!("dose index to the end of the budget, level {level}"),
            |b| {
                b.iter(|| {
                    let analyst =
                        SiteLikelihood::for_world(&world).expect("an analyst for every world");
                    let agent = Agent::new(DoseIndex::default(), analyst);
                    black_box(agent.run(world.episode(Seed(1))))
                })
            },
        );
    }
}

criterion_group! {
    name = episode;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = load, reset, scan, observe, run
}
criterion_main!(episode);
