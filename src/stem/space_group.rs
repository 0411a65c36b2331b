//! The symmetry operations of a space group from its name, for files that do not write them out.

use super::symmetry::SymmetryOperation;
use crate::{Error, Result};
use moyo::data::{HallSymbol, HallSymbolEntry, hall_symbol_entry};
use nalgebra::{Matrix3, Vector3};

/// Number of settings in the tables (Hall, Acta Cryst. A37 (1981) 517; International Tables B, table A1.4.2.7).
const SETTINGS: i32 = 530;

/// Names of before 1992 that databases still use, and those with the double glide plane e (de Wolff et al., Acta Cryst. A48
/// (1992) 727).
const OLDER_NAMES: [(&str, &str); 5] = [
    ("abm2", "aem2"),
    ("aba2", "aea2"),
    ("cmca", "cmce"),
    ("cmma", "cmme"),
    ("ccca", "ccce"),
];

/// One of the 230 space groups in one of its settings: which axes, which origin.
///
/// ```
/// use dosewise::stem::SpaceGroup;
/// let group = SpaceGroup::named("F m -3 m")?;
/// assert_eq!((group.number(), group.operations().len()), (225, 192)); // 48 point operations, 4 centrings
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceGroup {
    number: u16,
    hall: String,
    operations: Vec<SymmetryOperation>,
}

impl SpaceGroup {
    /// The group of a Hall symbol, such as `-P 2ybc`, which says axes and origin.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is none of the 530 tabulated ones.
    pub fn from_hall(symbol: &str) -> Result<Self> {
        let wanted = bare(symbol);
        let found = entries().find(|entry| bare(entry.hall_symbol) == wanted);
        found.map(|entry| Self::from_entry(&entry)).ok_or_else(|| {
            Error::argument(
                "Hall symbol",
                shown(symbol),
                "one of the 530 tabulated ones, such as `-P 2ybc`",
            )
        })
    }

    /// The group of a Hermann-Mauguin symbol, short or full, with or without spaces, such as `P 21/c`, `Fm-3m` or
    /// `F d -3 m :2`; what stands behind a colon (or a final `S`, `Z`, `H`, `R`) tells origin or axes.
    ///
    /// A short monoclinic symbol means unique axis b and cell choice 1. Rhombohedral groups are on hexagonal axes
    /// unless `:R` says otherwise.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is no space group, or one with two origins and nothing that tells which.
    pub fn named(symbol: &str) -> Result<Self> {
        let (name, setting) = split_setting(symbol);
        let wanted = bare(name);
        let wanted = OLDER_NAMES
            .iter()
            .find(|(old, _)| *old == wanted)
            .map_or(wanted, |(_, new)| (*new).to_owned());
        let ways: [fn(&HallSymbolEntry) -> String; 3] = [
            |entry| bare(entry.hm_full),
            |entry| bare(entry.hm_short),
            // `P 21/n`: a full symbol without the axes that carry nothing
            |entry| {
                entry
                    .hm_full
                    .split(' ')
                    .filter(|part| *part != "1")
                    .map(bare)
                    .collect()
            },
        ];
        let candidates = ways
            .iter()
            .map(|way| entries().filter(|e| way(e) == wanted).collect());
        let candidates = candidates
            .into_iter()
            .find(|found: &Vec<_>| !found.is_empty());
        Self::choose(
            "space group",
            symbol,
            candidates.unwrap_or_default(),
            setting.as_deref(),
        )
    }

    /// The group of this number (1..=230) in the standard setting of the International Tables: unique axis b, cell choice 1,
    /// hexagonal axes.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number, and for the 24 groups that are tabulated with two origins.
    pub fn numbered(number: u16) -> Result<Self> {
        let candidates = entries()
            .filter(|e| e.number == i32::from(number))
            .collect();
        Self::choose("space group number", &number.to_string(), candidates, None)
    }

    /// Number in the International Tables, 1..=230.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The Hall symbol of the setting.
    pub fn hall(&self) -> &str {
        &self.hall
    }

    /// All operations, centring translations written out, the identity first.
    pub fn operations(&self) -> &[SymmetryOperation] {
        &self.operations
    }

    /// The setting that is asked for, or else the standard one: the first that the tables list, as long as origins are
    /// not what the settings differ in.
    fn choose(
        what: &str,
        asked: &str,
        candidates: Vec<HallSymbolEntry>,
        setting: Option<&str>,
    ) -> Result<Self> {
        let Some(first) = candidates.first() else {
            let allowed = "one of the 230 space groups, by a symbol such as `P 21/c` or by 1..=230";
            return Err(Error::argument(what, shown(asked), allowed));
        };
        let chosen = match setting {
            Some(setting) => candidates
                .iter()
                .find(|e| e.setting.eq_ignore_ascii_case(setting)),
            None if first.setting.starts_with('1') => None,
            None => Some(first),
        };
        chosen.map(Self::from_entry).ok_or_else(|| {
            let known: Vec<String> = candidates
                .iter()
                .map(|e| format!("`{} :{}`", e.hm_short, e.setting))
                .collect();
            let allowed = format!("a setting that tells the origin: {}", known.join(", "));
            Error::argument(what, shown(asked), allowed)
        })
    }

