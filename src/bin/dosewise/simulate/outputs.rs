//! The files of a simulation.

use super::NamedDetector;
use dosewise::plot::{Figure, Micrograph};
use dosewise::stem::output::{Quantity, ScanImage};
use dosewise::stem::{Beam, Detector, Edges, Exposure, Raster, RasterImages, Readout, Source};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use ndarray::Axis;
use std::path::{Path, PathBuf};

/// The names that were asked for.
pub struct Outputs<'a> {
    files: &'a [PathBuf],
}

/// What an image is of.
pub struct About<'a> {
    pub name: String,
    pub detectors: &'a [NamedDetector],
    pub thicknesses: &'a [f64],
    pub raster: Raster,
    pub beam: Beam,
    pub source: Source,
    pub edges: Edges,
    pub exposure: Option<(Exposure, Readout)>,
    pub seed: Seed,
}

impl<'a> Outputs<'a> {
    pub fn new(files: &'a [PathBuf]) -> Result<Self> {
        for file in files {
            if !(is_figure(file) || ["npy", "tif", "tiff", "zarr"].contains(&&*ending(file))) {
                let rule = "a name that ends in .png, .svg, .npy, .tif or .zarr";
                return Err(Error::argument("--out", file.display(), rule));
            }
        }
        Ok(Self { files })
    }

    /// Folder of the rows that are finished while the others are not.
    pub fn partial(&self) -> PathBuf {
        let mut name = self
            .files
            .first()
            .cloned()
            .unwrap_or_default()
            .into_os_string();
        name.push(".part");
        name.into()
    }

    /// Writes all images; returns the names.
    pub fn write(&self, images: &RasterImages, about: &About) -> Result<Vec<PathBuf>> {
        let mut written = Vec::new();
        for (number, named) in about.detectors.iter().enumerate() {
            for (exit, thickness) in about.thicknesses.iter().enumerate() {
                let frame = number * about.thicknesses.len() + exit;
                let image = images.mean.index_axis(Axis(0), number);
                let image =
                    about.image(image.index_axis(Axis(0), exit).to_owned(), frame, named)?;
                let image = ScanImage {
                    thickness: Some(*thickness),
                    ..image
                };
                for file in self.files {
                    let mut parts = Vec::new();
                    if about.detectors.len() > 1 {
                        parts.push(named.name.clone());
                    }
                    if about.thicknesses.len() > 1 {
                        parts.push(format!("{thickness:.1}A"));
                    }
                    let file = with_parts(file, &parts);
                    if is_figure(&file) {
                        Micrograph::new(image.clone()).save(&file)?;
                    } else {
                        image.save(&file)?;
                    }
                    written.push(file);
                }
            }
        }
        Ok(written)
    }
}

impl About<'_> {
    /// The image as the source, the dose and the detector make it.
    fn image(
        &self,
        image: ndarray::Array2<f64>,
        frame: usize,
        named: &NamedDetector,
    ) -> Result<ScanImage> {
        let mut values = self.raster.blurred(&image, self.source, self.edges)?;
        let mut quantity = named.quantity();
        let mut dose = None;
        if let Some((exposure, readout)) = self.exposure {
            // the transforms of the blur leave −10⁻¹⁷ where there is nothing
            values.mapv_inplace(|share| share.max(0.0));
            values = readout.read(&values, exposure, self.seed, frame as u64)?;
            quantity = Quantity::Counts;
            dose = Some(exposure.dose(&self.raster));
        }
        let pixel = [self.raster.step_y(), self.raster.step_x()];
        let angles = match named.detector {
            Detector::CentreOfMass { .. } => None,
            other => Some(other.annulus()),
        };
        Ok(ScanImage {
            detector: Some(named.name.clone()),
            angles,
            beam: Some(self.beam),
            dose,
            ..ScanImage::new(self.name.clone(), values, pixel, quantity)
        })
    }
}

fn ending(file: &Path) -> String {
    let ending = file.extension().unwrap_or_default();
    ending.to_string_lossy().to_ascii_lowercase()
}

fn is_figure(file: &Path) -> bool {
    ["png", "svg"].contains(&&*ending(file))
}

/// `scan.png` and `haadf`, `50.0A`: `scan-haadf-50.0A.png`.
fn with_parts(file: &Path, parts: &[String]) -> PathBuf {
    if parts.is_empty() {
        return file.to_path_buf();
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = file.extension().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{stem}-{}.{ending}", parts.join("-")))
}
