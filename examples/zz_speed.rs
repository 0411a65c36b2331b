use dosewise::prelude::*;
use std::time::Instant;
fn main() -> Result<()> {
    for name in std::env::args().skip(1) {
        let t = Instant::now();
        let world = World::load(format!("worlds/{name}.toml"))?;
        let load = t.elapsed();
        let b = world.briefing();
        let side = (b.height.min(b.width) / 64.0).min(1.0);
        let dose = Dose(b.budget.0 * 0.1);
        let scan = Scan::rectangle(Point::new(0.0, 0.0), 64.0 * side, 64.0 * side, side, dose)?;
        let burst = Scan::rectangle(Point::new(10.0, 10.0), 8.0, 8.0, 0.5, dose)?;
        let (mut reset, mut best, mut bb) = (f64::MAX, f64::MAX, f64::MAX);
        for seed in 0..20 {
            let t = Instant::now();
            let mut e = world.episode(Seed(seed));
            reset = reset.min(t.elapsed().as_secs_f64());
            let t = Instant::now();
            let f = e.scan(&scan)?;
            best = best.min(t.elapsed().as_secs_f64());
            let t = Instant::now();
            e.scan(&burst)?;
            bb = bb.min(t.elapsed().as_secs_f64());
            std::hint::black_box(f);
        }
        println!(
            "{name}: load {:.0} ms, reset {:.2} ms, 64x64 {:.1} us ({:.0} ns/px), burst {:.1} us",
            load.as_secs_f64() * 1e3,
            reset * 1e3,
            best * 1e6,
            best * 1e9 / 4096.0,
            bb * 1e6
        );
    }
    Ok(())
}
