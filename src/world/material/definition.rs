//! A material file: TOML, refused with file, key, found and allowed.

use super::super::key_refusal::read_toml;
use crate::stem::library::Change;
use crate::stem::{Aberrations, Element};
use crate::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Version of the schema that this crate reads.
pub const SCHEMA: u32 = 1;

/// What a material file says, key by key; `worlds/materials/strontium_lead_titanate.toml` is the commented example.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Version of this schema, 1.
    pub schema: u32,
    /// Short name, e.g. `mos2`.
    pub name: String,
    /// The material in full, for people.
    pub title: String,
    /// Crystal structure (CIF), relative to this file.
    pub crystal: String,
    /// How the crystal stands in the beam.
    pub specimen: SpecimenSection,
    /// Beam and probe.
    pub beam: BeamSection,
    /// Annular detectors.
    pub detector: Vec<DetectorSection>,
    /// How finely the responses are computed.
    pub computation: ComputationSection,
    /// Kinds of changed atoms.
    #[serde(default)]
    pub defect: Vec<DefectSection>,
    /// Other states of the crystal: polarised, of another composition, decayed.
    #[serde(default)]
    pub state: Vec<StateSection>,
    /// Columns that stand alone, of a particle.
    pub columns: Option<ColumnsSection>,
    /// What the library is tried on.
    #[serde(default)]
    pub trial: Vec<TrialSection>,
}

/// How the crystal stands in the beam.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecimenSection {
    /// Lattice direction `[u, v, w]` that the beam runs along.
    pub zone: [i32; 3],
    /// Lattice direction to the right; without it the choice is that of the smallest cell.
    pub right: Option<[i32; 3]>,
    /// Cells behind one another along the beam.
    pub cells: usize,
    /// Name of the crystal as the file has it, the first state.
    pub state: String,
}

/// Beam and probe.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeamSection {
    /// Beam energy, keV.
    pub energy_kev: f64,
    /// Convergence semi-angle, mrad.
    pub semiangle_mrad: f64,
}

/// Annular detector.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSection {
    /// Its name, e.g. `HAADF`.
    pub name: String,
    /// Inner collection angle, mrad.
    pub inner_mrad: f64,
    /// Outer collection angle, mrad.
    pub outer_mrad: f64,
}

/// How finely the responses are computed; see [`Recipe`](crate::stem::library::Recipe).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputationSection {
    /// Largest pixel of the wave, Å.
    pub pixel: f64,
    /// Largest thickness of a slice, Å.
    pub slice_thickness: f64,
    /// Least width of the box of the perfect crystal, Å.
    pub least_box: f64,
    /// How far a defect is seen, Å.
    pub window: f64,
    /// Frozen configurations of the vibrating atoms that images are averaged over; without it atoms stand still.
    pub phonons: Option<usize>,
    /// Root mean square displacement along each axis by which the potential of every atom of the crystal is smeared, Å; without
    /// it atoms are points. Not together with phonons.
    pub smeared: Option<f64>,
    /// Whether images under aberrations come near those of multislice, at the price of the plane waves of the aperture; see
    /// [`Recipe::any_aberrations`](crate::stem::library::Recipe::any_aberrations).
    #[serde(default)]
    pub any_aberrations: bool,
}

/// One kind of changed atom, in every column where the element stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefectSection {
    /// Its name, e.g. `V_S`.
    pub name: String,
    /// The element that is changed.
    pub element: Element,
    /// What becomes of it: `"removed"`, `{ replaced = "W" }` or `{ moved = [x, y, z] }` (Å).
    pub change: ChangeSection,
    /// Depths at which it is computed, evenly from the first atom of a column to the last; without it at each.
    pub depths: Option<usize>,
    /// Whether all atoms of a column change together.
    #[serde(default)]
    pub whole_column: bool,
}

/// What becomes of an atom.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSection {
    /// It is gone.
    Removed,
    /// Another element stands there.
    Replaced(Element),
    /// It has moved by (x, y, z), Å.
    Moved([f64; 3]),
}

impl From<ChangeSection> for Change {
    fn from(change: ChangeSection) -> Self {
        match change {
            ChangeSection::Removed => Self::Removed,
            ChangeSection::Replaced(element) => Self::Replaced(element),
            ChangeSection::Moved(by) => Self::Moved(by),
        }
    }
}

