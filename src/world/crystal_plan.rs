//! A crystal with point defects: its image, its columns, and what the beam may take from them.

use super::cell_columns::{CellColumn, Look, cell_columns};
use super::definition::Definition;
use super::image::{Stamp, Tile};
use super::imager::{Imager, Lens};
use super::lattice::Lattice;
use super::material::Material;
use super::site::{Appearance, Hypothesis, LatticeSite, SiteKind};
use crate::error::{Error, Result};
use crate::stem::Element;
use crate::stem::library::Library;
use crate::units::Point;
use std::collections::BTreeMap;
use std::path::Path;

/// A kind of defect and how often it occurs.
#[derive(Debug, Clone, PartialEq)]
pub struct DefectClass {
    /// Its name in the material, e.g. `V_S`.
    pub name: String,
    /// Element of the columns that can have it.
    pub element: Element,
    /// Mean fraction of those columns.
    pub density: f64,
}

/// A column of the field or of the margin around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// Number of the column in the cell.
    pub column: usize,
    /// Number of the cell (row, column) on the lattice.
    pub cell: [i32; 2],
    /// Place in the crystal, Å.
    pub crystal: Point,
    pub site: LatticeSite,
}

/// What specimens of a crystal with point defects have in common.
#[derive(Debug)]
pub(super) struct CrystalPlan {
    pub tile: Tile,
    /// For each column of the cell that may differ, what each appearance adds to the image.
    pub stamps: Vec<Vec<Stamp>>,
    /// The columns of the field first, in scan order.
    pub placed: Vec<Placed>,
    /// How many of them are in the field.
    pub inside: usize,
}

/// What is known of such a crystal.
#[derive(Debug)]
pub(super) struct CrystalFacts {
    pub tile: Tile,
    pub kinds: Vec<SiteKind>,
    pub classes: Vec<DefectClass>,
}

/// Height of the bands in which sites are listed, Å.
const SITE_BAND: f64 = 2.8;

/// The plan under the optics as they are, and the facts under the optics as they appear on average.
pub(super) fn plan(
    definition: &Definition,
    file: &Path,
    (material, library): (&Material, &Library),
    (lens, expected): (&Lens, &Lens),
    lattice: &Lattice,
    cross_sections: &BTreeMap<Element, f64>,
) -> Result<(CrystalPlan, CrystalFacts)> {
    let classes = classes(definition, material, file)?;
    let is_asked = |column: &CellColumn| {
        classes.iter().any(|(c, _)| c.element == column.element)
            || cross_sections.contains_key(&column.element)
    };
    let columns: Vec<CellColumn> = cell_columns(material.recipe().cell())
        .into_iter()
        .filter(is_asked)
        .collect();
    let mut kinds: Vec<SiteKind> = Vec::new();
    let mut looks: Vec<Vec<Look>> = Vec::new();
    let mut kind_of = Vec::new();
    let (sharp, blurred) = (
        Imager::new(library, lens, 0)?,
        Imager::new(library, expected, 0)?,
    );
    for column in &columns {
        let known = kinds
            .iter()
            .position(|kind| (kind.element, kind.atoms) == (column.element, column.atoms.len()));
        kind_of.push(known.unwrap_or(kinds.len()));
        if known.is_some() {
            continue;
        }
        let sigma = cross_sections.get(&column.element).copied().unwrap_or(0.0);
        let (kind, own) = kind(column, &classes, sigma, material, &blurred, file)?;
        kinds.push(kind);
        looks.push(own);
    }
    let mut stamps = Vec::new();
    for (column, &kind) in columns.iter().zip(&kind_of) {
        let own = looks[kind].iter();
        let drawn = own.map(|look| look.stamp(column, material, &sharp));
        stamps.push(drawn.collect::<Result<Vec<_>>>()?);
    }
    let (placed, inside) = placed(definition, lattice, &columns, &kind_of);
    let plan = CrystalPlan {
        tile: sharp.tile(0, 0, [0.0; 2])?,
        stamps,
        placed,
        inside,
    };
    let facts = CrystalFacts {
        tile: blurred.tile(0, 0, [0.0; 2])?,
        kinds,
        classes: classes.into_iter().map(|(class, _)| class).collect(),
    };
    Ok((plan, facts))
}

