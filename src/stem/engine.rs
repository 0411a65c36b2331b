//! What sends probes through a specimen and records what is left of them.

use crate::Result;
use crate::stem::output::Axis;
use crate::stem::{Focus, PixelatedDetector, Probe, Recorder, Recording};
use crate::units::Point;
use serde_json::{Map, Value};

/// A specimen that probes can be sent through: a [`Simulation`](crate::stem::Simulation) by multislice, or a
/// [`ScatteringMatrix`](crate::stem::ScatteringMatrix) by PRISM. A [`RasterScan`](crate::stem::RasterScan) takes either, or
/// one of your own.
pub trait Engine: Sync {
    /// The thicknesses after which the wave is looked at, Å, in rising order.
    fn thicknesses(&self) -> &[f64];

    /// The angles (mrad) of the rows and columns of the patterns of a camera.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a camera that the engine cannot serve.
    fn pattern_axes(&self, camera: PixelatedDetector) -> Result<[Axis; 2]>;

    /// What `recorder` records of the probe at each position, (y, x) in Å, with the electrons spread over `foci`; the same to
    /// the last bit whatever the number of threads.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a probe, a recorder or positions that the engine cannot serve.
    fn record(
        &self,
        probe: &Probe,
        foci: &[Focus],
        positions: &[Point],
        recorder: &Recorder,
    ) -> Result<Recording>;

    /// What of the engine decides the values, for the files of a scan: one with other settings is not continued.
    fn settings(&self) -> Map<String, Value>;

    /// How many rows of a raster of so many columns are recorded in one call to advantage.
    fn rows_together(&self, _columns: usize) -> usize {
        1
    }
}
