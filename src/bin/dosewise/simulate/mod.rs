//! `dosewise simulate`: from a crystal structure to scan images and diffraction patterns.

mod detectors;
mod dose;
mod engine;
mod numbers;
mod optics;
mod outputs;
mod progress;
mod scanning;
mod specimen;

use clap::Args;
use detectors::NamedDetector;
use dosewise::stem::{
    AtomicMotion, Edges, Multislice, Parametrisation, PixelatedDetector, Raster, RasterImages,
    RasterScan, Recorder, Sampling, ScanFiles, Structure,
};
use dosewise::units::{Point, Seed};
use dosewise::{Error, Result};
use ndarray::Axis;
use outputs::Outputs;
use scanning::Scanning;
use serde_json::{Map, json};
use std::path::PathBuf;

/// What `--help` says beyond the options.
pub const SIMULATE_HELP: &str = "Examples:

  dosewise simulate SrTiO3.cif --thickness 200 --energy 200 --semiangle 20 --detector haadf=70:140 --phonons 8 \\
      --source 0.8 --out haadf.png --out haadf.tif
  dosewise simulate MoS2.cif --width 30 --energy 80 --semiangle 30 --detector haadf=80:180 --detector dpc=10:30/4@45 \\
      --detector com=com:60 --aberrations 'C10=-20, C30=1e4' --out scan.npy
  dosewise simulate MoS2.cif --energy 80 --semiangle 25 --detector bf=0:12 --patterns 4d.zarr --pattern-angle 60 --out bf.png
  dosewise simulate SrTiO3.cif --thickness 200 --width 31 --detector haadf=70:140 --prism 2 --step 0.1 --out haadf.png
  dosewise simulate MoS2.cif --width 60 --field 30,30 --energy 80 --detector haadf=80:180 --window 16 --out haadf.png

Detectors are NAME=INNER:OUTER in mrad, NAME=INNER:OUTER/COUNT@DEGREES for segments, NAME=com:OUTER for the centre of mass
along y and x. With several detectors or thicknesses each image has a file of its own, named after them.

Without more, each probe passes the whole specimen in the whole box (multislice). With --window Å it does so in a square around
it: less time in large boxes, at an error of some 0.3 % for dark fields and much more for bright ones. With --prism F the plane
waves of the probe, every F-th, pass once and all probes are put together from them: less time as soon as there are more
probes than beams, exact for 1, some per cent off for 2.

A run that was stopped, by Ctrl-C or a power cut, goes on where it was when the same command is given again: rows that are
finished lie in a folder named like the first output with .part behind it, which is removed at the end.
PRISM sends its plane waves through anew and goes on with the probes, 64 rows at a time.";

#[derive(Args)]
pub struct SimulateOptions {
    #[command(flatten)]
    specimen: specimen::SpecimenOptions,
    #[command(flatten)]
    optics: optics::OpticsOptions,
    #[command(flatten)]
    engine: engine::EngineOptions,
    /// What is recorded, see below; may be given again.
    #[arg(long = "detector", required = true, value_name = "NAME=INNER:OUTER")]
    detectors: Vec<String>,
    /// Longest step of the scan, Å.
    #[arg(long, default_value_t = 0.2)]
    step: f64,
    /// Height and width of the scan, Å; one cell if it is not given.
    #[arg(long, value_name = "HEIGHT,WIDTH")]
    field: Option<String>,
    /// First place of the scan, Å.
    #[arg(
        long,
        value_name = "Y,X",
        default_value = "0,0",
        allow_hyphen_values = true
    )]
    corner: String,
    /// Longest edge of a pixel of the wave, Å.
    #[arg(long, default_value_t = 0.05)]
    pixel: f64,
    /// Thickest slice, Å.
    #[arg(long, default_value_t = 1.0)]
    slice: f64,
    /// Sets of displaced atoms (frozen phonons) to average over; 0 leaves the atoms at rest.
    #[arg(long, default_value_t = 0)]
    phonons: usize,
    /// Blur atoms by their Debye-Waller factor instead: elastic scattering alone.
    #[arg(long, conflicts_with = "phonons")]
    debye_waller: bool,
    /// Scattering factors of Kirkland in place of those of Lobato and Van Dyck.
    #[arg(long)]
    kirkland: bool,
    /// Seed of phonons and counts.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Thicknesses at which the images are wanted, Å; the whole specimen if none is given.
    #[arg(long, value_name = "Å,Å,…")]
    exit: Option<String>,
    /// Zarr folder for the diffraction pattern of every position: [y, x, theta_y, theta_x].
    #[arg(long, requires = "pattern_angle")]
    patterns: Option<PathBuf>,
    /// Largest angle of the patterns along y and x, mrad.
    #[arg(long, requires = "patterns")]
    pattern_angle: Option<f64>,
    /// Frequencies along y and x that make a pixel of the patterns.
    #[arg(long, default_value_t = 1)]
    pattern_bin: usize,
    #[command(flatten)]
    dose: dose::DoseOptions,
    /// Image to write: .png or .svg with scale bar, .npy, .tif or .zarr; may be given again.
    #[arg(long, required_unless_present = "estimate")]
    out: Vec<PathBuf>,
    /// Only tell what it would take.
    #[arg(long)]
    estimate: bool,
    /// Most memory, GB.
    #[arg(long, default_value_t = 8.0)]
    memory: f64,
    /// Most disk space for finished rows and patterns, GB.
    #[arg(long, default_value_t = 50.0)]
    disk: f64,
}

