//! From the data names of a CIF block to a [`Crystal`].

use super::cell::Cell;
use super::cif::{Block, Cif, Value};
use super::crystal::{Crystal, Site, is_covariance};
use super::element::Element;
use super::space_group::SpaceGroup;
use super::symmetry::SymmetryOperation;
use crate::{Error, Result};
use nalgebra::{Matrix3, Vector3};
use std::f64::consts::PI;
use std::path::Path;

/// Data names for the operators, the current one and its predecessor.
const SYMMETRY: [&str; 2] = [
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
];

/// Data names for the space group, which says how the atoms repeat where the operators are not written out: the most
/// telling first.
const SPACE_GROUP: [(&str, Naming); 6] = [
    ("_space_group_name_hall", Naming::Hall),
    ("_symmetry_space_group_name_hall", Naming::Hall),
    ("_space_group_name_h-m_alt", Naming::HermannMauguin),
    ("_symmetry_space_group_name_h-m", Naming::HermannMauguin),
    ("_space_group_it_number", Naming::Number),
    ("_symmetry_int_tables_number", Naming::Number),
];

#[derive(Clone, Copy)]
enum Naming {
    Hall,
    HermannMauguin,
    Number,
}

const COORDINATES: [&str; 3] = [
    "_atom_site_fract_x",
    "_atom_site_fract_y",
    "_atom_site_fract_z",
];

