//! A recipe as it stands in a file.

use super::motif::{Island, Motif};
use super::recipe::Recipe;
use crate::stem::{
    Aberration, Aberrations, AnnularDetector, AtomicMotion, Beam, Element, PlacedAtom, Structure,
    Vibration,
};
use crate::units::Seed;
use crate::{Error, Result};
use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

/// Counts up when the same recipe gives other numbers: old files then no longer match.
const VERSION: u32 = 2;

/// Everything a library follows from, in plain numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    version: u32,
    energy_kev: f64,
    semiangle_mrad: f64,
    /// Order, symmetry, magnitude (Å), angle (rad).
    aberrations: Vec<(u32, u32, f64, f64)>,
    detectors_mrad: Vec<[f64; 2]>,
    extent: [f64; 3],
    states: Vec<Vec<Atom>>,
    pixel: f64,
    slice_thickness: f64,
    exit_thicknesses: Vec<f64>,
    motion: Motion,
    least_box: f64,
    window: f64,
    motifs: Vec<Motif>,
    islands: Vec<IslandRecord>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    any_aberrations: bool,
}

/// Name, atoms, and the number and place of each part that it goes beyond.
type IslandRecord = (String, Vec<Atom>, Vec<(usize, [f64; 2])>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Atom {
    element: Element,
    position: [f64; 3],
    occupancy: f64,
    /// Nothing, an rms displacement, or the nine numbers of a covariance.
    vibration: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Motion {
    Still,
    DebyeWaller,
    FrozenPhonons { configurations: usize, seed: Seed },
}

impl Record {
    pub(super) fn of(recipe: &Recipe) -> Self {
        let list = |atoms: &[PlacedAtom]| atoms.iter().map(Atom::of).collect::<Vec<_>>();
        let annulus = |d: &AnnularDetector| [d.inner_mrad(), d.outer_mrad()];
        let islands = recipe.islands.iter();
        Self {
            version: VERSION,
            energy_kev: recipe.probe.beam().energy_kev(),
            semiangle_mrad: recipe.probe.semiangle_mrad(),
            aberrations: (recipe.probe.aberrations().terms().iter())
                .map(|t| (t.order, t.symmetry, t.magnitude, t.angle))
                .collect(),
            detectors_mrad: recipe.detectors.iter().map(annulus).collect(),
            extent: recipe.cell().extent().into(),
            states: recipe.states.iter().map(|s| list(s.atoms())).collect(),
            pixel: recipe.pixel,
            slice_thickness: recipe.slice_thickness,
            exit_thicknesses: recipe.exit_thicknesses.clone(),
            motion: match recipe.motion {
                AtomicMotion::Still => Motion::Still,
                AtomicMotion::DebyeWaller => Motion::DebyeWaller,
                AtomicMotion::FrozenPhonons {
                    configurations,
                    seed,
                } => Motion::FrozenPhonons {
                    configurations,
                    seed,
                },
            },
            least_box: recipe.least_box,
            window: recipe.window,
            motifs: recipe.motifs.clone(),
            islands: islands
                .map(|i| (i.name.clone(), list(&i.atoms), i.beyond.clone()))
                .collect(),
            any_aberrations: recipe.any_aberrations,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a recipe holds finite numbers and text alone")
    }

    /// The recipe, through the same checks as one that is made by hand.
    pub(super) fn recipe(&self) -> Result<Recipe> {
        if self.version != VERSION {
            let rule = format!("version {VERSION}; build the library anew");
            return Err(Error::argument("version", self.version, rule));
        }
        let structures = self.states.iter().map(|atoms| {
            let atoms = atoms.iter().map(Atom::placed).collect::<Result<_>>()?;
            Structure::new(Vector3::from(self.extent), atoms)
        });
        let structures = structures.collect::<Result<Vec<_>>>()?;
        let [cell, states @ ..] = &structures[..] else {
            return Err(Error::argument("states", "none", "at least one"));
        };
        let annuli = self.detectors_mrad.iter();
        let detectors = annuli.map(|[inner, outer]| AnnularDetector::new(*inner, *outer));
        let detectors = detectors.collect::<Result<Vec<_>>>()?;
        let beam = Beam::new(self.energy_kev)?;
        let motion = match self.motion {
            Motion::Still => AtomicMotion::Still,
            Motion::DebyeWaller => AtomicMotion::DebyeWaller,
            Motion::FrozenPhonons {
                configurations,
                seed,
            } => AtomicMotion::FrozenPhonons {
                configurations,
                seed,
            },
        };
        let term = |&(order, symmetry, magnitude, angle): &_| Aberration {
            order,
            symmetry,
            magnitude,
            angle,
        };
        let aberrations = Aberrations::new(self.aberrations.iter().map(term).collect())?;
        let mut recipe = Recipe::new(cell, beam, self.semiangle_mrad, &detectors)?
            .aberrations(&aberrations)?
            .pixel(self.pixel)?
            .slice_thickness(self.slice_thickness)?
            .exit_thicknesses(&self.exit_thicknesses)?
            .motion(motion)
            .least_box(self.least_box)?
            .window(self.window)?;
        if self.any_aberrations {
            recipe = recipe.any_aberrations();
        }
        for state in states {
            recipe = recipe.state(state)?;
        }
        for motif in &self.motifs {
            recipe = recipe.motif(motif.clone())?;
        }
        for (name, atoms, beyond) in &self.islands {
            let atoms = atoms.iter().map(Atom::placed).collect::<Result<Vec<_>>>()?;
            recipe = recipe.island(Island::new(name, atoms).beyond(beyond.clone()))?;
        }
        Ok(recipe)
    }
}

impl Atom {
    fn of(atom: &PlacedAtom) -> Self {
        Self {
            element: atom.element,
            position: atom.position.into(),
            occupancy: atom.occupancy,
            vibration: match atom.vibration {
                Vibration::None => Vec::new(),
                Vibration::Isotropic(u) => vec![u],
                Vibration::Anisotropic(covariance) => covariance.as_slice().to_vec(),
            },
        }
    }

    fn placed(&self) -> Result<PlacedAtom> {
        let vibration = match self.vibration[..] {
            [] => Vibration::None,
            [u] => Vibration::Isotropic(u),
            ref nine if nine.len() == 9 => Vibration::Anisotropic(Matrix3::from_column_slice(nine)),
            ref other => {
                let rule = "none, one or nine numbers";
                return Err(Error::argument("vibration", other.len(), rule));
            }
        };
        let atom = PlacedAtom::new(self.element, Vector3::from(self.position));
        Ok(atom.occupancy(self.occupancy).vibration(vibration))
    }
}
