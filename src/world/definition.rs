//! A world file: TOML, read with serde, refused with file, key, found and allowed.

use super::damage::{Contamination, DecayChain, EnergyDiffusion, Nucleation};
use super::distortion::ScanSettings;
use super::key_refusal::read_toml;
use super::pattern::{Clusters, Faults, Inclusions, Particle, Polar};
use super::task::Task;
use crate::error::{Error, Result};
use crate::stem::{Aberrations, Element};
use serde::Deserialize;
use std::path::Path;

/// Version of the schema that this crate reads.
pub const SCHEMA: u32 = 2;
/// Largest budget, electrons.
const MAX_ELECTRONS: f64 = 1e11;

/// What a world file says, key by key; `worlds/mos2-l2.toml` is the commented example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Version of this schema, 2.
    pub schema: u32,
    /// Name of the world, e.g. `mos2-l2`.
    pub name: String,
    /// Material file, relative to the world file.
    pub material: String,
    /// Difficulty, 1 to 3.
    pub level: u8,
    /// What has to be found out; the first is the one that an episode is scored by unless another is asked for.
    pub tasks: Vec<Task>,
    /// Field of view.
    pub field: FieldSection,
    /// Dose budget.
    pub budget: BudgetSection,
    /// Beam and probe.
    pub beam: BeamSection,
    /// Detector.
    pub detector: DetectorSection,
    /// Imperfections of the scan.
    #[serde(default)]
    pub scan: ScanSettings,
    /// Point defects to be found. Of `defects`, `domains` and `particle` a world has exactly one.
    pub defects: Option<DefectSection>,
    /// Domains to be told apart.
    pub domains: Option<DomainsSection>,
    /// A particle whose atoms are to be counted.
    pub particle: Option<Particle>,
    /// Beam damage.
    #[serde(default)]
    pub damage: DamageSection,
}

/// Field of view, Å.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSection {
    /// Height (slow scan), Å.
    pub height: f64,
    /// Width (fast scan), Å.
    pub width: f64,
    /// Rotation of the lattice in the field, degrees, from x towards y.
    pub rotation_deg: f64,
    /// Shift `[y, x]` of the lattice origin, Å.
    pub origin: [f64; 2],
}

/// Dose budget.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetSection {
    /// Mean dose over the field, e⁻/Å².
    pub dose: f64,
}

/// Beam and probe; energy and convergence are those of the material's library.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeamSection {
    /// Beam current, pA.
    pub current_pa: f64,
    /// Full width at half maximum of the effective source, Å.
    pub source_fwhm: f64,
    /// Lens aberrations.
    #[serde(default)]
    pub aberrations: Aberrations,
}

/// Detector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSection {
    /// Name of one of the material's detectors.
    pub name: String,
    /// Standard deviation of the readout noise, electrons per readout.
    pub readout_noise: f64,
    /// Relative standard deviation of the gain from reading to reading.
    #[serde(default)]
    pub gain_noise: f64,
}

/// Point defects to be found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefectSection {
    /// The kinds of defect, each with its density.
    pub class: Vec<DefectClassSection>,
    /// Present when defects come in clusters; absent when they are scattered at random.
    pub clusters: Option<Clusters>,
}

/// One kind of defect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefectClassSection {
    /// Name of a defect of the material.
    pub defect: String,
    /// Mean fraction of the columns of its element that have it.
    pub density: f64,
}

/// Domains to be told apart: one of the patterns, and the phases that it lays out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainsSection {
    /// Patches of other phases in a crystal.
    pub inclusions: Option<Inclusions>,
    /// Ruddlesden-Popper faults.
    pub faults: Option<Faults>,
    /// Polar domains beside a crystal that is not polar.
    pub polar: Option<Polar>,
    /// States of the material by label, the matrix first; for inclusions.
    #[serde(default)]
    pub states: Vec<String>,
}

