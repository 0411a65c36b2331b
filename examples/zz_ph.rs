use dosewise::prelude::*;
fn main() -> Result<()> {
    let w = World::load("worlds/cspbbr3-l1.toml")?;
    let b = w.briefing();
    for i in 0..8 {
        let p = Point::new(50.0 + 0.7 * i as f64, 50.0 + 0.3 * i as f64);
        println!(
            "{:?} {:.5} {:.5} cell {:?}",
            p,
            b.phase_image(0, p, [0.0; 2]),
            b.phase_image(1, p, [0.0; 2]),
            b.cell_of(p)
        );
    }
    Ok(())
}
