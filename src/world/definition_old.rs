//! A world file: TOML, read with serde, refused with file, key, found and allowed.

use super::key_refusal::read_toml;
use crate::error::{Error, Result};
use crate::stem::Aberrations;
use serde::Deserialize;
use std::path::Path;

/// Version of the schema that this crate reads.
pub const SCHEMA: u32 = 1;
/// Largest budget, electrons: arrivals on the detector are laid down one by one.
const MAX_ELECTRONS: f64 = 1e11;

/// What a world file says, key by key; `worlds/mos2-l2.toml` is the commented example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Version of this schema, 1.
    pub schema: u32,
    /// Name of the world, e.g. `mos2-l2`.
    pub name: String,
    /// Material, for people.
    pub material: String,
    /// Difficulty, 1 to 3.
    pub level: u8,
    /// What has to be found out.
    pub task: Task,
    /// Crystal structure (CIF), relative to the world file.
    pub crystal: String,
    /// Field of view.
    pub field: FieldSection,
    /// Dose budget.
    pub budget: BudgetSection,
    /// Beam and probe.
    pub beam: BeamSection,
    /// Annular detector.
    pub detector: DetectorSection,
    /// Imperfections of the scan.
    pub scan: ScanSection,
    /// Defects to be found.
    pub defects: DefectSection,
    /// Beam damage.
    pub damage: DamageSection,
}

/// The characterisation task of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Which columns of the lattice are defects; scored by average precision against prevalence.
    PointDefects,
}

/// Field of view, Å.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSection {
    /// Height (slow scan), Å.
    pub height: f64,
    /// Width (fast scan), Å.
    pub width: f64,
    /// Rotation of the lattice in the field, degrees.
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

/// Beam and probe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeamSection {
    /// Beam energy, keV.
    pub energy_kev: f64,
    /// Beam current, pA.
    pub current_pa: f64,
    /// Convergence semi-angle, mrad.
    pub semiangle_mrad: f64,
    /// Full width at half maximum of the effective source, Å.
    pub source_fwhm: f64,
    /// Lens aberrations.
    #[serde(default)]
    pub aberrations: Aberrations,
}

/// Annular detector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSection {
    /// Inner collection angle, mrad.
    pub inner_mrad: f64,
    /// Outer collection angle, mrad.
    pub outer_mrad: f64,
    /// Standard deviation of the readout noise, electrons per readout.
    pub readout_noise: f64,
}

/// Imperfections of the scan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanSection {
    /// Time that the beam needs to settle on a new position, µs.
    pub settle_us: f64,
    /// Time that the beam needs to fly back at the end of a line, µs.
    pub flyback_us: f64,
    /// Speed of the specimen drift when the episode starts, Å/s.
    pub drift_speed: f64,
    /// Time constant with which the drift dies out, s.
    pub drift_decay: f64,
    /// Standard deviation of the offset of a scan line, Å per axis.
    pub line_jitter: f64,
    /// Standard deviation of the offset of a single probe position, Å per axis.
    pub pixel_jitter: f64,
}

/// Defects to be found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefectSection {
    /// The kinds of defect, each with its density.
    pub class: Vec<DefectClassSection>,
    /// Present when defects come in clusters; absent when they are scattered at random.
    pub clusters: Option<ClusterSection>,
}

/// One kind of defect.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "DefectClassRow")]
pub enum DefectClassSection {
    /// Atoms missing from a column.
    Vacancy {
        /// Element of the column.
        element: String,
        /// Number of atoms missing.
        removed: u8,
        /// Mean fraction of the element's columns that have this defect.
        density: f64,
    },
    /// All atoms of a column replaced.
    Substitution {
        /// Element of the column.
        element: String,
        /// Element that sits there instead.
        with: String,
        /// Mean fraction of the element's columns that have this defect.
        density: f64,
    },
}

