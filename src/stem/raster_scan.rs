//! A scan over a raster that is written as it goes, so that what is finished survives a kill.

use crate::stem::output::{Axis, ZarrBlocks};
use crate::stem::{Focus, Probe, Raster, Recorder, Simulation};
use crate::{Error, Result};
use ndarray::{Array4, Array5, Axis as ArrayAxis, Slice};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Most bytes of diffraction patterns in one block of the file.
const BLOCK_BYTES: usize = 1 << 26;

/// What is scanned, and how.
#[derive(Clone, Copy)]
pub struct RasterScan<'a> {
    /// The specimen.
    pub simulation: &'a Simulation,
    /// The probe.
    pub probe: &'a Probe,
    /// The foci of its electrons, see [`Simulation::record`].
    pub foci: &'a [Focus],
    /// Where it is put.
    pub raster: Raster,
    /// What is recorded.
    pub recorder: &'a Recorder,
}

/// Where a scan is written.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanFiles {
    /// Zarr folder of the signals: `[y, moment, detector, thickness, x]`, moment 0 being the mean over the configurations of the
    /// atoms and 1 its standard error (NaN for one configuration).
    pub signals: PathBuf,
    /// Zarr folder of the diffraction patterns, `[y, x, theta_y, theta_x]`, 32-bit floats.
    pub patterns: Option<PathBuf>,
    /// What else decides the values: the specimen, the seed. Both folders hold it, and are refused to a scan that has it
    /// otherwise.
    pub attributes: Map<String, Value>,
    /// Most bytes to be written.
    pub disk_limit: u64,
}

/// The images of a finished scan.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterImages {
    /// Mean over the configurations of the atoms, `[detector, thickness, row, column]`.
    pub mean: Array4<f64>,
    /// Standard error of the mean; NaN for one configuration.
    pub standard_error: Array4<f64>,
}

