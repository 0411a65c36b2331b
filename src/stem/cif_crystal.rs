//! From the data names of a CIF block to a [`Crystal`].

use super::cell::Cell;
use super::cif::{Block, Cif, Value};
use super::crystal::{Crystal, Site};
use super::element::Element;
use super::symmetry::SymmetryOperation;
use crate::{Error, Result};
use nalgebra::Vector3;
use std::f64::consts::PI;
use std::path::Path;

/// Data names for the operators, the current one and its predecessor.
const SYMMETRY: [&str; 2] = [
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
];

/// Data names for the space group, which alone does not say how the atoms repeat.
const SPACE_GROUP: [&str; 6] = [
    "_space_group_it_number",
    "_symmetry_int_tables_number",
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_hall",
    "_symmetry_space_group_name_hall",
];

const COORDINATES: [&str; 3] = [
    "_atom_site_fract_x",
    "_atom_site_fract_y",
    "_atom_site_fract_z",
];

impl Crystal {
    /// Reads the first data block that lists atoms from the CIF file at `path`.
    ///
    /// Used are: the six cell parameters; the symmetry operators (`_space_group_symop_operation_xyz` or
    /// `_symmetry_equiv_pos_as_xyz`; without them and without a space group other than P1 the list is the whole
    /// cell); per atom the fractional coordinates, the element (`_atom_site_type_symbol`, else the label), the
    /// occupancy (1 if absent) and the isotropic displacement (`_atom_site_U_iso_or_equiv` or
    /// `_atom_site_B_iso_or_equiv`, B = 8π²U; anisotropic tensors are not read).
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
        let symmetry = symmetry(block)?;
        let (sites, line) = sites(block)?;
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

fn symmetry(block: &Block) -> Result<Vec<SymmetryOperation>> {
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
        .filter_map(|name| block.value(name).map(|value| (name, value)))
        .find(|(_, value)| !value.is_missing() && !is_p1(value.text()));
    match group {
        None => Ok(Vec::new()),
        Some((name, value)) => Err(block.error(
            value.line(),
            format!("{name} `{}` without symmetry operators", value.text()),
            "the operators written out under _space_group_symop_operation_xyz, or all atoms of the cell in P1",
        )),
    }
}

fn is_p1(group: &str) -> bool {
    let compact: String = group.split_whitespace().collect();
    matches!(compact.as_str(), "P1" | "p1" | "1")
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
        });
    }
    Ok((sites, line))
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
    fn mistakes_are_named_with_their_line() {
        let group = "_symmetry_Int_Tables_number 221\n";
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
                ["line 8", "`221` without symmetry operators"],
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
