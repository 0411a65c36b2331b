//! From the estimate of a scan to its images.

use super::progress::{Progress, duration};
use dosewise::Result;
use dosewise::stem::{MatrixPlan, RasterImages, RasterScan, ScanFiles, Simulation};
use std::ops::ControlFlow;
use std::time::Duration;

/// A scan with everything it takes.
pub struct Scanning<'a> {
    /// By multislice.
    pub scan: RasterScan<'a>,
    pub simulation: &'a Simulation,
    /// The interpolation along (y, x), if PRISM takes the place of multislice.
    pub prism: Option<[usize; 2]>,
    pub files: ScanFiles,
    /// Bytes that the simulation takes.
    pub memory: f64,
}

impl Scanning<'_> {
    /// Tells what is left to be done and does it, unless nothing but the `estimate` is wanted.
    pub fn run(&self, estimate: bool) -> Result<Option<RasterImages>> {
        let Some(interpolation) = self.prism else {
            self.tell(&self.scan, 0.0, Duration::ZERO)?;
            return match estimate {
                true => Ok(None),
                false => self.images(&self.scan).map(Some),
            };
        };
        let plan = (self.simulation).plan_scattering_matrix(self.scan.probe, interpolation)?;
        self.tell_beams(&plan)?;
        if estimate {
            return Ok(None);
        }
        let progress = Progress::of("beams");
        let matrix = plan.build(|done, all| progress.show(done, all));
        let engine = &matrix;
        self.images(&RasterScan {
            engine,
            ..self.scan
        })
        .map(Some)
    }

    /// What PRISM takes, from a rehearsal that is over when this returns.
    fn tell_beams(&self, plan: &MatrixPlan) -> Result<()> {
        let (rehearsal, building) = plan.rehearsal();
        let [height, width] = rehearsal.window();
        println!(
            "PRISM       {} beams in about {}, probes in windows of {height:.2} × {width:.2} Å",
            plan.beams(),
            duration(building),
        );
        let engine = &rehearsal;
        let scan = RasterScan {
            engine,
            ..self.scan
        };
        self.tell(&scan, plan.bytes(), building)
    }

    /// Tells the needs of what is left, with `more` bytes and after so much time `before` it, and refuses what is beyond the
    /// limits.
    fn tell(&self, scan: &RasterScan, more: f64, before: Duration) -> Result<()> {
        let all = scan.raster.rows() * scan.raster.columns();
        let left = scan.remaining(&self.files)?;
        let time = before + scan.estimate(left)?;
        println!(
            "needs       {:.2} GB of memory, {:.3} GB of disk, about {} on {} threads",
            1e-9 * (self.memory + more),
            1e-9 * scan.bytes()?,
            duration(time),
            rayon::current_num_threads()
        );
        if left < all {
            eprintln!("going on: {} of {all} positions are there", all - left);
        }
        scan.check(&self.files)
    }

    fn images(&self, scan: &RasterScan) -> Result<RasterImages> {
        let progress = Progress::of("blocks");
        scan.run(&self.files, |done, all| {
            progress.show(done, all);
            ControlFlow::Continue(())
        })
    }
}
