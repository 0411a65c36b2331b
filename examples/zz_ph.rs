use dosewise::prelude::*;
fn main() -> Result<()> {
    for name in std::env::args().skip(1) {
        let w = World::load(format!("worlds/{name}.toml"))?;
        let b = w.briefing();
        for c in [900usize, 901, 902, 903] {
            let p0 = b.cells[c.min(b.cells.len() - 1)].position;
            let mut kl = 0.0;
            let mut i0 = 0.0;
            let mut i1 = 0.0;
            for r in -4..4 {
                for q in -4..4 {
                    let p = p0 + Point::new(0.367 * r as f64 + 0.18, 0.367 * q as f64 + 0.18);
                    let (x, y) = (b.phase_image(0, p, [0.0; 2]), b.phase_image(1, p, [0.0; 2]));
                    kl += (y * (y / x).ln() - y + x) * 0.367 * 0.367;
                    i0 += x / 64.0;
                    i1 += y / 64.0;
                }
            }
            println!(
                "{name} cell {c}: KL {:.4} per e/A2, mean {:.4} {:.4}; B {}",
                kl, i0, i1, b.budget.0
            );
        }
    }
    Ok(())
}
