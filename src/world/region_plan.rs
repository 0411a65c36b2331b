//! A world of domains: which phases there are, what they look like and decay into, and how they are laid out.

use super::damage::{Decay, DecayChain};
use super::definition::{Definition, DomainsSection};
use super::image::{Raster, Tile};
use super::imager::{Imager, Lens};
use super::lattice::Lattice;
use super::material::Material;
use super::pattern::{Cells, Faults, Inclusions, Polar, Variant};
use super::plan::MARGIN;
use super::regions::{LabelGrid, Phase};
use crate::error::{Error, Result};
use crate::stem::library::Library;
use crate::units::{Point, Seed};
use ndarray::Array2;
use std::path::Path;

/// Name of the state without order: the mean of the crystal, of the matrix if it is there from the beginning.
const AMORPHOUS: &str = "amorphous";

/// What specimens of a world of domains have in common.
#[derive(Debug)]
pub(super) struct RegionPlan {
    pub raster: Raster,
    pub grid: LabelGrid,
    pub phases: Vec<Phase>,
    /// Label cells whose middles lie in the field, with these; the answer places.
    pub inside: Vec<([usize; 2], Point)>,
    pub pattern: Pattern,
    pub cells: Cells,
    /// Number of the class and polarisation (y, x) of each phase.
    pub meaning: Vec<Meaning>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Standard deviation of the source, Å.
    pub seam: f64,
}

/// What a phase stands for in an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Meaning {
    pub class: usize,
    pub vector: [f64; 2],
}

/// How labels are laid out.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Inclusions(Inclusions),
    Faults(Faults),
    Polar(Polar),
}

impl Pattern {
    /// The labels of a specimen on cells that were [checked](Pattern::check).
    pub(super) fn draw(&self, cells: &Cells, seed: Seed) -> Array2<u8> {
        match self {
            Self::Inclusions(pattern) => pattern.draw(cells, seed),
            Self::Faults(pattern) => pattern.draw(cells, seed),
            Self::Polar(pattern) => pattern.draw(cells, seed),
        }
    }

    /// Refuses domains for which the field has no room.
    fn check(&self, cells: &Cells, file: &Path) -> Result<()> {
        match self {
            Self::Inclusions(pattern) => pattern.check_cells(cells, file, "domains.inclusions"),
            Self::Faults(pattern) => pattern.check_cells(cells, file, "domains.faults"),
            Self::Polar(pattern) => pattern.check_cells(cells, file, "domains.polar"),
        }
    }
}

/// A phase before its images are made.
struct Sketch {
    state: String,
    quarter_turns: u8,
    /// In periods.
    shift: [f64; 2],
    class: usize,
    vector: [f64; 2],
}

/// The plan under the optics as they are, and the phases as they appear on average.
pub(super) fn plan(
    definition: &Definition,
    file: &Path,
    section: &DomainsSection,
    (material, library): (&Material, &Library),
    (lens, expected): (&Lens, &Lens),
    lattice: &Lattice,
) -> Result<(RegionPlan, Vec<Phase>)> {
    let chosen = [
        section.inclusions.clone().map(Pattern::Inclusions),
        section.faults.clone().map(Pattern::Faults),
        section.polar.clone().map(Pattern::Polar),
    ];
    let mut chosen: Vec<Pattern> = chosen.into_iter().flatten().collect();
    let (Some(pattern), true) = (chosen.pop(), chosen.is_empty()) else {
        let allowed = "exactly one of inclusions, faults and polar";
        return Err(Error::config(
            file,
            "domains",
            "none or several patterns",
            allowed,
        ));
    };
    let (sketches, classes, each, before) = sketches(&pattern, section, material, file)?;
    let grid = LabelGrid::new(lattice, each, before);
    let margin = (MARGIN / grid.pitch[0].max(grid.pitch[1])) as usize;
    let refused = |error| super::key_refusal::refused_argument(file, "field", error);
    let cells = Cells::new(grid.shape, grid.pitch, margin).map_err(refused)?;
    pattern.check(&cells, file)?;
    let square = lattice.period();
    if sketches.iter().any(|s| s.quarter_turns % 2 == 1) && (square[0] - square[1]).abs() > 1e-6 {
        let found = format!("a cell of {} × {} Å", square[0], square[1]);
        let allowed = "a square cell, which a quarter turn brings onto itself";
        return Err(Error::config(file, "domains.polar", found, allowed));
    }
    let chains = &definition.damage.decay;
    for (index, chain) in chains.iter().enumerate() {
        if material.state(&chain.state).is_none() {
            let key = format!("damage.decay[{index}].state");
            return Err(unknown_state(file, key, &chain.state, material));
        }
    }
    let draw = |lens: &Lens| -> Result<(Raster, Vec<Phase>)> {
        let imager = Imager::new(library, lens, 0)?;
        let phases = sketches
            .iter()
            .map(|sketch| phase(sketch, chains, material, &imager, file));
        Ok((imager.raster(), phases.collect::<Result<Vec<_>>>()?))
    };
    let (raster, phases) = draw(lens)?;
    let (_, seen) = draw(expected)?;
    let field = &definition.field;
    let [rows, columns] = grid.shape;
    let all = (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column]));
    let inside = all
        .map(|cell| (cell, lattice.to_field(grid.middle(cell))))
        .filter(|(_, place)| {
            (0.0..=field.height).contains(&place.y) && (0.0..=field.width).contains(&place.x)
        });
    let plan = RegionPlan {
        raster,
        grid,
        phases,
        inside: inside.collect(),
        pattern,
        cells,
        meaning: (sketches.iter())
            .map(|s| Meaning {
                class: s.class,
                vector: s.vector,
            })
            .collect(),
        classes,
        seam: definition.beam.source_fwhm / (8.0 * 2.0_f64.ln()).sqrt(),
    };
    Ok((plan, seen))
}