/// Beam damage.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DamageSection {
    /// Atoms that are knocked out of their columns.
    #[serde(default)]
    pub element: Vec<DisplacementSection>,
    /// Temperature of the specimen, K: thermal motion blurs the displacement threshold.
    #[serde(default = "room_temperature")]
    pub temperature_k: f64,
    /// States that decay into others.
    #[serde(default)]
    pub decay: Vec<DecayChain>,
    /// Bright specks that appear where much dose has gone.
    pub nucleation: Option<Nucleation>,
    /// Energy that spreads to neighbouring positions.
    pub diffusion: Option<EnergyDiffusion>,
    /// Carbon that is deposited.
    pub contamination: Option<Contamination>,
    /// Cross section for the hop of a surface atom of a particle to a place beside its column, Å².
    #[serde(default)]
    pub hop_cross_section: f64,
}

/// Displacement of one element: either a measured cross section or a threshold from which it is computed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisplacementSection {
    /// The element, as it stands in the perfect crystal.
    pub symbol: Element,
    /// Measured cross section per atom, barn.
    pub cross_section_barn: Option<f64>,
    /// Displacement threshold, eV.
    pub threshold_ev: Option<f64>,
    /// Factor on the cross section, for what bare knock-on leaves out (excitation, residual gas).
    #[serde(default = "one")]
    pub enhancement: f64,
}

fn one() -> f64 {
    1.0
}

fn room_temperature() -> f64 {
    300.0
}

impl Default for DamageSection {
    /// A specimen that the beam does nothing to.
    fn default() -> Self {
        Self {
            element: Vec::new(),
            temperature_k: room_temperature(),
            decay: Vec::new(),
            nucleation: None,
            diffusion: None,
            contamination: None,
            hop_cross_section: 0.0,
        }
    }
}

impl Definition {
    /// Reads and checks a world file.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Config`] naming the key when one is unknown, missing,
    /// of the wrong type or out of range; [`Error::Parse`] when the file is not TOML.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        Self::parse(&text, file)
    }

    /// Reads and checks the text of a world file; `file` is only named in errors.
    ///
    /// # Errors
    /// As [`Definition::load`].
    pub fn parse(text: &str, file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let definition: Self = read_toml(text, file)?;
        definition.check(file)?;
        Ok(definition)
    }

    /// Refuses values out of range; a definition need not come from a file.
    pub(super) fn check(&self, file: &Path) -> Result<()> {
        let range = |key: &str, value, low, high| in_range(file, key, value, low, high);
        if self.schema != SCHEMA {
            let allowed = format!("{SCHEMA}, the version that this program reads");
            return Err(Error::config(file, "schema", self.schema, allowed));
        }
        let name_ok = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.name.is_empty() || !self.name.chars().all(name_ok) {
            let found = format!("{:?}", self.name);
            let allowed = "letters, digits, `-` and `_`";
            return Err(Error::config(file, "name", found, allowed));
        }
        range("level", f64::from(self.level), 1.0, 3.0)?;
        range("field.height", self.field.height, 10.0, 500.0)?;
        range("field.width", self.field.width, 10.0, 500.0)?;
        range("field.rotation_deg", self.field.rotation_deg, -360.0, 360.0)?;
        range("field.origin[0]", self.field.origin[0], -100.0, 100.0)?;
        range("field.origin[1]", self.field.origin[1], -100.0, 100.0)?;
        range("budget.dose", self.budget.dose, 1e-3, 1e7)?;
        let electrons = self.budget.dose * self.field.height * self.field.width;
        if electrons > MAX_ELECTRONS {
            let allowed = format!("a dose of at most {MAX_ELECTRONS:e} electrons on the field");
            let found = format!("{}, that is {electrons:e} electrons", self.budget.dose);
            return Err(Error::config(file, "budget.dose", found, allowed));
        }
        range("beam.current_pa", self.beam.current_pa, 1e-3, 1e4)?;
        range("beam.source_fwhm", self.beam.source_fwhm, 0.0, 3.0)?;
        let detector = &self.detector;
        range("detector.readout_noise", detector.readout_noise, 0.0, 100.0)?;
        range("detector.gain_noise", detector.gain_noise, 0.0, 0.5)?;
        self.scan.check(file, "scan")?;
        self.check_content(file)?;
        self.damage.check(file)
    }

    fn check_content(&self, file: &Path) -> Result<()> {
        let contents = [
            self.defects.is_some(),
            self.domains.is_some(),
            self.particle.is_some(),
        ];
        if contents.iter().filter(|is_there| **is_there).count() != 1 {
            let found = "none or several of them";
            let allowed = "exactly one of defects, domains and particle";
            return Err(Error::config(
                file,
                "defects, domains, particle",
                found,
                allowed,
            ));
        }
        let possible: &[Task] = match contents {
            [true, ..] => &[Task::PointDefects],
            [_, true, _] => &[Task::Domains, Task::Polarisation],
            _ => &[Task::Counting],
        };
        let unfit = self.tasks.iter().find(|task| !possible.contains(task));
        if unfit.is_some() || self.tasks.is_empty() {
            let names: Vec<&str> = possible.iter().map(|task| task.name()).collect();
            let found = unfit.map_or("none".to_string(), |task| format!("{:?}", task.name()));
            let allowed = format!("for what the specimen is: {}", names.join(", "));
            return Err(Error::config(file, "tasks", found, allowed));
        }
        if let Some(defects) = &self.defects {
            if defects.class.is_empty() {
                let allowed = "at least one kind of defect";
                return Err(Error::config(file, "defects.class", "none", allowed));
            }
            for (index, class) in defects.class.iter().enumerate() {
                let key = format!("defects.class[{index}].density");
                in_range(file, &key, class.density, 0.0, 0.3)?;
            }
            if let Some(clusters) = &defects.clusters {
                clusters.check(file, "defects.clusters")?;
            }
        }
        if let Some(domains) = &self.domains {
            if let Some(inclusions) = &domains.inclusions {
                inclusions.check(file, "domains.inclusions")?;
            }
            if let Some(faults) = &domains.faults {
                faults.check(file, "domains.faults")?;
            }
            if let Some(polar) = &domains.polar {
                polar.check(file, "domains.polar")?;
            }
        }
        Ok(()) // the particle is checked against its material, which says how tall it may be
    }
}

