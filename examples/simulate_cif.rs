//! From a crystal structure to an HAADF image, by multislice: PNG with scale bar, NPY, TIFF and Zarr.

use dosewise::Result;
use dosewise::plot::{Figure, Micrograph};
use dosewise::stem::output::{Quantity, ScanImage};
use dosewise::stem::{
    Aberrations, AnnularDetector, AtomicMotion, Beam, Crystal, Edges, Multislice, Orientation,
    Probe, Raster, Sampling, Source,
};
use dosewise::units::{Point, Seed};
use indicatif::ProgressIterator;
use nalgebra::Vector3;
use ndarray::{Array2, Axis};
use std::path::Path;

fn main() -> Result<()> {
    // a layer of MoS₂ seen along [001], repeated to a box of at least 16 × 16 Å
    let crystal = Crystal::read_cif("worlds/crystals/mos2_monolayer.cif")?;
    let cell = crystal.orthogonal(Orientation::along([0, 0, 1]))?.structure;
    let specimen = cell.repeated_to(Vector3::new(16.0, 16.0, cell.extent().z))?;

    let beam = Beam::new(80.0)?;
    let simulation = Multislice::new(&specimen, beam, Sampling::Pixel(0.06))?
        .motion(AtomicMotion::FrozenPhonons {
            configurations: 4,
            seed: Seed(1),
        })
        .build()?;
    let probe = Probe::new(beam, 30.0, Aberrations::default())?;
    let haadf = AnnularDetector::new(80.0, 200.0)?;

    // one cell, row by row; the source blurs it as a cell that repeats
    let raster = Raster::over(Point::default(), cell.extent().y, cell.extent().x, 0.2)?;
    let mut image = Array2::zeros((raster.rows(), raster.columns()));
    for row in (0..raster.rows()).progress() {
        let signals = simulation.scan(&probe, &raster.row(row), &[haadf])?;
        let signals = signals.index_axis_move(Axis(0), 0);
        image.row_mut(row).assign(&signals.index_axis(Axis(0), 0));
    }
    let image = raster.blurred(&image, Source::gaussian_fwhm(0.7)?, Edges::Periodic)?;

    // eight cells, as a microscope would show them
    let tiled = Array2::from_shape_fn((2 * image.nrows(), 4 * image.ncols()), |(row, column)| {
        image[[row % image.nrows(), column % image.ncols()]]
    });
    let pixel = [raster.step_y(), raster.step_x()];
    let scan = ScanImage {
        detector: Some("HAADF".into()),
        angles: Some(haadf),
        beam: Some(beam),
        ..ScanImage::new("MoS₂ [001]", tiled, pixel, Quantity::BeamFraction)
    };
    for ending in ["npy", "tif", "zarr"] {
        scan.save(format!("figures/mos2_haadf.{ending}"))?;
    }
    Micrograph::new(scan).save(Path::new("figures/mos2_haadf.png"))?;
    println!("figures/mos2_haadf.png, .npy, .tif, .zarr");
    Ok(())
}
