//! A scan over a raster that is written as it goes, so that what is finished survives a kill.

use crate::stem::output::{Axis, ZarrBlocks};
use crate::stem::{Engine, Focus, Probe, Raster, Recorder};
use crate::{Error, Result};
use ndarray::{Array4, Array5, Axis as ArrayAxis, Slice};
use serde_json::{Map, Value, json};
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Most bytes in one block of the files, if it holds more than one position.
const BLOCK_BYTES: usize = 1 << 26;

/// What is scanned, and how.
#[derive(Clone, Copy)]
pub struct RasterScan<'a> {
    /// The specimen: a [`Simulation`](crate::stem::Simulation) or a [`ScatteringMatrix`](crate::stem::ScatteringMatrix).
    pub engine: &'a dyn Engine,
    /// The probe.
    pub probe: &'a Probe,
    /// The foci of its electrons, see [`Simulation::record`](crate::stem::Simulation::record).
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
    /// Records what `files` does not hold yet, block by block, and returns the images. A block is a row, as
    /// many as the engine likes to have [together](Engine::rows_together), or a part of one if its patterns are many. It is whole on the disk or absent, so whatever ends the scan, calling this again goes on where
    /// it stopped; the result is the same to the last bit.
    ///
    /// `progress(done, all)` is called before each block and at the end; it may stop the scan.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `progress` stopped it; [`Error::Argument`] as [`Engine::record`], for no detector, for
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
        for (done, [y, x]) in (finished..).zip(missing) {
            if progress(done, total).is_break() {
                return Err(Error::Interrupted { done, total });
            }
            let [rows, columns] = stored.places([y, x])?;
            let (height, width) = (rows.len(), columns.len());
            let row = |row| self.raster.row(row)[columns.clone()].to_vec();
            let positions: Vec<_> = rows.flat_map(row).collect();
            let found = (self.engine).record(self.probe, self.foci, &positions, self.recorder)?;
            if let (Some(file), Some(patterns)) = (&stored.patterns, &found.patterns) {
                let (_, theta_y, theta_x) = patterns.dim();
                let patterns = patterns.to_shape((height, width, theta_y, theta_x));
                file.write_block(
                    &[y, x, 0, 0],
                    &patterns.expect("a pattern for each position"),
                )?;
            }
            let mean = found.mean();
            let error = (found.standard_error()).unwrap_or_else(|| mean.mapv(|_| f64::NAN));
            let (detectors, thicknesses, _) = mean.dim();
            let mut signals = Array5::zeros((height, 2, detectors, thicknesses, width));
            for (moment, values) in [mean, error].iter().enumerate() {
                for (row, mut signals) in signals.outer_iter_mut().enumerate() {
                    let values = values
                        .slice_axis(ArrayAxis(2), Slice::from(row * width..(row + 1) * width));
                    signals.index_axis_mut(ArrayAxis(0), moment).assign(&values);
                }
            }
            // last: where the signals are, all of the block is
            (stored.signals).write_block(&[y, 0, 0, 0, x], &signals)?;
        }
        // the end is told, but no reason to stop
        let _ = progress(total, total);
        self.images(&stored)
    }

    /// Positions that `files` does not hold yet; nothing is written where nothing is begun.
    ///
    /// # Errors
    /// As [`RasterScan::run`] for files that hold a part of the scan.
    pub fn remaining(&self, files: &ScanFiles) -> Result<usize> {
        let mut folders = std::iter::once(&files.signals).chain(&files.patterns);
        if !folders.all(|folder| folder.exists()) {
            return Ok(self.raster.rows() * self.raster.columns());
        }
        let stored = self.open(files)?;
        let missing = stored.missing()?.into_iter();
        let positions = missing.map(|block| {
            let [rows, columns] = stored.places(block)?;
            Ok(rows.len() * columns.len())
        });
        positions.sum()
    }

    /// How long so many positions will take on the current rayon pool, from the time that a few in the middle take.
    ///
    /// # Errors
    /// As [`Engine::record`].
    pub fn estimate(&self, positions: usize) -> Result<Duration> {
        let threads = rayon::current_num_threads();
        let [height, width] = self.block([0, 0]);
        let few = (8 * threads / height).max(threads).min(width);
        let first = (self.raster.rows() - height) / 2;
        let row = |row| self.raster.row(row)[..few].to_vec();
        let sample: Vec<_> = (first..first + height).flat_map(row).collect();
        let begun = Instant::now();
        (self.engine).record(self.probe, &[Focus::SHARP], &sample, self.recorder)?;
        let rounds = positions as f64 / sample.len() as f64 * self.foci.len() as f64;
        Ok(begun.elapsed().mul_f64(rounds))
    }

    /// Rows and columns of positions in a block, with patterns of so many pixels.
    fn block(&self, frame: [usize; 2]) -> [usize; 2] {
        let signals = self.recorder.detectors.len() * self.engine.thicknesses().len();
        let bytes = 2 * 8 * signals + 4 * frame[0] * frame[1];
        let most = (BLOCK_BYTES / bytes.max(1)).max(1);
        let rows = self.engine.rows_together(self.raster.columns());
        let rows = rows.min(self.raster.rows());
        let rows = rows.clamp(1, most);
        [rows, (most / rows).min(self.raster.columns())]
    }

    /// Bytes that the files of the scan will have.
    ///
    /// # Errors
    /// [`Error::Argument`] as [`Engine::pattern_axes`].
    pub fn bytes(&self) -> Result<f64> {
        let positions = self.raster.rows() as f64 * self.raster.columns() as f64;
        let signals = self.recorder.detectors.len() * self.engine.thicknesses().len();
        let pixels = match self.recorder.patterns {
            Some(camera) => {
                let [y, x] = self.engine.pattern_axes(camera)?;
                y.places.len() as f64 * x.places.len() as f64
            }
            None => 0.0,
        };
        Ok(positions * (2.0 * 8.0 * signals as f64 + 4.0 * pixels))
    }

    /// Refuses what [`RasterScan::run`] would, but for the contents of the files.
    ///
    /// # Errors
    /// [`Error::Argument`] for no detector, for patterns without a file or the reverse, and for files beyond the limit.
    pub fn check(&self, files: &ScanFiles) -> Result<()> {
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
        Ok(())
    }

    fn open(&self, files: &ScanFiles) -> Result<Stored> {
        self.check(files)?;
        let mut attributes = self.settings();
        attributes.extend(files.attributes.clone());
        let raster = &self.raster;
        let y = Axis::regular("y", "Å", raster.rows(), raster.step_y())?;
        let x = Axis::regular("x", "Å", raster.columns(), raster.step_x())?;
        let (mut block, mut patterns) = (self.block([0, 0]), None);
        if let (Some(camera), Some(folder)) = (self.recorder.patterns, &files.patterns) {
            let [theta_y, theta_x] = self.engine.pattern_axes(camera)?;
            let frame = [theta_y.places.len(), theta_x.places.len()];
            block = self.block(frame);
            let mut about = attributes.clone();
            about.insert("long_name".into(), "fraction of the beam".into());
            let axes = [y.clone(), x.clone(), theta_y, theta_x];
            let block = [block[0], block[1], frame[0], frame[1]];
            patterns = Some(ZarrBlocks::create(folder, &axes, &block, &about)?);
        }
        let thickness = Axis {
            name: "thickness".into(),
            unit: "Å".into(),
            places: self.engine.thicknesses().to_vec(),
        };
        let detectors = self.recorder.detectors.len();
        let block = [block[0], 2, detectors, thickness.places.len(), block[1]];
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
            ("thicknesses", json!(self.engine.thicknesses())),
            ("detectors", json!(detectors)),
            (
                "camera",
                json!(self.recorder.patterns.map(|camera| format!("{camera:?}"))),
            ),
        ];
        let entries = entries.map(|(key, value)| (key.to_owned(), value));
        self.engine.settings().into_iter().chain(entries).collect()
    }

    fn images(&self, stored: &Stored) -> Result<RasterImages> {
        let shape = (
            self.recorder.detectors.len(),
            self.engine.thicknesses().len(),
            self.raster.rows(),
            self.raster.columns(),
        );
        let mut images = [Array4::zeros(shape), Array4::zeros(shape)];
        let counts = stored.signals.counts();
        for (y, x) in (0..counts[0]).flat_map(|y| (0..counts[4]).map(move |x| (y, x))) {
            let values = stored.signals.read_block(&[y, 0, 0, 0, x])?;
            let [rows, columns] = stored.places([y, x])?;
            for (row, values) in rows.zip(values.outer_iter()) {
                for (moment, image) in images.iter_mut().enumerate() {
                    let mut target = image.index_axis_mut(ArrayAxis(2), row);
                    let columns = Slice::from(columns.clone());
                    let mut target = target.slice_axis_mut(ArrayAxis(2), columns);
                    target.assign(&values.index_axis(ArrayAxis(0), moment));
                }
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
    /// Rows and columns of the positions in a block.
    fn places(&self, [y, x]: [usize; 2]) -> Result<[Range<usize>; 2]> {
        let ranges = self.signals.block_range(&[y, 0, 0, 0, x])?;
        Ok([ranges[0].clone(), ranges[4].clone()])
    }

    /// Blocks that are not finished, (y, x).
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
