//! How easily the beam knocks atoms out of a world's crystal.

use super::definition::{DamageSection, Definition};
use crate::error::{Error, Result};
use crate::stem::{Beam, Crystal, Element, KnockOn, ThermalMotion};
use std::collections::BTreeMap;
use std::path::Path;

/// One barn in Å².
const SQUARE_ANGSTROM_PER_BARN: f64 = 1e-8;

/// Cross sections for losing an atom, Å² per incident e⁻/Å², of the elements that a world lets go.
pub(super) fn cross_sections(
    definition: &Definition,
    crystal: &Crystal,
    beam: Beam,
    file: &Path,
) -> Result<BTreeMap<Element, f64>> {
    let DamageSection {
        element: sections,
        temperature_k,
        ..
    } = &definition.damage;
    let mut found = BTreeMap::new();
    for (index, section) in sections.iter().enumerate() {
        let key = |name: &str| format!("damage.element[{index}].{name}");
        let sites = || {
            crystal
                .sites()
                .iter()
                .filter(|s| s.element == section.symbol)
        };
        if sites().next().is_none() {
            let mut known: Vec<&str> = crystal.sites().iter().map(|s| s.element.symbol()).collect();
            known.sort_unstable();
            known.dedup();
            let allowed = format!("an element of the crystal: {}", known.join(", "));
            let found = format!("{:?}", section.symbol.symbol());
            return Err(Error::config(file, key("symbol"), found, allowed));
        }
        let bare = match (section.cross_section_barn, section.threshold_ev) {
            (Some(barn), _) => barn * SQUARE_ANGSTROM_PER_BARN,
            (None, Some(threshold)) => {
                // How fast the atoms move follows from how far: without that there is no threshold law.
                let known = sites().map(|s| s.rms_displacement);
                let Some(Some(displacement)) = known.reduce(|a, b| a.and(b)) else {
                    let allowed =
                        "cross_section_barn: the crystal file gives no thermal displacement";
                    return Err(Error::config(file, key("threshold_ev"), threshold, allowed));
                };
                let motion = ThermalMotion::einstein(section.symbol, displacement, *temperature_k)?;
                KnockOn::new(section.symbol, threshold)?
                    .thermal_cross_section(beam, motion)?
                    .square_angstrom()
            }
            (None, None) => 0.0,
        };
        found.insert(section.symbol, bare * section.enhancement);
    }
    Ok(found)
}