impl DamageSection {
    fn check(&self, file: &Path) -> Result<()> {
        in_range(
            file,
            "damage.temperature_k",
            self.temperature_k,
            0.0,
            2000.0,
        )?;
        in_range(
            file,
            "damage.hop_cross_section",
            self.hop_cross_section,
            0.0,
            1.0,
        )?;
        for (index, element) in self.element.iter().enumerate() {
            let key = |name: &str| format!("damage.element[{index}].{name}");
            if self.element[..index]
                .iter()
                .any(|e| e.symbol == element.symbol)
            {
                let found = format!("{:?} again", element.symbol.symbol());
                return Err(Error::config(
                    file,
                    key("symbol"),
                    found,
                    "each element once",
                ));
            }
            in_range(file, &key("enhancement"), element.enhancement, 0.0, 1e6)?;
            match (element.cross_section_barn, element.threshold_ev) {
                (Some(barn), None) => in_range(file, &key("cross_section_barn"), barn, 0.0, 1e9)?,
                (None, Some(threshold)) => {
                    in_range(file, &key("threshold_ev"), threshold, 0.1, 1e3)?;
                }
                (found, _) => {
                    let found = if found.is_some() { "both" } else { "neither" };
                    let allowed = "exactly one of cross_section_barn and threshold_ev";
                    let key = format!("damage.element[{index}]");
                    return Err(Error::config(file, key, found, allowed));
                }
            }
        }
        for (index, decay) in self.decay.iter().enumerate() {
            decay.check(file, &format!("damage.decay[{index}]"))?;
        }
        if let Some(nucleation) = &self.nucleation {
            nucleation.check(file, "damage.nucleation")?;
        }
        if let Some(diffusion) = &self.diffusion {
            diffusion.check(file, "damage.diffusion")?;
        }
        if let Some(contamination) = &self.contamination {
            contamination.check(file, "damage.contamination")?;
        }
        Ok(())
    }
}

/// Refuses a value outside `low..=high`, and NaN.
pub(super) fn in_range(file: &Path, key: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(Error::config(file, key, value, format!("{low} to {high}")))
    }
}
