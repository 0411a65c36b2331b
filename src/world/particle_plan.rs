//! A particle of columns: what each number of atoms adds to the image, and what neighbours add beyond that.

use super::cell_columns::CellColumn;
use super::crystal_plan::{Placed, placed};
use super::definition::Definition;
use super::image::{Canvas, Raster, Stamp};
use super::imager::{Imager, Lens};
use super::lattice::Lattice;
use super::material::{Column, Material, Neighbours};
use super::pattern::{Cells, Particle};
use super::plan::MARGIN;
use super::site::{Appearance, Hypothesis, SiteKind};
use crate::error::{Error, Result};
use crate::stem::library::Library;
use crate::units::{Point, Seed};
use nalgebra::Vector2;
use std::collections::HashMap;
use std::path::Path;

/// What specimens of a particle have in common.
#[derive(Debug)]
pub(super) struct ParticlePlan {
    raster: Raster,
    /// For each kind of column what 1, 2, … atoms add.
    singles: Vec<Vec<Stamp>>,
    /// For each kind of pair what both add beyond themselves, by the atoms of the shorter one, in the cell of the first.
    pairs: Vec<Vec<Stamp>>,
    /// An atom of the support.
    support: Option<Stamp>,
    /// All places where a column may stand, those of the field first.
    pub placed: Vec<Placed>,
    /// How many of them are in the field.
    pub inside: usize,
    numbers: HashMap<(usize, [i32; 2]), usize>,
    /// For each place its neighbours: the other place, the kind of pair, and the cell of its first column.
    neighbours: Vec<Vec<(usize, usize, [i32; 2])>>,
    tallest: usize,
    particle: Particle,
    cells: Cells,
    /// Places (x, y) of the kinds in a period, Å.
    places: Vec<Vector2<f64>>,
}

/// The stamps under one lens.
struct Stamps {
    raster: Raster,
    singles: Vec<Vec<Stamp>>,
    pairs: Vec<Vec<Stamp>>,
    support: Option<Stamp>,
    /// For each kind, what 1, 2, … atoms add amid neighbours of as many: half of what each pair does belongs to it.
    embedded: Vec<Vec<Stamp>>,
}

/// The plan under the optics as they are; the kinds of columns, and the image of the support alone, as they appear on average.
pub(super) fn plan(
    definition: &Definition,
    file: &Path,
    particle: &Particle,
    (material, library): (&Material, &Library),
    (lens, expected): (&Lens, &Lens),
    lattice: &Lattice,
) -> Result<(ParticlePlan, Vec<SiteKind>, f64)> {
    let Some(section) = &material.definition().columns else {
        let found = format!("{:?}", definition.material);
        let allowed = "a material with `columns`, of which a particle can be made";
        return Err(Error::config(file, "material", found, allowed));
    };
    let tallest = section.tallest;
    particle.check(tallest, file, "particle")?;
    let margin = (MARGIN / lattice.period()[0].max(lattice.period()[1])) as usize;
    let refused = |error| super::key_refusal::refused_argument(file, "field", error);
    let cells = Cells::new(lattice.shape(), lattice.period(), margin).map_err(refused)?;
    particle.check_cells(&cells, file, "particle")?;
    let tallest = particle.tallest;
    let offsets: Vec<Point> = (material.column_places().iter())
        .map(|place| Point::new(place.y, place.x))
        .collect();
    let columns: Vec<CellColumn> = (offsets.iter())
        .map(|offset| CellColumn {
            offset: *offset,
            element: section.element,
            atoms: Vec::new(),
        })
        .collect();
    let kind_of: Vec<usize> = (0..columns.len()).collect();
    let (placed, inside) = placed(definition, lattice, &columns, &kind_of);
    let numbers: HashMap<(usize, [i32; 2]), usize> = placed
        .iter()
        .enumerate()
        .map(|(number, p)| ((p.column, p.cell), number))
        .collect();
    let pairs = material.neighbours();
    let mut neighbours = vec![Vec::new(); placed.len()];
    for (number, first) in placed.iter().enumerate() {
        for (pair, kind) in pairs
            .iter()
            .enumerate()
            .filter(|(_, n)| n.kinds[0] == first.column)
        {
            let step = step(kind, &offsets, lattice.period());
            let cell = [first.cell[0] + step[0], first.cell[1] + step[1]];
            if let Some(&other) = numbers.get(&(kind.kinds[1], cell)) {
                neighbours[number].push((other, pair, first.cell));
                neighbours[other].push((number, pair, first.cell));
            }
        }
    }
    let sharp = stamps(material, library, lens, &offsets, tallest)?;
    let seen = stamps(material, library, expected, &offsets, tallest)?;
    let hop = definition.damage.hop_cross_section;
    let kinds = (offsets.iter().zip(&seen.embedded)).map(|(offset, looks)| {
        kind(
            section.element,
            Stamp::none(seen.raster, *offset),
            looks,
            hop,
        )
    });
    let kinds = kinds.collect();
    let density = particle.support_density;
    let empty = seen
        .support
        .as_ref()
        .map_or(0.0, |atom| density * atom.integral());
    let plan = ParticlePlan {
        raster: sharp.raster,
        singles: sharp.singles,
        pairs: sharp.pairs,
        support: sharp.support,
        placed,
        inside,
        numbers,
        neighbours,
        tallest,
        particle: particle.clone(),
        cells,
        places: material.column_places().to_vec(),
    };
    Ok((plan, kinds, empty))
}