/// The keys of a defect class as they stand in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DefectClassRow {
    kind: DefectKind,
    element: String,
    removed: Option<u8>,
    with: Option<String>,
    density: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DefectKind {
    Vacancy,
    Substitution,
}

impl DefectClassSection {
    /// Element of the columns that can have the defect, and the mean fraction that has it.
    fn host(&self) -> (&str, f64) {
        match self {
            Self::Vacancy {
                element, density, ..
            }
            | Self::Substitution {
                element, density, ..
            } => (element, *density),
        }
    }
}

impl TryFrom<DefectClassRow> for DefectClassSection {
    type Error = String;

    fn try_from(row: DefectClassRow) -> Result<Self, String> {
        let missing = |key: &str| format!("missing field `{key}`");
        let unknown = |key: &str, kind: &str, keys: &str| {
            format!(
                "unknown field `{key}`, expected `kind`, `element`, {keys}, `density` of a {kind}"
            )
        };
        let (element, density) = (row.element, row.density);
        match (row.kind, row.removed, row.with) {
            (DefectKind::Vacancy, _, Some(_)) => Err(unknown("with", "vacancy", "`removed`")),
            (DefectKind::Vacancy, None, _) => Err(missing("removed")),
            (DefectKind::Vacancy, Some(removed), None) => Ok(Self::Vacancy {
                element,
                removed,
                density,
            }),
            (DefectKind::Substitution, Some(_), _) => {
                Err(unknown("removed", "substitution", "`with`"))
            }
            (DefectKind::Substitution, None, None) => Err(missing("with")),
            (DefectKind::Substitution, None, Some(with)) => Ok(Self::Substitution {
                element,
                with,
                density,
            }),
        }
    }
}

/// How defects cluster: a defect belongs to a cluster, or with probability `background` to none.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSection {
    /// Number of clusters in the field.
    pub number: u32,
    /// Standard deviation of a cluster's extent, Å per axis.
    pub radius: f64,
    /// Fraction of the defects that lie outside clusters.
    pub background: f64,
}

/// Beam damage: atoms are knocked out of their columns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DamageSection {
    /// Factor on every cross section, for what bare knock-on leaves out (excitation, residual gas).
    pub enhancement: f64,
    /// Temperature of the specimen, K: thermal motion blurs the displacement threshold.
    pub temperature_k: f64,
    /// The elements that can be displaced.
    pub element: Vec<DisplacementSection>,
}