/// The classes with the numbers of their defects in the material.
fn classes(
    definition: &Definition,
    material: &Material,
    file: &Path,
) -> Result<Vec<(DefectClass, usize)>> {
    let sections = definition.defects.iter().flat_map(|d| &d.class);
    let mut classes: Vec<(DefectClass, usize)> = Vec::new();
    for (index, section) in sections.enumerate() {
        let known = material.defects();
        let Some(number) = known.iter().position(|d| d.name == section.defect) else {
            let names: Vec<&str> = known.iter().map(|d| d.name.as_str()).collect();
            return Err(Error::config(
                file,
                format!("defects.class[{index}].defect"),
                format!("{:?}", section.defect),
                format!("a defect of the material: {}", names.join(", ")),
            ));
        };
        let element = known[number].element;
        // However many classes there are, most columns stay perfect.
        let before = classes.iter().filter(|(c, _)| c.element == element);
        let together = section.density + before.map(|(c, _)| c.density).sum::<f64>();
        if together > 0.5 {
            return Err(Error::config(
                file,
                format!("defects.class[{index}].density"),
                format!("{together} together with the classes before it"),
                format!("at most 0.5 of the columns of {}", element.symbol()),
            ));
        }
        let class = DefectClass {
            name: section.defect.clone(),
            element,
            density: section.density,
        };
        classes.push((class, number));
    }
    Ok(classes)
}

/// A kind of column with the looks of its appearances, in the same order.
fn kind(
    column: &CellColumn,
    classes: &[(DefectClass, usize)],
    cross_section: f64,
    material: &Material,
    imager: &Imager<'_>,
    file: &Path,
) -> Result<(SiteKind, Vec<Look>)> {
    let whole = column.atoms.len();
    let mut looks = vec![Look::Lacking(0)];
    let mut number_of = |look: Look| {
        let known = looks.iter().position(|l| *l == look);
        known.unwrap_or_else(|| {
            looks.push(look);
            looks.len() - 1
        })
    };
    // an atom in the beam's way may go; one that replaces another stays
    let losing = |from: usize| {
        let last = if cross_section > 0.0 { whole } else { from };
        (from..=last).map(Look::Lacking).collect::<Vec<_>>()
    };
    let own = || {
        classes
            .iter()
            .enumerate()
            .filter(|(_, (c, _))| c.element == column.element)
    };
    let defective: f64 = own().map(|(_, (c, _))| c.density).sum();
    let mut hypotheses = vec![Hypothesis {
        class: None,
        number: 0.0,
        prior: 1.0 - defective,
        chain: losing(0).into_iter().map(&mut number_of).collect(),
        cross_section,
    }];
    for (index, (class, defect)) in own() {
        let chain = match Look::of(*defect, &material.defects()[*defect], column) {
            Look::Lacking(lost) if lost > whole => {
                let allowed = format!("a defect of columns of {whole} atoms");
                let key = format!("defects.class[{index}].defect");
                return Err(Error::config(
                    file,
                    key,
                    format!("{:?}", class.name),
                    allowed,
                ));
            }
            Look::Lacking(lost) => losing(lost),
            look => vec![look],
        };
        let chain = chain.into_iter().map(&mut number_of).collect();
        hypotheses.push(Hypothesis {
            class: Some(index),
            number: 1.0,
            prior: class.density,
            chain,
            cross_section,
        });
    }
    let mut appearances = Vec::with_capacity(looks.len());
    for look in &looks {
        appearances.push(Appearance {
            name: look.name(column, material),
            seen: look.stamp(column, material, imager)?,
        });
    }
    let kind = SiteKind {
        element: column.element,
        atoms: whole,
        hypotheses,
        appearances,
    };
    Ok((kind, looks))
}

/// All columns of the lattice, those of the field first, in bands of about one column spacing from left to right.
pub(super) fn placed(
    definition: &Definition,
    lattice: &Lattice,
    columns: &[CellColumn],
    kind_of: &[usize],
) -> (Vec<Placed>, usize) {
    let ([rows, cells], [height, width]) = (lattice.shape(), lattice.period());
    let mut all = Vec::with_capacity(rows * cells * columns.len());
    for row in 0..rows {
        for cell in 0..cells {
            for (column, own) in columns.iter().enumerate() {
                let corner = Point::new(row as f64 * height, cell as f64 * width);
                let crystal = corner + own.offset;
                all.push(Placed {
                    column,
                    cell: [row as i32, cell as i32],
                    crystal,
                    site: LatticeSite {
                        position: lattice.to_field(crystal),
                        kind: kind_of[column],
                    },
                });
            }
        }
    }
    let field = &definition.field;
    let is_inside = |placed: &Placed| {
        let place = placed.site.position;
        (0.0..=field.height).contains(&place.y) && (0.0..=field.width).contains(&place.x)
    };
    let band = |placed: &Placed| (placed.site.position.y / SITE_BAND).floor();
    let (mut inside, beyond): (Vec<_>, Vec<_>) = all.into_iter().partition(is_inside);
    inside.sort_by(|a, b| {
        let along = a.site.position.x.total_cmp(&b.site.position.x);
        band(a).total_cmp(&band(b)).then(along)
    });
    let count = inside.len();
    inside.extend(beyond);
    (inside, count)
}