/// Another state of the whole crystal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSection {
    /// Its name.
    pub name: String,
    /// Elements that others stand for.
    #[serde(default)]
    pub replaced: BTreeMap<Element, Element>,
    /// Shifts (x, y, z) of all atoms of an element, Å; elements are those of the crystal file.
    #[serde(default)]
    pub moved: BTreeMap<Element, [f64; 3]>,
    /// Share of the atoms of an element that are there, 0 to 1.
    #[serde(default)]
    pub filled: BTreeMap<Element, f64>,
}

/// Columns of a particle that stand alone in vacuum: of 1 to `tallest` atoms, from the upper face down.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnsSection {
    /// The element.
    pub element: Element,
    /// Atoms of the tallest column.
    pub tallest: usize,
    /// Pairs of columns at most so far apart are computed too, for what they do to one another, Å; without it none.
    #[serde(default)]
    pub neighbours: f64,
    /// What the particle lies on, behind it in the beam; without it, nothing.
    pub support: Option<SupportSection>,
}

/// An amorphous film, of which a single atom in the middle of its thickness is computed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportSection {
    /// The element.
    pub element: Element,
    /// Thickness, Å.
    pub thickness: f64,
}

/// Specimens on which assembled images are held against multislice.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialSection {
    /// What is tried.
    pub name: String,
    /// Level of the worlds in which it occurs: 1 % of the range is allowed on levels 1 and 2, 2 % on level 3.
    pub level: u8,
    /// Probability of each change that a defect knows, for each atom that may have it.
    #[serde(default)]
    pub density: f64,
    /// Strain along x and y.
    #[serde(default)]
    pub strain: [f64; 2],
    /// Aberrations that the library was not made for.
    pub aberrations: Option<Aberrations>,
    /// Two pieces side by side instead of one crystal.
    pub boundary: Option<BoundarySection>,
    /// A particle of free-standing columns.
    pub particle: Option<ParticleSection>,
}

/// Half an ellipsoid of columns, flat where the beam enters, on a film of randomly placed atoms.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticleSection {
    /// Radius of its face, Å.
    pub radius: f64,
    /// Distance from its middle to the middle of the probes along x, Å.
    pub aside: f64,
    /// Atoms of the support in each Å² of the field.
    pub support_density: f64,
}

/// Two pieces of the crystal, left and right of a plane across x.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundarySection {
    /// Names of their states.
    pub states: [String; 2],
    /// Offset of the right piece along x and y in periods of the cell.
    #[serde(default)]
    pub shift: [f64; 2],
    /// Whether the left piece ends with the plane it began with, one more than whole cells, as at a Ruddlesden-Popper
    /// fault.
    #[serde(default)]
    pub same_plane: bool,
}