/// The phases of a pattern by label, the names of its classes, label cells a period and the offset of walls in periods.
fn sketches(
    pattern: &Pattern,
    section: &DomainsSection,
    material: &Material,
    file: &Path,
) -> Result<(Vec<Sketch>, Vec<String>, usize, f64)> {
    let plain = |state: &str, class: usize| Sketch {
        state: state.to_string(),
        quarter_turns: 0,
        shift: [0.0; 2],
        class,
        vector: [0.0; 2],
    };
    let matrix = material.definition().specimen.state.clone();
    Ok(match pattern {
        Pattern::Inclusions(inclusions) => {
            let classes = section.states.clone();
            if classes.len() != inclusions.class.len() + 1 {
                let found = format!("{} states", classes.len());
                let allowed = format!(
                    "{}, the matrix and each inclusion",
                    inclusions.class.len() + 1
                );
                return Err(Error::config(file, "domains.states", found, allowed));
            }
            let named = classes.iter().enumerate();
            let sketches = named.map(|(class, state)| plain(state, class)).collect();
            (sketches, classes, 1, 1.0)
        }
        Pattern::Faults(_) => {
            let shifted = Sketch {
                shift: [0.5; 2],
                ..plain(&matrix, 1)
            };
            let classes = vec!["in registry".into(), "shifted by half a cell".into()];
            // each label cell has one plane of atoms in its middle, the first of them one at the corner of a cell
            (vec![plain(&matrix, 0), shifted], classes, 2, 1.25)
        }
        Pattern::Polar(polar) => {
            let directions = ["+x", "+y", "-x", "-y"];
            let sketch = |variant: &Variant| Sketch {
                state: variant.state.clone(),
                quarter_turns: variant.quarter_turns,
                shift: [0.0; 2],
                class: match variant.state == polar.matrix {
                    true => 0,
                    false => 1 + usize::from(variant.quarter_turns % 4),
                },
                vector: variant.vector,
            };
            let mut classes = vec![polar.matrix.clone()];
            classes.extend(directions.map(|way| format!("polarised along {way}")));
            // cells are drawn from corner to corner of the cage that holds the polar ion
            (
                polar.variants().iter().map(sketch).collect(),
                classes,
                1,
                1.0,
            )
        }
    })
}

/// The images of a phase and of what it decays into.
fn phase(
    sketch: &Sketch,
    chains: &[DecayChain],
    material: &Material,
    imager: &Imager<'_>,
    file: &Path,
) -> Result<Phase> {
    let image = |state: &str, key: String| match material.state(state) {
        Some(number) => imager.tile(number, sketch.quarter_turns, sketch.shift),
        None => Err(unknown_state(file, key, state, material)),
    };
    // without order no place is brighter than another
    let flat = |of: &Tile| Tile::flat(imager.raster(), of.mean());
    let mut stages = vec![match sketch.state.as_str() {
        AMORPHOUS => flat(&imager.tile(0, 0, [0.0; 2])?),
        state => image(state, "domains.states".into())?,
    }];
    let found = chains.iter().enumerate();
    let Some((index, chain)) = found.into_iter().find(|(_, c)| c.state == sketch.state) else {
        return Ok(Phase {
            stages,
            decay: None,
        });
    };
    for (stage, section) in chain.stages.iter().enumerate() {
        let key = format!("damage.decay[{index}].stages[{stage}].to");
        let tile = match section.to.as_str() {
            AMORPHOUS => flat(&stages[stage]),
            state => image(state, key)?,
        };
        stages.push(tile);
    }
    let doses: Vec<f64> = chain.stages.iter().map(|stage| stage.dose).collect();
    Ok(Phase {
        stages,
        decay: Some(Decay::new(&doses)?),
    })
}

fn unknown_state(file: &Path, key: String, state: &str, material: &Material) -> Error {
    let names: Vec<&str> = material.definition().states().collect();
    let allowed = format!("a state of the material: {}", names.join(", "));
    Error::config(file, key, format!("{state:?}"), allowed)
}
