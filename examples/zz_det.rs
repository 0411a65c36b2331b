use dosewise::prelude::*;
use dosewise::stem::*;
use dosewise::world::material::Material;
fn main() -> Result<()> {
    let a: Vec<String> = std::env::args().collect();
    let mat = Material::load(&a[1])?;
    let alpha: f64 = a[2].parse().unwrap();
    let phonons: usize = a[3].parse().unwrap();
    let dets = [
        (alpha + 3., 95.),
        (25., 95.),
        (35., 95.),
        (45., 95.),
        (60., 120.),
        (70., 140.),
        (80., 160.),
    ];
    let annuli: Vec<_> = dets
        .iter()
        .map(|d| AnnularDetector::new(d.0, d.1).unwrap())
        .collect();
    let beam = mat.recipe().probe().beam();
    let probe = Probe::new(beam, alpha, Aberrations::default())?;
    let n = 12;
    let mut all = vec![];
    for st in mat.recipe().states() {
        let s = st.repeated([3, 3, 1])?;
        let e = s.extent();
        let exits: Vec<f64> = (1..=4).map(|k| e.z * k as f64 / 4.0).collect();
        let mut m = Multislice::new(&s, beam, Sampling::Pixel(0.041))?
            .slice_thickness(1.6)
            .exit_thicknesses(&exits);
        if phonons > 0 {
            m = m.motion(AtomicMotion::FrozenPhonons {
                configurations: phonons,
                seed: Seed(1),
            });
        }
        let sim = m.build()?;
        let p = st.extent();
        let places: Vec<_> = (0..n * n)
            .map(|i| {
                Point::new(
                    p.y * (1.0 + (i / n) as f64 / n as f64),
                    p.x * (1.0 + (i % n) as f64 / n as f64),
                )
            })
            .collect();
        all.push(sim.scan(&probe, &places, &annuli)?);
    }
    let p = mat.recipe().cell().extent();
    let area = p.x * p.y / (n * n) as f64;
    for (d, det) in dets.iter().enumerate() {
        for t in 0..4 {
            let get = |s: usize, i: usize| all[s][[d, t, i]].max(1e-9);
            let kl = |a: f64, b: f64| a * (a / b).ln() - a + b;
            let mean: f64 = (0..n * n).map(|i| get(0, i)).sum::<f64>() / (n * n) as f64;
            let shift: f64 = (0..n * n)
                .map(|i| {
                    kl(
                        get(0, ((i / n + n / 2) % n) * n + (i % n + n / 2) % n),
                        get(0, i),
                    )
                })
                .sum::<f64>()
                * area;
            let st: Vec<String> = (1..all.len())
                .map(|s| {
                    format!(
                        "{:.4}",
                        (0..n * n).map(|i| kl(get(s, i), get(0, i))).sum::<f64>() * area
                    )
                })
                .collect();
            println!(
                "{det:?} z {}/4 mean {:.2}% corner {:.2} centre {:.2} edge {:.2} | shift {:.4} states {}",
                t + 1,
                100. * mean,
                100. * get(0, 0),
                100. * get(0, (n / 2) * n + n / 2),
                100. * get(0, n / 2),
                shift,
                st.join(" ")
            );
        }
    }
    Ok(())
}