impl SimulateOptions {
    pub fn run(&self) -> Result<()> {
        // everything that can be refused at once is refused before anything takes time
        self.engine.check()?;
        let detectors = detectors::parse_all(&self.detectors)?;
        let readout = self.dose.chain()?;
        if let Some(named) = detectors
            .iter()
            .find(|d| !d.counts())
            .filter(|_| readout.is_some())
        {
            let rule = "annuli and segments; a dose on patterns gives noisy centres of mass";
            return Err(Error::argument(
                "--detector, with a dose",
                &named.name,
                rule,
            ));
        }
        let cell = self.specimen.cell()?;
        let structure = self.specimen.build(&cell)?;
        let probe = self.optics.probe()?;
        let raster = self.raster(&cell)?;
        let exposure = readout.map(|chain| chain.exposure(&raster)).transpose()?;
        let outputs = Outputs::new(&self.out)?;
        let multislice = self.multislice(&structure)?;
        let coherence = self.optics.coherence()?;
        let foci = coherence.foci(&probe, 1e-3)?;
        let recorder = Recorder {
            detectors: detectors.iter().map(|named| named.detector).collect(),
            patterns: (self.pattern_angle)
                .map(|angle| PixelatedDetector::new(angle, self.pattern_bin))
                .transpose()?,
        };
        let memory = multislice.memory_needed()?;
        if let Some(interpolation) = self.engine.interpolation() {
            multislice.scattering_matrix_needed(&probe, interpolation)?;
        }
        self.tell(&structure, &raster, foci.len());
        let simulation = multislice.build()?;
        let scan = RasterScan {
            engine: &simulation,
            probe: &probe,
            foci: &foci,
            raster,
            recorder: &recorder,
        };
        let grid = simulation.grid();
        println!(
            "wave        {} × {} pixels of {:.4} × {:.4} Å, {} steps, angles up to {:.1} mrad",
            grid.rows,
            grid.columns,
            grid.pixel_y,
            grid.pixel_x,
            simulation.steps(),
            simulation.largest_angle_mrad()
        );
        let partial = outputs.partial();
        let files = ScanFiles {
            signals: partial.join("signals.zarr"),
            patterns: self.patterns.clone(),
            attributes: self.attributes(&structure),
            disk_limit: gigabytes("--disk", self.disk)?,
        };
        let scanning = Scanning {
            scan,
            simulation: &simulation,
            prism: self.engine.interpolation(),
            files,
            memory,
        };
        let Some(images) = scanning.run(self.estimate)? else {
            return Ok(());
        };
        if self.phonons > 1 {
            tell_convergence(&detectors, &images);
        }
        let about = outputs::About {
            name: self.specimen.title(),
            detectors: &detectors,
            thicknesses: simulation.thicknesses(),
            raster,
            beam: simulation.beam(),
            source: coherence.source,
            edges: self.edges(&cell, &raster),
            exposure,
            seed: Seed(self.seed),
        };
        for file in outputs.write(&images, &about)? {
            println!("{}", file.display());
        }
        if let Some(folder) = &self.patterns {
            println!("{}", folder.display());
        }
        std::fs::remove_dir_all(&partial).map_err(|error| Error::io(&partial, error))
    }

