//! The specimen: a crystal, how it is turned and how large it is.

use super::numbers;
use clap::Args;
use dosewise::Result;
use dosewise::stem::{Crystal, Orientation, Structure, Tilt, Vibration};
use nalgebra::Vector3;
use serde_json::{Value, json};
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::PathBuf;

#[derive(Args)]
pub struct SpecimenOptions {
    /// Crystal structure, CIF.
    structure: PathBuf,
    /// Lattice direction along the beam.
    #[arg(
        long,
        value_name = "U,V,W",
        default_value = "0,0,1",
        allow_hyphen_values = true
    )]
    zone: String,
    /// Lattice direction to the right; the smallest cell decides if it is not given.
    #[arg(long, value_name = "U,V,W", allow_hyphen_values = true)]
    right: Option<String>,
    /// Largest shear that may make the cell orthogonal, mrad.
    #[arg(long, default_value_t = 0.0)]
    shear: f64,
    /// Thickness, Å; one cell if it is not given.
    #[arg(long, conflicts_with = "repeats")]
    thickness: Option<f64>,
    /// Least width and height of the simulated box, Å: the cell is repeated as often as it takes.
    #[arg(long, default_value_t = 16.0, conflicts_with = "repeats")]
    width: f64,
    /// How often the cell is repeated along x, y and z.
    #[arg(long, value_name = "X,Y,Z")]
    repeats: Option<String>,
    /// Tilt of the specimen towards y and x, mrad.
    #[arg(long, value_name = "Y,X", allow_hyphen_values = true)]
    tilt: Option<String>,
}

impl SpecimenOptions {
    /// One cell with the zone axis along the beam.
    pub fn cell(&self) -> Result<Structure> {
        let crystal = Crystal::read_cif(&self.structure)?;
        let zone = numbers::three("--zone", &self.zone)?;
        let mut orientation = Orientation::along(zone).sheared_up_to(1e-3 * self.shear);
        if let Some(right) = &self.right {
            orientation = orientation.right(numbers::three("--right", right)?);
        }
        Ok(crystal.orthogonal(orientation)?.structure)
    }

    /// The cell repeated.
    pub fn build(&self, cell: &Structure) -> Result<Structure> {
        match &self.repeats {
            Some(repeats) => cell.repeated(numbers::three("--repeats", repeats)?),
            None => {
                let thickness = self.thickness.unwrap_or(cell.extent().z);
                cell.repeated_to(Vector3::new(self.width, self.width, thickness))
            }
        }
    }

    /// How it is tilted against the beam.
    pub fn tilt(&self) -> Result<Tilt> {
        match &self.tilt {
            Some(tilt) => {
                let [y, x] = numbers::two("--tilt", tilt)?;
                Tilt::new(y, x)
            }
            None => Ok(Tilt::default()),
        }
    }

    /// Thickness asked for, Å.
    pub fn thickness(&self) -> Option<f64> {
        self.thickness
    }

    /// What a figure is called.
    pub fn title(&self) -> String {
        let stem = self.structure.file_stem().unwrap_or_default();
        let zone = self.zone.replace([',', ' '], "");
        format!("{} [{zone}]", stem.to_string_lossy())
    }

    /// The options, for the files of a scan.
    pub fn description(&self) -> Value {
        json!({
            "structure": self.structure.file_name().map(|name| name.to_string_lossy()),
            "zone": self.zone,
            "right": self.right,
            "shear": self.shear,
            "thickness": self.thickness,
            "width": self.width,
            "repeats": self.repeats,
            "tilt": self.tilt,
        })
    }
}

/// A number that differs when an atom does.
pub fn checksum(structure: &Structure) -> String {
    let mut hasher = DefaultHasher::new();
    let mut add = |value: f64| hasher.write_u64(value.to_bits());
    structure.extent().iter().copied().for_each(&mut add);
    for atom in structure.atoms() {
        add(f64::from(atom.element.atomic_number()));
        atom.position.iter().copied().for_each(&mut add);
        add(atom.occupancy);
        match atom.vibration {
            Vibration::None => add(0.0),
            Vibration::Isotropic(u) => add(u),
            Vibration::Anisotropic(covariance) => covariance.iter().copied().for_each(&mut add),
        }
    }
    format!("{:016x}", hasher.finish())
}
