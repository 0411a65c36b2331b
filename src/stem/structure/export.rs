//! Structures in files that other programs open.

use super::{Structure, Vibration};
use crate::Result;
use crate::whole_file::write_whole;
use std::fmt::Write;
use std::path::Path;

impl Structure {
    /// Writes extended XYZ: the box as `Lattice`, per atom symbol, place (Å) and occupancy. Opens in ASE, OVITO, VESTA.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the file cannot be written.
    pub fn save_xyz(&self, file: impl AsRef<Path>) -> Result<()> {
        let extent = self.extent();
        let mut text = format!(
            "{}\nLattice=\"{} 0 0 0 {} 0 0 0 {}\" Properties=species:S:1:pos:R:3:occupancy:R:1 pbc=\"T T F\"\n",
            self.atoms().len(),
            extent.x,
            extent.y,
            extent.z
        );
        for atom in self.atoms() {
            let (symbol, place) = (atom.element.symbol(), atom.position);
            let line = (symbol, place.x, place.y, place.z, atom.occupancy);
            writeln!(
                text,
                "{} {} {} {} {}",
                line.0, line.1, line.2, line.3, line.4
            )
            .expect("text grows without fail");
        }
        write_whole(file.as_ref(), text.as_bytes())
    }

    /// Writes CIF: the box as a cell of space group P 1, per atom fractional place, occupancy and displacement. Reading it
    /// again gives the same atoms.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the file cannot be written.
    pub fn save_cif(&self, file: impl AsRef<Path>) -> Result<()> {
        let extent = self.extent();
        let mut text = format!(
            "data_structure\n_cell_length_a {}\n_cell_length_b {}\n_cell_length_c {}\n_cell_angle_alpha 90\n\
             _cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P 1'\n_space_group_IT_number 1\n\
             loop_\n_space_group_symop_operation_xyz\n'x,y,z'\n\
             loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n\
             _atom_site_fract_z\n_atom_site_occupancy\n_atom_site_U_iso_or_equiv\n",
            extent.x, extent.y, extent.z
        );
        let mut tensors = String::new();
        for (index, atom) in self.atoms().iter().enumerate() {
            let (symbol, place) = (atom.element.symbol(), atom.position.component_div(&extent));
            let label = format!("{symbol}{}", index + 1);
            let mean_square = match atom.vibration {
                Vibration::None => "?".to_owned(),
                Vibration::Isotropic(u) => (u * u).to_string(),
                Vibration::Anisotropic(u) => {
                    let parts = [
                        u[(0, 0)],
                        u[(1, 1)],
                        u[(2, 2)],
                        u[(0, 1)],
                        u[(0, 2)],
                        u[(1, 2)],
                    ];
                    let parts = parts.map(|part| part.to_string()).join(" ");
                    writeln!(tensors, "{label} {parts}").expect("text grows without fail");
                    (u.trace() / 3.0).to_string()
                }
            };
            let occupancy = atom.occupancy;
            let place = format!("{} {} {}", place.x, place.y, place.z);
            writeln!(text, "{label} {symbol} {place} {occupancy} {mean_square}")
                .expect("text grows without fail");
        }
        if !tensors.is_empty() {
            text += "loop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\n_atom_site_aniso_U_22\n\
                     _atom_site_aniso_U_33\n_atom_site_aniso_U_12\n_atom_site_aniso_U_13\n_atom_site_aniso_U_23\n";
            text += &tensors;
        }
        write_whole(file.as_ref(), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Orientation, PlacedAtom};
    use super::*;
    use crate::stem::Crystal;
    use nalgebra::{Matrix3, Vector3};

    fn structure() -> Structure {
        let tensor = Matrix3::new(0.01, 0.001, 0.0, 0.001, 0.02, 0.002, 0.0, 0.002, 0.03);
        let at =
            |symbol: &str, x, y, z| PlacedAtom::new(symbol.parse().unwrap(), Vector3::new(x, y, z));
        let atoms = vec![
            at("Sr", 0.0, 0.0, 0.0).vibration(Vibration::Isotropic(0.09)),
            at("O", 1.3, 2.7, 3.9)
                .vibration(Vibration::Anisotropic(tensor))
                .occupancy(0.75),
        ];
        Structure::new(Vector3::new(4.0, 5.0, 6.0), atoms).unwrap()
    }

    #[test]
    fn a_cif_that_is_read_again_holds_the_same_atoms() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cell.cif");
        structure().save_cif(&file).unwrap();
        let crystal = Crystal::read_cif(&file).unwrap();
        let again = crystal
            .orthogonal(Orientation::along([0, 0, 1]).right([1, 0, 0]))
            .unwrap();
        let again = again.structure;
        assert!((again.extent() - structure().extent()).norm() < 1e-12);
        for (found, wanted) in again.atoms().iter().zip(structure().atoms()) {
            assert_eq!(
                (found.element, found.occupancy),
                (wanted.element, wanted.occupancy)
            );
            assert!((found.position - wanted.position).norm() < 1e-12);
            match (found.vibration, wanted.vibration) {
                (Vibration::Isotropic(a), Vibration::Isotropic(b)) => {
                    assert!((a - b).abs() < 1e-12)
                }
                (Vibration::Anisotropic(a), Vibration::Anisotropic(b)) => {
                    assert!((a - b).norm() < 1e-12)
                }
                (a, b) => panic!("{a:?} should be {b:?}"),
            }
        }
    }

    #[test]
    fn xyz_names_box_and_atoms() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/atoms.xyz");
        structure().save_xyz(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (4, "2"));
        assert!(
            lines[1].starts_with("Lattice=\"4 0 0 0 5 0 0 0 6\""),
            "{}",
            lines[1]
        );
        assert_eq!(lines[3], "O 1.3 2.7 3.9 0.75");
    }
}