    fn raster(&self, cell: &Structure) -> Result<Raster> {
        let corner = numbers::two("--corner", &self.corner)?;
        let [height, width] = match &self.field {
            Some(field) => numbers::two("--field", field)?,
            None => [cell.extent().y, cell.extent().x],
        };
        Raster::over(Point::new(corner[0], corner[1]), height, width, self.step)
    }

    /// Whether the image goes on beyond its edges as it begins.
    fn edges(&self, cell: &Structure, raster: &Raster) -> Edges {
        let whole = |length: f64, edge: f64| {
            let cells = length / edge;
            (cells - cells.round()).abs() < 1e-6
        };
        let [height, width] = [
            raster.rows() as f64 * raster.step_y(),
            raster.columns() as f64 * raster.step_x(),
        ];
        if whole(height, cell.extent().y) && whole(width, cell.extent().x) {
            Edges::Periodic
        } else {
            Edges::Mirrored
        }
    }

    fn motion(&self) -> AtomicMotion {
        match self.phonons {
            _ if self.debye_waller => AtomicMotion::DebyeWaller,
            0 => AtomicMotion::Still,
            configurations => AtomicMotion::FrozenPhonons {
                configurations,
                seed: Seed(self.seed),
            },
        }
    }

    fn multislice<'a>(&self, structure: &'a Structure) -> Result<Multislice<'a>> {
        let exits = match &self.exit {
            Some(exits) => numbers::all("--exit", exits)?,
            None => self.specimen.thickness().into_iter().collect(),
        };
        let table = if self.kirkland {
            Parametrisation::Kirkland
        } else {
            Parametrisation::Lobato
        };
        let beam = self.optics.beam()?;
        let multislice = Multislice::new(structure, beam, Sampling::Pixel(self.pixel))?
            .slice_thickness(self.slice)
            .parametrisation(table)
            .motion(self.motion())
            .tilt(self.specimen.tilt()?)
            .exit_thicknesses(&exits)
            .memory_limit(gigabytes("--memory", self.memory)?);
        Ok(self.engine.windowed(multislice))
    }

    /// What decides the values besides what the scan knows itself.
    fn attributes(&self, structure: &Structure) -> Map<String, serde_json::Value> {
        Map::from_iter([
            ("specimen".to_owned(), self.specimen.description()),
            ("waves".to_owned(), self.engine.description()),
            (
                "specimen_checksum".to_owned(),
                json!(specimen::checksum(structure)),
            ),
            ("slice_thickness".to_owned(), json!(self.slice)),
            ("motion".to_owned(), json!(format!("{:?}", self.motion()))),
            ("kirkland".to_owned(), json!(self.kirkland)),
        ])
    }

    fn tell(&self, structure: &Structure, raster: &Raster, foci: usize) {
        let box_ = structure.extent();
        println!(
            "specimen    {}: {} atoms, {:.2} × {:.2} Å across, {:.2} Å thick",
            self.specimen.title(),
            structure.atoms().len(),
            box_.y,
            box_.x,
            box_.z
        );
        let mut sums = String::new();
        if self.phonons > 0 {
            sums += &format!(", {} sets of phonons", self.phonons);
        }
        if foci > 1 {
            sums += &format!(", {foci} foci");
        }
        println!(
            "scan        {} × {} positions, steps of {:.4} × {:.4} Å{sums}",
            raster.rows(),
            raster.columns(),
            raster.step_y(),
            raster.step_x(),
        );
    }
}

/// How far the average over the phonons has converged, for each detector at the last thickness.
fn tell_convergence(detectors: &[NamedDetector], images: &RasterImages) {
    let square = |image: ndarray::ArrayView3<f64>| {
        let last = image.index_axis(Axis(0), image.len_of(Axis(0)) - 1);
        last.mapv(|value| value * value).mean().unwrap_or(0.0)
    };
    let pairs = images
        .mean
        .outer_iter()
        .zip(images.standard_error.outer_iter());
    for (named, (mean, error)) in detectors.iter().zip(pairs) {
        let share = (square(error) / square(mean)).sqrt();
        println!(
            "phonons     {}: standard error {:.2} % (RMS)",
            named.name,
            100.0 * share
        );
    }
}

fn gigabytes(option: &str, value: f64) -> Result<u64> {
    if value > 0.0 && value <= 1e6 {
        return Ok((1e9 * value) as u64);
    }
    Err(Error::argument(option, value, "above 0, at most 1e6 GB"))
}

pub fn run(options: &SimulateOptions) -> Result<()> {
    options.run()
}