impl Definition {
    /// Reads and checks a material file.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Config`] naming the key when one is unknown, missing, of the
    /// wrong type or out of range; [`Error::Parse`] when the file is not TOML.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        Self::parse(&text, file)
    }

    /// Reads and checks the text of a material file; `file` is only named in errors.
    ///
    /// # Errors
    /// As [`Definition::load`].
    pub fn parse(text: &str, file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let definition: Self = read_toml(text, file)?;
        definition.check(file)?;
        Ok(definition)
    }

    /// Names of the states, that of the crystal file first.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        let others = self.state.iter().map(|state| state.name.as_str());
        [self.specimen.state.as_str()].into_iter().chain(others)
    }

    /// Refuses what no library can be made from; the numbers of the computation are checked by the recipe.
    fn check(&self, file: &Path) -> Result<()> {
        let refuse =
            |key: String, found: String, rule: &str| Err(Error::config(file, key, found, rule));
        if self.schema != SCHEMA {
            let rule = format!("{SCHEMA}, the version that this program reads");
            return refuse("schema".into(), self.schema.to_string(), &rule);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            let rule = "letters, digits, - and _";
            return refuse("name".into(), format!("{:?}", self.name), rule);
        }
        if !(1..=1000).contains(&self.specimen.cells) {
            let found = self.specimen.cells.to_string();
            return refuse("specimen.cells".into(), found, "1 to 1000");
        }
        if let Some(phonons) = self.computation.phonons.filter(|p| !(1..=1000).contains(p)) {
            let key = "computation.phonons";
            return refuse(key.into(), phonons.to_string(), "1 to 1000 configurations");
        }
        if let Some(smeared) = self.computation.smeared {
            let key = || "computation.smeared".to_string();
            if self.computation.phonons.is_some() {
                return refuse(key(), "phonons too".into(), "one of both");
            }
            if !(0.0..=0.5).contains(&smeared) {
                return refuse(key(), smeared.to_string(), "0 to 0.5 Å");
            }
        }
        let states: Vec<&str> = self.states().collect();
        let names: [(&str, Vec<&str>); 3] = [
            (
                "detector",
                self.detector.iter().map(|d| d.name.as_str()).collect(),
            ),
            (
                "defect",
                self.defect.iter().map(|d| d.name.as_str()).collect(),
            ),
            ("state", states.clone()),
        ];
        for (key, names) in names {
            if let Some((_, name)) =
                (names.iter().enumerate()).find(|(n, name)| names[..*n].contains(name))
            {
                return refuse(key.into(), format!("{name:?} twice"), "each name once");
            }
        }
        for (index, defect) in self.defect.iter().enumerate() {
            if let Some(depths) = defect.depths.filter(|d| !(1..=64).contains(d)) {
                let key = format!("defect[{index}].depths");
                return refuse(key, depths.to_string(), "1 to 64");
            }
            if defect.depths.is_some() && defect.whole_column {
                let key = format!("defect[{index}].depths");
                return refuse(
                    key,
                    "depths of a whole column".into(),
                    "depths of single atoms",
                );
            }
        }
        for (index, state) in self.state.iter().enumerate() {
            let filled = state
                .filled
                .iter()
                .find(|(_, share)| !(0.0..=1.0).contains(*share));
            if let Some((element, share)) = filled {
                let key = format!("state[{index}].filled.{}", element.symbol());
                return refuse(key, share.to_string(), "a share of 0 to 1");
            }
        }
        if let Some(columns) = &self.columns {
            if !(1..=60).contains(&columns.tallest) {
                let found = columns.tallest.to_string();
                return refuse("columns.tallest".into(), found, "1 to 60");
            }
            if !(0.0..=4.0).contains(&columns.neighbours) {
                let found = columns.neighbours.to_string();
                return refuse("columns.neighbours".into(), found, "0 to 4 Å");
            }
            let support = columns.support.as_ref();
            if let Some(support) = support.filter(|s| !(0.5..=200.0).contains(&s.thickness)) {
                let found = support.thickness.to_string();
                return refuse("columns.support.thickness".into(), found, "0.5 to 200 Å");
            }
        }
        for (index, trial) in self.trial.iter().enumerate() {
            if !(1..=3).contains(&trial.level) {
                return refuse(
                    format!("trial[{index}].level"),
                    trial.level.to_string(),
                    "1, 2 or 3",
                );
            }
            if let Some(particle) = &trial.particle {
                let sound = (1.0..=50.0).contains(&particle.radius)
                    && particle.aside.abs() <= 100.0
                    && (0.0..=20.0).contains(&particle.support_density);
                if !sound || self.columns.is_none() {
                    let found = format!("{particle:?}");
                    let rule = "with `columns`, a radius of 1 to 50 Å within 100 Å, a support of 0 to 20 atoms/Å²";
                    return refuse(format!("trial[{index}].particle"), found, rule);
                }
            }
            let Some(boundary) = &trial.boundary else {
                continue;
            };
            if let Some(unknown) = boundary
                .states
                .iter()
                .find(|s| !states.contains(&s.as_str()))
            {
                let rule = format!("one of {states:?}");
                return refuse(
                    format!("trial[{index}].boundary.states"),
                    format!("{unknown:?}"),
                    &rule,
                );
            }
            if !boundary.shift.iter().all(|s| s.abs() <= 1.0) {
                let found = format!("{:?}", boundary.shift);
                return refuse(
                    format!("trial[{index}].boundary.shift"),
                    found,
                    "within ±1 period",
                );
            }
        }
        Ok(())
    }
}