/// Displacement of one element: either a measured cross section or a threshold from which it is computed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisplacementSection {
    /// Element symbol.
    pub symbol: String,
    /// Measured cross section per atom, barn.
    pub cross_section_barn: Option<f64>,
    /// Displacement threshold, eV.
    pub threshold_ev: Option<f64>,
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
            return Err(Error::config(
                file,
                "schema",
                self.schema,
                SCHEMA.to_string(),
            ));
        }
        let name_ok = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.name.is_empty() || !self.name.chars().all(name_ok) {
            let found = format!("{:?}", self.name);
            return Err(Error::config(
                file,
                "name",
                found,
                "letters, digits, `-` and `_`",
            ));
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
        range("beam.energy_kev", self.beam.energy_kev, 20.0, 400.0)?;
        range("beam.current_pa", self.beam.current_pa, 1e-3, 1e4)?;
        range("beam.semiangle_mrad", self.beam.semiangle_mrad, 5.0, 60.0)?;
        range("beam.source_fwhm", self.beam.source_fwhm, 0.0, 3.0)?;
        range(
            "detector.inner_mrad",
            self.detector.inner_mrad,
            self.beam.semiangle_mrad,
            300.0,
        )?;
        range(
            "detector.outer_mrad",
            self.detector.outer_mrad,
            self.detector.inner_mrad + 1.0,
            500.0,
        )?;
        range(
            "detector.readout_noise",
            self.detector.readout_noise,
            0.0,
            100.0,
        )?;
        range("scan.settle_us", self.scan.settle_us, 0.0, 1e6)?;
        range("scan.flyback_us", self.scan.flyback_us, 0.0, 1e6)?;
        range("scan.drift_speed", self.scan.drift_speed, 0.0, 10.0)?;
        range("scan.drift_decay", self.scan.drift_decay, 1e-3, 1e6)?;
        range("scan.line_jitter", self.scan.line_jitter, 0.0, 1.0)?;
        range("scan.pixel_jitter", self.scan.pixel_jitter, 0.0, 1.0)?;
        self.check_defects(file)?;
        range("damage.enhancement", self.damage.enhancement, 0.0, 1e6)?;
        range(
            "damage.temperature_k",
            self.damage.temperature_k,
            0.0,
            2000.0,
        )?;
        for (index, element) in self.damage.element.iter().enumerate() {
            let key = |name: &str| format!("damage.element[{index}].{name}");
            let earlier = self.damage.element[..index].iter();
            if earlier.clone().any(|e| e.symbol == element.symbol) {
                let found = format!("{:?} again", element.symbol);
                return Err(Error::config(
                    file,
                    key("symbol"),
                    found,
                    "each element once",
                ));
            }
            match (element.cross_section_barn, element.threshold_ev) {
                (Some(barn), None) => range(&key("cross_section_barn"), barn, 0.0, 1e9)?,
                (None, Some(threshold)) => range(&key("threshold_ev"), threshold, 0.1, 1e3)?,
                (found, _) => {
                    let found = if found.is_some() { "both" } else { "neither" };
                    let allowed = "exactly one of cross_section_barn and threshold_ev";
                    return Err(Error::config(
                        file,
                        format!("damage.element[{index}]"),
                        found,
                        allowed,
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_defects(&self, file: &Path) -> Result<()> {
        let range = |key: String, value, low, high| in_range(file, &key, value, low, high);
        if self.defects.class.is_empty() {
            return Err(Error::config(
                file,
                "defects.class",
                "none",
                "at least one kind of defect",
            ));
        }
        for (index, class) in self.defects.class.iter().enumerate() {
            let key = |name: &str| format!("defects.class[{index}].{name}");
            match class {
                DefectClassSection::Vacancy {
                    removed, density, ..
                } => {
                    range(key("removed"), f64::from(*removed), 1.0, 2.0)?;
                    range(key("density"), *density, 0.0, 0.3)?;
                }
                DefectClassSection::Substitution {
                    element,
                    with,
                    density,
                } => {
                    range(key("density"), *density, 0.0, 0.3)?;
                    if element == with {
                        let allowed = format!("another element than {element:?}");
                        let found = format!("{with:?}");
                        return Err(Error::config(file, key("with"), found, allowed));
                    }
                }
            }
            // However many classes there are, most columns stay perfect.
            let (host, _) = class.host();
            let earlier = self.defects.class[..=index].iter();
            let together: f64 = earlier
                .map(DefectClassSection::host)
                .filter(|(element, _)| *element == host)
                .map(|(_, density)| density)
                .sum();
            if together > 0.5 {
                let found = format!("{together} together with the classes before it");
                let allowed = format!("at most 0.5 of the columns of {host:?}");
                return Err(Error::config(file, key("density"), found, allowed));
            }
        }
        if let Some(clusters) = &self.defects.clusters {
            range(
                "defects.clusters.number".into(),
                f64::from(clusters.number),
                1.0,
                1000.0,
            )?;
            range("defects.clusters.radius".into(), clusters.radius, 0.1, 50.0)?;
            range(
                "defects.clusters.background".into(),
                clusters.background,
                0.0,
                1.0,
            )?;
        }
        Ok(())
    }
}

/// Refuses a value outside `low..=high`, and NaN.
fn in_range(file: &Path, key: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(Error::config(file, key, value, format!("{low} to {high}")))
    }
}