    fn from_entry(entry: &HallSymbolEntry) -> Self {
        let hall =
            HallSymbol::new(entry.hall_symbol).expect("the tabulated symbols are well formed");
        let coset = hall.traverse();
        let operations = hall
            .centering
            .lattice_points()
            .iter()
            .flat_map(|centring| {
                coset.iter().map(move |operation| {
                    let rotation: Matrix3<f64> = operation.rotation.map(f64::from);
                    let translation: Vector3<f64> = operation.translation + centring;
                    SymmetryOperation::new(rotation, translation.map(|t| t.rem_euclid(1.0)))
                })
            })
            .collect();
        Self {
            number: entry.number as u16,
            hall: entry.hall_symbol.to_owned(),
            operations,
        }
    }
}

fn entries() -> impl Iterator<Item = HallSymbolEntry> {
    (1..=SETTINGS).filter_map(hall_symbol_entry)
}

/// Letters without spaces and underscores, all small.
fn bare(symbol: &str) -> String {
    let kept = symbol.chars().filter(|c| !c.is_whitespace() && *c != '_');
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

fn shown(symbol: &str) -> String {
    let start: String = symbol.chars().take(40).collect();
    format!("`{}`", start.escape_debug())
}

/// The symbol and what it says of its setting: behind a colon, or as databases write, a last letter of its own.
fn split_setting(symbol: &str) -> (&str, Option<String>) {
    let symbol = symbol.trim();
    let (name, setting) = match symbol.split_once(':') {
        Some((name, setting)) => (name, setting.trim()),
        None => match symbol.rsplit_once(char::is_whitespace) {
            Some((name, letter)) if matches!(letter, "S" | "Z" | "H" | "R") => (name, letter),
            _ => return (symbol, None),
        },
    };
    let setting = match setting {
        "S" | "s" => "1",
        "Z" | "z" => "2",
        other => other,
    };
    (name, Some(setting.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_setting_is_a_group_of_the_order_of_its_class_times_its_centrings() {
        for entry in entries() {
            let group = SpaceGroup::from_entry(&entry);
            let twelfths = |t: f64| (t * 24.0).round().rem_euclid(24.0) as i32;
            let key = |operation: &SymmetryOperation| {
                let (r, t) = (operation.rotation(), operation.translation());
                (r.map(|x| x as i32), t.map(twelfths))
            };
            let all: HashSet<_> = group.operations.iter().map(key).collect();
            assert_eq!(all.len(), group.operations.len(), "{}", group.hall);
            assert_eq!(group.operations[0], SymmetryOperation::identity());
            // closed under products: enough to try all pairs of a few
            for one in group.operations.iter().step_by(5) {
                for other in &group.operations {
                    let product = one.after(other);
                    assert!(all.contains(&key(&product)), "{}", group.hall);
                }
            }
        }
    }

    /// Orders of the groups from the International Tables: multiplicity of the general position.
    #[test]
    fn multiplicities_of_general_positions() {
        for (name, number, multiplicity) in [
            ("P 1", 1, 1),
            ("P 21/c", 14, 4),
            ("P 1 21/n 1", 14, 4),
            ("P 21/n", 14, 4),
            ("C m c a", 64, 16),
            ("P n m a", 62, 8),
            ("Pbnm", 62, 8),
            ("P4mm", 99, 8),
            ("I 4/m c m", 140, 32),
            ("P 63/m m c", 194, 24),
            ("R -3 m", 166, 36),
            ("R -3 m :R", 166, 12),
            ("R -3 m H", 166, 36),
            ("P m -3 m", 221, 48),
            ("Fm-3m", 225, 192),
            ("F d -3 m :2", 227, 192),
            ("F d -3 m S", 227, 192),
            ("I a -3 d", 230, 96),
        ] {
            let group = SpaceGroup::named(name).unwrap();
            let found = (group.number(), group.operations().len());
            assert_eq!(found, (number, multiplicity), "{name}");
        }
        assert_eq!(SpaceGroup::numbered(14).unwrap().hall(), "-P 2ybc");
        assert_eq!(SpaceGroup::from_hall("-F 4vw 2vw 3").unwrap().number(), 227);
    }

    #[test]
    fn what_is_no_group_or_leaves_the_origin_open_is_refused() {
        for (wrong, part) in [
            ("F d -3 m", "`F d -3 m :2`"),
            ("P 7", "`P 7`"),
            ("", "``"),
            ("F d -3 m :9", ":1"),
        ] {
            let message = SpaceGroup::named(wrong).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        assert!(SpaceGroup::numbered(0).is_err());
        assert!(SpaceGroup::numbered(231).is_err());
        assert!(SpaceGroup::numbered(227).is_err());
        assert!(SpaceGroup::from_hall("P 2ybcd").is_err());
    }
}