impl Crystal {
    /// Reads the first data block that lists atoms from the CIF file at `path`.
    ///
    /// Used are: the six cell parameters; the symmetry operators (`_space_group_symop_operation_xyz` or
    /// `_symmetry_equiv_pos_as_xyz`), else the space group (Hall symbol, Hermann-Mauguin symbol or number, see
    /// [`SpaceGroup`]), else the list is the whole cell; per atom the fractional coordinates, the element
    /// (`_atom_site_type_symbol`, else the label), the occupancy (1 if absent) and the displacement, isotropic
    /// (`_atom_site_U_iso_or_equiv` or `_atom_site_B_iso_or_equiv`, B = 8π²U) and anisotropic (`_atom_site_aniso_U_11`
    /// to `_23`, or `_B_`).
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Parse`] with line, found and allowed for everything else.
    pub fn read_cif(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_cif(&Cif::read(path)?)
    }

    /// As [`Crystal::read_cif`], from the content of a file that is called `file` in errors.
    ///
    /// # Errors
    /// [`Error::Parse`].
    pub fn parse_cif(bytes: &[u8], file: impl AsRef<Path>) -> Result<Self> {
        Self::from_cif(&Cif::parse(bytes, file)?)
    }

    /// The crystal of the first block of `cif` that lists atoms.
    ///
    /// # Errors
    /// [`Error::Parse`].
    pub fn from_cif(cif: &Cif) -> Result<Self> {
        let with_atoms = |block: &&Block| block.column(COORDINATES[0]).is_some();
        let block = cif.blocks().iter().find(with_atoms);
        Self::from_block(block.unwrap_or(&cif.blocks()[0]))
    }

    fn from_block(block: &Block) -> Result<Self> {
        let cell = cell(block)?;
        let symmetry = symmetry(block, &cell)?;
        let (mut sites, line) = sites(block)?;
        add_anisotropy(block, &cell, &mut sites)?;
        Self::new(cell, &sites, &symmetry).map_err(|error| at_line(error, block, line))
    }
}

/// Turns an error about an argument into one about a line of the file.
fn at_line(error: Error, block: &Block, line: usize) -> Error {
    match error {
        Error::Argument {
            argument,
            found,
            allowed,
        } => block.error(line, format!("{argument} {found}"), &allowed),
        other => other,
    }
}

/// The values of a required data name.
fn required<'a>(block: &'a Block, name: &str) -> Result<Vec<&'a Value>> {
    block.column(name).ok_or_else(|| {
        block.error(
            block.line(),
            format!("the block `data_{}` without {name}", block.name()),
            "a block with the cell, and the label and fractional coordinates of each atom",
        )
    })
}

fn cell(block: &Block) -> Result<Cell> {
    let mut parameters = [0.0; 6];
    let mut lines = [0; 6];
    for (i, name) in Cell::PARAMETERS.into_iter().enumerate() {
        let name = format!("_{name}");
        let value = required(block, &name)?[0];
        parameters[i] = block.number(&name, value)?;
        lines[i] = value.line();
    }
    let [a, b, c, alpha, beta, gamma] = parameters;
    Cell::new([a, b, c], [alpha, beta, gamma]).map_err(|error| {
        let culprit = match &error {
            Error::Argument { argument, .. } => {
                Cell::PARAMETERS.iter().position(|name| name == argument)
            }
            _ => None,
        };
        at_line(error, block, lines[culprit.unwrap_or(0)])
    })
}

fn symmetry(block: &Block, cell: &Cell) -> Result<Vec<SymmetryOperation>> {
    let operators = SYMMETRY.iter().find_map(|name| block.column(name));
    let operators: Vec<&Value> = operators
        .into_iter()
        .flatten()
        .filter(|value| !value.is_missing())
        .collect();
    if !operators.is_empty() {
        return operators
            .into_iter()
            .map(|value| {
                let operation = value.text().parse();
                operation.map_err(|error| at_line(error, block, value.line()))
            })
            .collect();
    }
    let group = SPACE_GROUP
        .iter()
        .filter_map(|(name, naming)| Some((name, naming, block.value(name)?)))
        .find(|(_, _, value)| !value.is_missing());
    let Some((name, naming, value)) = group else {
        return Ok(Vec::new());
    };
    let found = match naming {
        Naming::Hall => SpaceGroup::from_hall(value.text()),
        Naming::HermannMauguin => SpaceGroup::named(&on_axes_of(cell, value.text())),
        Naming::Number => {
            let number = block.number(name, value)?;
            SpaceGroup::numbered(number.clamp(0.0, 999.0) as u16)
        }
    };
    let group = found.map_err(|error| {
        let (allowed, found) = match error {
            Error::Argument { found, allowed, .. } => (allowed, found),
            other => (String::new(), other.to_string()),
        };
        let allowed = format!("{allowed}; or the operators under _space_group_symop_operation_xyz");
        block.error(value.line(), format!("{name} {found}"), &allowed)
    })?;
    Ok(group.operations().to_vec())
}

/// The symbol of a rhombohedral group as the cell has it, which is on rhombohedral axes unless γ = 120°.
fn on_axes_of(cell: &Cell, symbol: &str) -> String {
    let a = cell.matrix().column(0);
    let b = cell.matrix().column(1);
    let hexagonal = (a.angle(&b).to_degrees() - 120.0).abs() < 1.0;
    let told = symbol.contains(':') || symbol.trim_end().ends_with(" H");
    if symbol.trim_start().starts_with(['R', 'r']) && !told && !hexagonal {
        format!("{symbol} :R")
    } else {
        symbol.to_owned()
    }
}

/// The listed sites, and the line on which the list starts.
fn sites(block: &Block) -> Result<(Vec<Site>, usize)> {
    let [x, y, z] = {
        let mut columns = COORDINATES.map(|_| Vec::new());
        for (column, name) in columns.iter_mut().zip(COORDINATES) {
            *column = required(block, name)?;
        }
        columns
    };
    let line = x[0].line();
    let rows = x.len();
    let optional = |name: &str| -> Result<Option<Vec<&Value>>> {
        match block.column(name) {
            Some(column) if column.len() != rows => Err(block.error(
                line,
                format!("{} values of {name} for {rows} atoms", column.len()),
                "all atom-site columns in one loop",
            )),
            column => Ok(column),
        }
    };
    optional(COORDINATES[1])?;
    optional(COORDINATES[2])?;
    let types = optional("_atom_site_type_symbol")?;
    let labels = optional("_atom_site_label")?;
    let occupancies = optional("_atom_site_occupancy")?;
    let displacements = [
        ("_atom_site_u_iso_or_equiv", 1.0),
        ("_atom_site_b_iso_or_equiv", 1.0 / (8.0 * PI * PI)),
    ];
    let displacements = displacements
        .into_iter()
        .find_map(|(name, scale)| match optional(name) {
            Ok(None) => None,
            Ok(Some(column)) => Some(Ok((name, scale, column))),
            Err(error) => Some(Err(error)),
        })
        .transpose()?;

    let mut sites = Vec::with_capacity(rows);
    for row in 0..rows {
        let fractional = Vector3::new(
            block.number(COORDINATES[0], x[row])?,
            block.number(COORDINATES[1], y[row])?,
            block.number(COORDINATES[2], z[row])?,
        );
        let type_symbol = types.as_ref().map(|column| column[row]);
        let label = labels.as_ref().map(|column| column[row]);
        let element = element(block, x[row].line(), type_symbol, label)?;
        let occupancy = match occupancies.as_ref().map(|column| column[row]) {
            Some(value) if !value.is_missing() => {
                within_unit(block, "_atom_site_occupancy", value, 1.0)?
            }
            _ => 1.0,
        };
        let rms_displacement = match &displacements {
            Some((name, scale, column)) if !column[row].is_missing() => {
                Some(within_unit(block, name, column[row], *scale)?.sqrt())
            }
            _ => None,
        };
        sites.push(Site {
            label: label.map_or_else(|| element.symbol().to_owned(), |l| l.text().to_owned()),
            element,
            fractional,
            occupancy,
            rms_displacement,
            covariance: None,
        });
    }
    Ok((sites, line))
}

/// Adds the anisotropic displacements, which stand in a list of their own, by the labels of the sites.
///
/// U refers to reciprocal unit vectors: a displacement has the fractional covariance N U N with N = diag(a*, b*, c*), and
/// with A the matrix of the lattice vectors the Cartesian one A N U N Aᵀ (Grosse-Kunstleve & Adams, J. Appl. Cryst. 35
/// (2002) 477).
fn add_anisotropy(block: &Block, cell: &Cell, sites: &mut [Site]) -> Result<()> {
    let Some(labels) = block.column("_atom_site_aniso_label") else {
        return Ok(());
    };
    const PAIRS: [(usize, usize); 6] = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)];
    let columns = |kind: char| -> Option<Vec<(String, Vec<&Value>)>> {
        let column = |(i, j): &(usize, usize)| {
            let name = format!("_atom_site_aniso_{kind}_{}{}", i + 1, j + 1);
            let column = block.column(&name)?;
            (column.len() == labels.len()).then_some((name, column))
        };
        PAIRS.iter().map(column).collect()
    };
    let (scale, columns) = match (columns('u'), columns('b')) {
        (Some(columns), _) => (1.0, columns),
        (None, Some(columns)) => (1.0 / (8.0 * PI * PI), columns),
        (None, None) => return Ok(()),
    };
    let lengths = [0, 1, 2].map(|i| cell.inverse().row(i).norm());
    let to_cartesian = cell.matrix() * Matrix3::from_diagonal(&lengths.into());
    for (row, label) in labels.iter().enumerate() {
        if columns.iter().any(|(_, column)| column[row].is_missing()) {
            continue;
        }
        let mut tensor = Matrix3::zeros();
        for ((i, j), (name, column)) in PAIRS.into_iter().zip(&columns) {
            let value = scale * block.number(name, column[row])?;
            (tensor[(i, j)], tensor[(j, i)]) = (value, value);
        }
        let covariance = to_cartesian * tensor * to_cartesian.transpose();
        // exactly symmetric, whatever the rounding
        let covariance = 0.5 * (covariance + covariance.transpose());
        if !is_covariance(&covariance) {
            return Err(block.error(
                label.line(),
                format!(
                    "an anisotropic displacement of {} that is no covariance",
                    label.text()
                ),
                "a tensor without negative mean squares, up to 1 Å²",
            ));
        }
        for site in sites.iter_mut().filter(|site| site.label == label.text()) {
            site.covariance = Some(covariance);
            let mean_square = (covariance.trace() / 3.0).max(0.0);
            site.rms_displacement.get_or_insert(mean_square.sqrt());
        }
    }
    Ok(())
}

/// A number that must lie in 0..=1 after scaling.
fn within_unit(block: &Block, name: &str, value: &Value, scale: f64) -> Result<f64> {
    let scaled = scale * block.number(name, value)?;
    if (0.0..=1.0).contains(&scaled) {
        return Ok(scaled);
    }
    let limit = format!("a value of 0..={:.4}", 1.0 / scale);
    Err(block.error(value.line(), format!("{name} = {}", value.text()), &limit))
}

/// The element from the type symbol, whose letters must all belong to it, else from the label.
fn element(
    block: &Block,
    line: usize,
    type_symbol: Option<&Value>,
    label: Option<&Value>,
) -> Result<Element> {
    let present = |value: Option<&'_ Value>| value.is_some_and(|v| !v.is_missing());
    let (name, value, found) = match (type_symbol, label) {
        (Some(symbol), _) if present(type_symbol) => {
            let letters = symbol.text().bytes().take_while(u8::is_ascii_alphabetic);
            let element =
                Element::from_label(symbol.text()).filter(|e| e.symbol().len() == letters.count());
            ("_atom_site_type_symbol", symbol, element)
        }
        (_, Some(label)) if !label.is_missing() => {
            ("_atom_site_label", label, Element::from_label(label.text()))
        }
        _ => {
            return Err(block.error(
                line,
                "an atom without element",
                "a chemical symbol under _atom_site_type_symbol or _atom_site_label",
            ));
        }
    };
    found.ok_or_else(|| {
        block.error(
            value.line(),
            format!("{name} `{}`, no known element", value.text()),
            "a chemical symbol from H to Lr, with or without a charge or number",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: &str = "data_x\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 5\n\
        _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n";

    fn parse(rest: &str) -> Result<Crystal> {
        Crystal::parse_cif(format!("{CELL}{rest}").as_bytes(), "x.cif")
    }

    const NAMES: &str = "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n\
        _atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n_atom_site_B_iso_or_equiv\n";

    #[test]
    fn elements_occupancies_and_displacements() {
        let atoms = format!("{NAMES}A1 Mo4+ 0 0 0 . 0.5\nSR2 ? .5 .5 .5 0.25(1) ?\n");
        let crystal = parse(&atoms).unwrap();
        let [molybdenum, strontium] = crystal.sites() else {
            panic!("two sites expected");
        };
        assert_eq!(molybdenum.element.symbol(), "Mo");
        assert_eq!(
            (molybdenum.label.as_str(), molybdenum.occupancy),
            ("A1", 1.0)
        );
        let u = molybdenum.rms_displacement.unwrap();
        assert!((8.0 * PI * PI * u * u - 0.5).abs() < 1e-14);
        assert_eq!(strontium.element.symbol(), "Sr");
        assert_eq!(strontium.occupancy, 0.25);
        assert_eq!(strontium.rms_displacement, None);
    }

    #[test]
    fn a_space_group_without_operators_repeats_the_atoms() {
        for group in [
            "_symmetry_Int_Tables_number 221\n",
            "_space_group_name_H-M_alt 'P m -3 m'\n",
            "_symmetry_space_group_name_Hall '-P 4 2 3'\n",
        ] {
            let crystal = parse(&format!("{group}{NAMES}O O 0.5 0.5 0 1 0.5\n")).unwrap();
            assert_eq!(crystal.sites().len(), 3, "{group}");
        }
    }

    /// U along b doubled in a cell with b ⟂ c: the turned image has it along the turned axis.
    #[test]
    fn anisotropic_displacements_turn_with_their_atoms() {
        let text = format!(
            "loop_ _symmetry_equiv_pos_as_xyz\nx,y,z\n-y,x,z+1/2\n{NAMES}S1 S 0.1 0.2 0 1 ?\n\
            loop_ _atom_site_aniso_label _atom_site_aniso_U_11 _atom_site_aniso_U_22 _atom_site_aniso_U_33\n\
            _atom_site_aniso_U_12 _atom_site_aniso_U_13 _atom_site_aniso_U_23\n\
            S1 0.01(1) 0.02 0.03 0.001 0 0.002\n"
        );
        let crystal = parse(&text).unwrap();
        let [here, turned] = crystal.sites() else {
            panic!("two sites expected");
        };
        let wanted = Matrix3::new(0.01, 0.001, 0.0, 0.001, 0.02, 0.002, 0.0, 0.002, 0.03);
        assert!((here.covariance.unwrap() - wanted).norm() < 1e-15);
        // a quarter turn takes (x, y) to (-y, x)
        let wanted = Matrix3::new(0.02, -0.001, -0.002, -0.001, 0.01, 0.0, -0.002, 0.0, 0.03);
        assert!((turned.covariance.unwrap() - wanted).norm() < 1e-15);
        assert!((here.rms_displacement.unwrap() - 0.02_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let group = "_symmetry_Int_Tables_number 227\n";
        for (rest, parts) in [
            (String::new(), ["line 1", "without _atom_site_fract_x"]),
            (
                format!("{NAMES}A Xx 0 0 0 1 1\n"),
                ["line 16", "`Xx`, no known element"],
            ),
            (
                format!("{NAMES}? ? 0 0 0 1 1\n"),
                ["line 16", "an atom without element"],
            ),
            (
                format!("{NAMES}S S 0 ? 0 1 1\n"),
                ["line 16", "_atom_site_fract_y = `?`"],
            ),
            (
                format!("{NAMES}S S 0 0 0 2 1\n"),
                ["line 16", "_atom_site_occupancy = 2"],
            ),
            (
                format!("{NAMES}S S 0 0 0 1 -1\n"),
                ["line 16", "iso_or_equiv = -1"],
            ),
            (
                format!("{NAMES}S S 0 0 1e9 1 1\n"),
                ["line 16", "fractional coordinates of site S"],
            ),
            (
                format!("{group}{NAMES}S S 0 0 0 1 1\n"),
                ["line 8", "a setting that tells the origin"],
            ),
            (
                format!("loop_ _symmetry_equiv_pos_as_xyz\nx,y,z\nx,y,q\n{NAMES}S S 0 0 0 1 1\n"),
                ["line 10", "`x,y,q`"],
            ),
            (
                format!("{NAMES}S S 0 0 0 1 1\nloop_ _atom_site_U_iso_or_equiv 1 2\n"),
                [
                    "line 16",
                    "2 values of _atom_site_u_iso_or_equiv for 1 atoms",
                ],
            ),
        ] {
            let message = parse(&rest).unwrap_err().to_string();
            assert!(message.starts_with("x.cif"), "{message}");
            for part in parts {
                assert!(message.contains(part), "{message} should hold {part}");
            }
        }
    }

    #[test]
    fn mistakes_in_the_cell_are_named_with_their_line() {
        for (from, to, parts) in [
            (
                "_cell_length_b 4",
                "_cell_length_b -4",
                ["line 3", "cell_length_b -4"],
            ),
            (
                "_cell_length_b 4",
                "_cell_length_b nan",
                ["line 3", "_cell_length_b = `nan`"],
            ),
            (
                "_cell_length_b 4\n",
                "",
                ["line 1", "without _cell_length_b"],
            ),
            (
                "_cell_angle_alpha 90",
                "_cell_angle_alpha 200",
                ["line 5", "cell_angle_alpha 200"],
            ),
            (
                "_cell_angle_alpha 90",
                "_cell_angle_alpha 179",
                ["line 7", "span a volume"],
            ),
        ] {
            let text = format!("{CELL}{NAMES}S S 0 0 0 1 1\n").replace(from, to);
            let text = text.replace("_cell_angle_beta 90", "_cell_angle_beta 50");
            let error = Crystal::parse_cif(text.as_bytes(), "x.cif").unwrap_err();
            let message = error.to_string();
            for part in parts {
                assert!(message.contains(part), "{message} should hold {part}");
            }
        }
    }
}
