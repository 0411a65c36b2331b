//! Processes in files: the model, the measurements, their order and the scales of distances.

use super::arrangement::Arrangement;
use super::model::VecchiaGp;
use super::ordering::{VecchiaOrdering, check_permutation};
use super::scales::Scales;
use crate::error::{Error, Result};
use crate::gp::fit::FitReport;
use crate::gp::kernel::Kernel;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::gp::store::{Format, Persist, Stamp};
use serde::{Deserialize, Serialize, Serializer};

impl Format for VecchiaGp {
    const NAME: &'static str = "vecchia-gp 1";
}

/// What follows from the parts of a file, the neighbours and the conditional densities, is worked out again when it is
/// read, by the same steps as when it was conditioned and at the same cost: every bit of the predictions comes back,
/// and the file grows with n alone.
impl Persist for VecchiaGp {
    type Parts = Parts;
}

#[derive(Serialize)]
struct Outgoing<'gp> {
    format: Stamp<VecchiaGp>,
    kernel: &'gp dyn Kernel,
    noise: &'gp Noise,
    mean: &'gp Mean,
    neighbours: usize,
    prediction_neighbours: usize,
    ordering: &'gp VecchiaOrdering,
    x: &'gp Points,
    y: &'gp [f64],
    scales: &'gp Scales,
    order: &'gp [u32],
    report: Option<&'gp FitReport>,
}

/// A process on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<VecchiaGp>,
    kernel: Box<dyn Kernel>,
    noise: Noise,
    mean: Mean,
    neighbours: usize,
    prediction_neighbours: usize,
    ordering: VecchiaOrdering,
    x: Points,
    y: Vec<f64>,
    scales: Scales,
    order: Vec<usize>,
    report: Option<FitReport>,
}

impl Serialize for VecchiaGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Stamp::HERE,
            kernel: self.kernel.as_ref(),
            noise: &self.noise,
            mean: &self.mean,
            neighbours: self.neighbours,
            prediction_neighbours: self.prediction_neighbours,
            ordering: &self.ordering,
            x: &self.points,
            y: &self.targets,
            scales: &self.arrangement.scales,
            order: self.arrangement.neighbours.order(),
            report: self.report.as_ref(),
        }
        .serialize(serializer)
    }
}

impl TryFrom<Parts> for VecchiaGp {
    type Error = Error;

    /// The process, if its parts belong together; n k³ as for conditioning.
    fn try_from(parts: Parts) -> Result<Self> {
        let mut gp = Self {
            mean: parts.mean,
            neighbours: parts.neighbours,
            prediction_neighbours: parts.prediction_neighbours,
            ordering: parts.ordering,
            points: parts.x,
            targets: parts.y,
            report: parts.report,
            ..Self::new(parts.kernel, parts.noise)
        };
        gp.check()?;
        check_permutation("order", &parts.order, gp.len())?;
        if !gp.is_empty() {
            parts.scales.check(gp.points.dimension())?;
            let order = parts.order.iter().map(|&index| index as u32).collect();
            let points = gp.points.view();
            gp.arrangement = Arrangement::in_order(order, parts.scales, points, gp.neighbours)?;
            gp.settle()?;
        }
        Ok(gp)
    }
}