impl RasterScan<'_> {
    /// Records what `files` does not hold yet, block by block, and returns the images. A block is a row, or a part of one if
    /// its patterns are many. It is whole on the disk or absent, so whatever ends the scan, calling this again goes on where
    /// it stopped; the result is the same to the last bit.
    ///
    /// `progress(done, all)` is called before each block and at the end; it may stop the scan.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `progress` stopped it; [`Error::Argument`] as [`Simulation::record`], for no detector, for
    /// patterns without a file or the reverse, and for files beyond the limit, told before anything is written;
    /// [`Error::Config`] for files of another scan, naming what differs; [`Error::Io`].
    pub fn run(
        &self,
        files: &ScanFiles,
        mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<RasterImages> {
        let stored = self.open(files)?;
        let missing = stored.missing()?;
        let total = stored.signals.counts().iter().product();
        let finished = total - missing.len();
        for (done, [row, block]) in (finished..).zip(missing) {
            if progress(done, total).is_break() {
                return Err(Error::Interrupted { done, total });
            }
            let places = stored.signals.block_range(&[row, 0, 0, 0, block])?;
            let positions = &self.raster.row(row)[places[4].clone()];
            let found =
                (self.simulation).record(self.probe, self.foci, positions, self.recorder)?;
            if let (Some(file), Some(patterns)) = (&stored.patterns, &found.patterns) {
                let patterns = patterns.view().insert_axis(ArrayAxis(0));
                file.write_block(&[row, block, 0, 0], &patterns)?;
            }
            let mean = found.mean();
            let error = (found.standard_error()).unwrap_or_else(|| mean.mapv(|_| f64::NAN));
            let (detectors, thicknesses, width) = mean.dim();
            let mut signals = Array5::zeros((1, 2, detectors, thicknesses, width));
            for (moment, values) in [mean, error].iter().enumerate() {
                let mut row = signals.index_axis_mut(ArrayAxis(0), 0);
                row.index_axis_mut(ArrayAxis(0), moment).assign(values);
            }
            // last: where the signals are, all of the block is
            (stored.signals).write_block(&[row, 0, 0, 0, block], &signals)?;
        }
        // the end is told, but no reason to stop
        let _ = progress(total, total);
        self.images(&stored)
    }

    /// How long the whole scan will take on the current rayon pool, from the time that a few probes take.
    ///
    /// # Errors
    /// As [`Simulation::record`].
    pub fn estimate(&self) -> Result<Duration> {
        let columns = self.raster.columns();
        let few = (8 * rayon::current_num_threads()).min(columns);
        let row = self.raster.row(self.raster.rows() / 2);
        let begun = Instant::now();
        (self.simulation).record(self.probe, &[Focus::SHARP], &row[..few], self.recorder)?;
        let rounds = columns as f64 / few as f64 * (self.raster.rows() * self.foci.len()) as f64;
        Ok(begun.elapsed().mul_f64(rounds))
    }

    /// Bytes that the files of the scan will have.
    ///
    /// # Errors
    /// [`Error::Argument`] as [`Simulation::pattern_axes`].
    pub fn bytes(&self) -> Result<f64> {
        let positions = self.raster.rows() as f64 * self.raster.columns() as f64;
        let signals = self.recorder.detectors.len() * self.simulation.thicknesses().len();
        let pixels = match self.recorder.patterns {
            Some(camera) => {
                let [y, x] = self.simulation.pattern_axes(camera)?;
                y.places.len() as f64 * x.places.len() as f64
            }
            None => 0.0,
        };
        Ok(positions * (2.0 * 8.0 * signals as f64 + 4.0 * pixels))
    }

    fn open(&self, files: &ScanFiles) -> Result<Stored> {
        if self.recorder.detectors.is_empty() {
            let rule = "at least one detector";
            return Err(Error::argument("detectors", "none", rule));
        }
        if self.recorder.patterns.is_some() != files.patterns.is_some() {
            let found = match files.patterns {
                Some(_) => "a file without a camera",
                None => "a camera without a file",
            };
            return Err(Error::argument("patterns", found, "both or none"));
        }
        let bytes = self.bytes()?;
        if bytes > files.disk_limit as f64 {
            let gigabytes = |bytes: f64| format!("{:.2} GB", 1e-9 * bytes);
            return Err(Error::argument(
                "disk",
                format!("a need of {}", gigabytes(bytes)),
                format!(
                    "disk_limit, {}; raise it, or take fewer positions, a smaller angle or larger bins",
                    gigabytes(files.disk_limit as f64)
                ),
            ));
        }
        let mut attributes = self.settings();
        attributes.extend(files.attributes.clone());
        let raster = &self.raster;
        let y = Axis::regular("y", "Å", raster.rows(), raster.step_y())?;
        let x = Axis::regular("x", "Å", raster.columns(), raster.step_x())?;
        let (mut width, mut patterns) = (raster.columns(), None);
        if let (Some(camera), Some(folder)) = (self.recorder.patterns, &files.patterns) {
            let [theta_y, theta_x] = self.simulation.pattern_axes(camera)?;
            let frame = [theta_y.places.len(), theta_x.places.len()];
            width = (BLOCK_BYTES / (4 * frame[0] * frame[1])).clamp(1, width);
            let mut about = attributes.clone();
            about.insert("long_name".into(), "fraction of the beam".into());
            let axes = [y.clone(), x.clone(), theta_y, theta_x];
            let block = [1, width, frame[0], frame[1]];
            patterns = Some(ZarrBlocks::create(folder, &axes, &block, &about)?);
        }
        let thickness = Axis {
            name: "thickness".into(),
            unit: "Å".into(),
            places: self.simulation.thicknesses().to_vec(),
        };
        let detectors = self.recorder.detectors.len();
        let block = [1, 2, detectors, thickness.places.len(), width];
        let axes = [
            y,
            Axis::regular("moment", "", 2, 1.0)?,
            Axis::regular("detector", "", detectors, 1.0)?,
            thickness,
            x,
        ];
        let signals = ZarrBlocks::create(&files.signals, &axes, &block, &attributes)?;
        Ok(Stored { signals, patterns })
    }

    /// All that decides the values and that this scan knows of.
    fn settings(&self) -> Map<String, Value> {
        let grid = self.simulation.grid();
        let foci: Vec<_> = (self.foci.iter())
            .map(|focus| [focus.offset, focus.weight])
            .collect();
        let corner = self.raster.corner();
        let probe = self.probe;
        let tilt = probe.tilt();
        let detectors: Vec<_> = (self.recorder.detectors.iter())
            .map(|detector| format!("{detector:?}"))
            .collect();
        let entries = [
            ("energy_kev", json!(probe.beam().energy_kev())),
            ("semiangle_mrad", json!(probe.semiangle_mrad())),
            ("aberrations", json!(probe.aberrations().to_string())),
            ("aperture_edge", json!(format!("{:?}", probe.edge()))),
            ("beam_tilt_mrad", json!([tilt.y_mrad(), tilt.x_mrad()])),
            (
                "wave_focal_spread",
                json!(probe.envelope().standard_deviation()),
            ),
            ("foci", json!(foci)),
            ("scan_corner", json!([corner.y, corner.x])),
            ("wave_pixels", json!([grid.rows, grid.columns])),
            ("wave_pixel_size", json!([grid.pixel_y, grid.pixel_x])),
            ("thicknesses", json!(self.simulation.thicknesses())),
            ("configurations", json!(self.simulation.configurations())),
            ("detectors", json!(detectors)),
            (
                "camera",
                json!(self.recorder.patterns.map(|camera| format!("{camera:?}"))),
            ),
        ];
        let entries = entries.map(|(key, value)| (key.to_owned(), value));
        Map::from_iter(entries)
    }

    fn images(&self, stored: &Stored) -> Result<RasterImages> {
        let shape = (
            self.recorder.detectors.len(),
            self.simulation.thicknesses().len(),
            self.raster.rows(),
            self.raster.columns(),
        );
        let mut images = [Array4::zeros(shape), Array4::zeros(shape)];
        let counts = stored.signals.counts();
        for (row, block) in (0..counts[0]).flat_map(|r| (0..counts[4]).map(move |b| (r, b))) {
            let index = [row, 0, 0, 0, block];
            let values = stored.signals.read_block(&index)?;
            let columns = stored.signals.block_range(&index)?[4].clone();
            for (moment, image) in images.iter_mut().enumerate() {
                let mut target = image.index_axis_mut(ArrayAxis(2), row);
                let mut target = target.slice_axis_mut(ArrayAxis(2), Slice::from(columns.clone()));
                let values = values.index_axis(ArrayAxis(0), 0);
                target.assign(&values.index_axis(ArrayAxis(0), moment));
            }
        }
        let [mean, standard_error] = images;
        Ok(RasterImages {
            mean,
            standard_error,
        })
    }
}

/// The files of a scan.
struct Stored {
    signals: ZarrBlocks<f64>,
    patterns: Option<ZarrBlocks<f32>>,
}

impl Stored {
    /// Rows and parts of rows that are not finished.
    fn missing(&self) -> Result<Vec<[usize; 2]>> {
        let mut missing: Vec<_> = (self.signals.missing_blocks()?.into_iter())
            .map(|index| [index[0], index[4]])
            .collect();
        if let Some(patterns) = &self.patterns {
            let without = patterns.missing_blocks()?.into_iter();
            missing.extend(without.map(|index| [index[0], index[1]]));
            missing.sort_unstable();
            missing.dedup();
        }
        Ok(missing)
    }
}