/// From the cell of the first of two neighbours to that of the second, (row, column).
fn step(pair: &Neighbours, offsets: &[Point], period: [f64; 2]) -> [i32; 2] {
    let between = Point::new(pair.offset.y, pair.offset.x);
    let corner = between + offsets[pair.kinds[0]] - offsets[pair.kinds[1]];
    [
        (corner.y / period[0]).round() as i32,
        (corner.x / period[1]).round() as i32,
    ]
}

fn stamps(
    material: &Material,
    library: &Library,
    lens: &Lens,
    offsets: &[Point],
    tallest: usize,
) -> Result<Stamps> {
    let kinds = offsets.len();
    let pairs = material.neighbours();
    let mut found: Option<Stamps> = None;
    for atoms in 1..=tallest {
        let alone = |kind: usize| Column {
            kind,
            atoms,
            place: Vector2::new(offsets[kind].x, offsets[kind].y),
        };
        let Some(piece) = material.single(&alone(0)) else {
            break;
        };
        let imager = Imager::new(library, lens, piece.thickness)?;
        let found = found.get_or_insert_with(|| Stamps {
            raster: imager.raster(),
            singles: vec![Vec::new(); kinds],
            pairs: vec![Vec::new(); pairs.len()],
            support: None,
            embedded: vec![Vec::new(); kinds],
        });
        for (kind, offset) in offsets.iter().enumerate() {
            if let Some(piece) = material.single(&alone(kind)) {
                found.singles[kind].push(imager.island(piece.island, *offset)?);
            }
        }
        let mut halves: Vec<Vec<Stamp>> = vec![Vec::new(); kinds];
        for (number, pair) in pairs.iter().enumerate() {
            let half = Point::new(0.5 * pair.offset.y, 0.5 * pair.offset.x);
            let ahead = imager.island(pair.island, offsets[pair.kinds[0]] + half)?;
            let behind = imager.island(pair.island, offsets[pair.kinds[1]] - half)?;
            halves[pair.kinds[0]].push(ahead.clone());
            halves[pair.kinds[1]].push(behind);
            found.pairs[number].push(ahead);
        }
        for (kind, halves) in halves.iter().enumerate() {
            let own = found.singles[kind].last().map(|single| (1.0, single));
            let parts: Vec<(f64, &Stamp)> = own
                .into_iter()
                .chain(halves.iter().map(|h| (0.5, h)))
                .collect();
            found.embedded[kind].extend(Stamp::sum(&parts));
        }
    }
    let Some(mut found) = found else {
        return Err(Error::argument("tallest", tallest, "at least one atom"));
    };
    if let Some(piece) = material.support(Point::default()) {
        let imager = Imager::new(library, lens, piece.thickness)?;
        found.support = Some(imager.island(piece.island, Point::default())?);
    }
    Ok(found)
}

