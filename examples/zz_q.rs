use dosewise::prelude::*;
use dosewise::world::Definition;
fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap();
    let file = format!("worlds/{name}.toml");
    let run = |what: &str, change: &dyn Fn(&mut Definition)| -> Result<()> {
        let mut d = Definition::load(&file)?;
        change(&mut d);
        let w = World::from_definition(&d, &file)?;
        let mut q: Vec<f64> = vec![];
        for s in 0..6 {
            let a = StandardAnalyst::for_world(&w)?;
            let r = Agent::new(Raster::new(0.8)?, a).record(w.episode(Seed(s)))?;
            q.push(r.trace.final_quality());
            if s < 2 {
                println!("{:?}", r.trace.report.map(|r| r.calibration));
            }
        }
        println!("{what}: {:.3} of {q:.2?}", q.iter().sum::<f64>() / 6.0);
        Ok(())
    };
    run("as is", &|_| ())?;
    Ok(())
}