/// A place where 0, 1, 2, … atoms may stand behind one another, each number as likely.
fn kind(element: crate::stem::Element, empty: Stamp, looks: &[Stamp], hop: f64) -> SiteKind {
    let tallest = looks.len();
    let hypotheses = (0..=tallest).map(|atoms| Hypothesis {
        class: None,
        number: atoms as f64,
        prior: 1.0 / (tallest + 1) as f64,
        // of a column only the atom at the surface hops, and only once
        chain: match atoms > 0 && hop > 0.0 {
            true => vec![atoms, atoms - 1],
            false => vec![atoms],
        },
        cross_section: hop,
    });
    let name = |atoms: usize| format!("{atoms} {}", element.symbol());
    let seen = std::iter::once(&empty).chain(looks).enumerate();
    SiteKind {
        element,
        atoms: 0,
        hypotheses: hypotheses.collect(),
        appearances: seen
            .map(|(atoms, stamp)| Appearance {
                name: name(atoms),
                seen: stamp.clone(),
            })
            .collect(),
    }
}

impl ParticlePlan {
    /// The image of a specimen, and the atoms at each place.
    pub(super) fn draw(&self, lattice: &Lattice, seed: Seed) -> (Canvas, Vec<usize>) {
        let mut canvas = Canvas::new(self.raster, lattice.shape());
        let mut atoms = vec![0; self.placed.len()];
        for standing in self.particle.draw(&self.cells, &self.places, seed) {
            if let Some(&number) = self.numbers.get(&(standing.kind, standing.cell)) {
                atoms[number] = standing.atoms.min(self.tallest);
            }
        }
        if let Some(atom) = &self.support {
            for place in self.particle.draw_support(&self.cells, seed) {
                canvas.add_near(place, atom);
            }
        }
        for number in 0..atoms.len() {
            // each place is put up once, beside those before it
            let earlier = |other: usize| if other < number { atoms[other] } else { 0 };
            self.repaint(&mut canvas, number, (0, atoms[number]), earlier);
        }
        (canvas, atoms)
    }

    /// Where an atom lands that hops from a place: beside it, where the pristine specimen is lower if it is so anywhere; which of these
    /// places, 64 random bits decide. Nowhere if the place has no neighbours.
    ///
    /// That a hop does not ask what other hops have done leaves the same specimen whichever came first.
    pub(super) fn landing(
        &self,
        number: usize,
        pristine: impl Fn(usize) -> usize,
        chance: u64,
    ) -> Option<usize> {
        let beside: Vec<usize> = (self.neighbours[number].iter())
            .map(|(other, ..)| *other)
            .collect();
        let lower = beside.iter().copied();
        let lower: Vec<usize> = lower
            .filter(|other| pristine(*other) < pristine(number))
            .collect();
        let choice = if lower.is_empty() { beside } else { lower };
        // the upper half of the product is an even choice
        let index = (u128::from(chance) * choice.len() as u128) >> 64;
        choice.get(index as usize).copied()
    }

    /// Brings an image up to date when the atoms at a place change; `now` tells those at any other.
    pub(super) fn repaint(
        &self,
        canvas: &mut Canvas,
        number: usize,
        (before, after): (usize, usize),
        now: impl Fn(usize) -> usize,
    ) {
        let placed = &self.placed[number];
        let mut add = |stamps: &[Stamp], cell: [i32; 2], atoms: usize, sign: f32| {
            if let Some(stamp) = atoms.checked_sub(1).and_then(|n| stamps.get(n)) {
                canvas.add(cell, stamp, sign);
            }
        };
        add(&self.singles[placed.column], placed.cell, before, -1.0);
        add(&self.singles[placed.column], placed.cell, after, 1.0);
        for &(other, pair, cell) in &self.neighbours[number] {
            let beside = now(other);
            if before.min(beside) != after.min(beside) {
                add(&self.pairs[pair], cell, before.min(beside), -1.0);
                add(&self.pairs[pair], cell, after.min(beside), 1.0);
            }
        }
    }
}
