//! Chemical elements: symbol, atomic number, name and mass.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A chemical element from hydrogen (1) to lawrencium (103), the range of the scattering tables.
///
/// Written and read as its symbol, e.g. in configuration files.
///
/// ```
/// use dosewise::stem::Element;
/// let molybdenum: Element = "Mo".parse()?;
/// assert_eq!(molybdenum.atomic_number(), 42);
/// assert!("mo".parse::<Element>().unwrap_err().to_string().contains("`Mo`"));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Element {
    atomic_number: u8,
}

impl Element {
    /// Largest atomic number that is known here (lawrencium).
    pub const MAX_ATOMIC_NUMBER: u8 = TABLE.len() as u8;

    /// The element with atomic number Z.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `atomic_number` is within 1..=103.
    pub fn from_atomic_number(atomic_number: u8) -> Result<Self> {
        if (1..=Self::MAX_ATOMIC_NUMBER).contains(&atomic_number) {
            Ok(Self { atomic_number })
        } else {
            Err(Error::argument(
                "atomic_number",
                atomic_number,
                "an atomic number of 1..=103",
            ))
        }
    }

    /// All elements, by rising atomic number.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::MAX_ATOMIC_NUMBER).map(|atomic_number| Self { atomic_number })
    }

    /// Atomic number Z.
    pub fn atomic_number(self) -> u8 {
        self.atomic_number
    }

    /// Chemical symbol, e.g. `Mo`.
    pub fn symbol(self) -> &'static str {
        self.row().0
    }

    /// English name in lower case, IUPAC spelling, e.g. `molybdenum`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Standard atomic weight, u; for elements without one, the mass number of the customary isotope.
    ///
    /// Source: IUPAC standard atomic weights 2021 (abridged to one value where IUPAC gives an interval), Prohaska et
    /// al., Pure Appl. Chem. 94 (2022) 573, doi 10.1515/pac-2019-0603.
    pub fn mass(self) -> f64 {
        self.row().2
    }

    /// The element of an atom label such as `S1`, `Mo4+`, `SR2` or `C1A`, as crystallographic files write them.
    ///
    /// The leading letters decide: all of them, else the first two, else the first, whatever their case; `D`
    /// (deuterium) is hydrogen. `None` if none of these is an element.
    pub fn from_label(label: &str) -> Option<Self> {
        let letters: String = label
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        if letters.eq_ignore_ascii_case("D") {
            return Some(Self { atomic_number: 1 });
        }
        [letters.len(), 2, 1]
            .into_iter()
            .filter_map(|length| letters.get(..length))
            .find_map(Self::from_symbol_ignoring_case)
    }

    fn from_symbol_ignoring_case(symbol: &str) -> Option<Self> {
        Self::all().find(|element| element.symbol().eq_ignore_ascii_case(symbol))
    }

    fn row(self) -> &'static (&'static str, &'static str, f64) {
        &TABLE[usize::from(self.atomic_number) - 1]
    }
}

impl FromStr for Element {
    type Err = Error;

    /// Reads a chemical symbol in its proper capitals.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(element) = Self::all().find(|element| element.symbol() == text) {
            return Ok(element);
        }
        let trimmed = text.trim();
        let near_miss = Self::all().find(|element| {
            element.symbol().eq_ignore_ascii_case(trimmed)
                || element.name().eq_ignore_ascii_case(trimmed)
        });
        let allowed = near_miss.map_or_else(
            || "a chemical symbol from H to Lr, such as `Mo`".to_owned(),
            |element| format!("`{}`", element.symbol()),
        );
        Err(Error::argument("element", format!("`{text}`"), allowed))
    }
}

impl TryFrom<String> for Element {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Element> for String {
    fn from(element: Element) -> Self {
        element.symbol().to_owned()
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.symbol())
    }
}

/// Symbol, name and mass (u); the element with atomic number Z stands at index Z − 1.
#[rustfmt::skip]
const TABLE: [(&str, &str, f64); 103] = [
    ("H", "hydrogen", 1.008),
    ("He", "helium", 4.002602),
    ("Li", "lithium", 6.94),
    ("Be", "beryllium", 9.0121831),
    ("B", "boron", 10.81),
    ("C", "carbon", 12.011),
    ("N", "nitrogen", 14.007),
    ("O", "oxygen", 15.999),
    ("F", "fluorine", 18.998403162),
    ("Ne", "neon", 20.1797),
    ("Na", "sodium", 22.98976928),
    ("Mg", "magnesium", 24.305),
    ("Al", "aluminium", 26.9815384),
    ("Si", "silicon", 28.085),
    ("P", "phosphorus", 30.973761998),
    ("S", "sulfur", 32.06),
    ("Cl", "chlorine", 35.45),
    ("Ar", "argon", 39.95),
    ("K", "potassium", 39.0983),
    ("Ca", "calcium", 40.078),
    ("Sc", "scandium", 44.955907),
    ("Ti", "titanium", 47.867),
    ("V", "vanadium", 50.9415),
    ("Cr", "chromium", 51.9961),
    ("Mn", "manganese", 54.938043),
    ("Fe", "iron", 55.845),
    ("Co", "cobalt", 58.933194),
    ("Ni", "nickel", 58.6934),
    ("Cu", "copper", 63.546),
    ("Zn", "zinc", 65.38),
    ("Ga", "gallium", 69.723),
    ("Ge", "germanium", 72.63),
    ("As", "arsenic", 74.921595),
    ("Se", "selenium", 78.971),
    ("Br", "bromine", 79.904),
    ("Kr", "krypton", 83.798),
    ("Rb", "rubidium", 85.4678),
    ("Sr", "strontium", 87.62),
    ("Y", "yttrium", 88.905838),
    ("Zr", "zirconium", 91.224),
    ("Nb", "niobium", 92.90637),
    ("Mo", "molybdenum", 95.95),
    ("Tc", "technetium", 98.0),
    ("Ru", "ruthenium", 101.07),
    ("Rh", "rhodium", 102.90549),
    ("Pd", "palladium", 106.42),
    ("Ag", "silver", 107.8682),
    ("Cd", "cadmium", 112.414),
    ("In", "indium", 114.818),
    ("Sn", "tin", 118.71),
    ("Sb", "antimony", 121.76),
    ("Te", "tellurium", 127.6),
    ("I", "iodine", 126.90447),
    ("Xe", "xenon", 131.293),
    ("Cs", "caesium", 132.90545196),
    ("Ba", "barium", 137.327),
    ("La", "lanthanum", 138.90547),
    ("Ce", "cerium", 140.116),
    ("Pr", "praseodymium", 140.90766),
    ("Nd", "neodymium", 144.242),
    ("Pm", "promethium", 145.0),
    ("Sm", "samarium", 150.36),
    ("Eu", "europium", 151.964),
    ("Gd", "gadolinium", 157.25),
    ("Tb", "terbium", 158.925354),
    ("Dy", "dysprosium", 162.5),
    ("Ho", "holmium", 164.930329),
    ("Er", "erbium", 167.259),
    ("Tm", "thulium", 168.934219),
    ("Yb", "ytterbium", 173.045),
    ("Lu", "lutetium", 174.9668),
    ("Hf", "hafnium", 178.486),
    ("Ta", "tantalum", 180.94788),
    ("W", "tungsten", 183.84),
    ("Re", "rhenium", 186.207),
    ("Os", "osmium", 190.23),
    ("Ir", "iridium", 192.217),
    ("Pt", "platinum", 195.084),
    ("Au", "gold", 196.96657),
    ("Hg", "mercury", 200.592),
    ("Tl", "thallium", 204.38),
    ("Pb", "lead", 207.2),
    ("Bi", "bismuth", 208.9804),
    ("Po", "polonium", 209.0),
    ("At", "astatine", 210.0),
    ("Rn", "radon", 222.0),
    ("Fr", "francium", 223.0),
    ("Ra", "radium", 226.0),
    ("Ac", "actinium", 227.0),
    ("Th", "thorium", 232.0377),
    ("Pa", "protactinium", 231.03588),
    ("U", "uranium", 238.02891),
    ("Np", "neptunium", 237.0),
    ("Pu", "plutonium", 244.0),
    ("Am", "americium", 243.0),
    ("Cm", "curium", 247.0),
    ("Bk", "berkelium", 247.0),
    ("Cf", "californium", 251.0),
    ("Es", "einsteinium", 252.0),
    ("Fm", "fermium", 257.0),
    ("Md", "mendelevium", 258.0),
    ("No", "nobelium", 259.0),
    ("Lr", "lawrencium", 262.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_found_again_by_symbol_and_number() {
        assert_eq!(Element::all().count(), 103);
        for element in Element::all() {
            assert_eq!(element.symbol().parse::<Element>().unwrap(), element);
            let number = element.atomic_number();
            assert_eq!(Element::from_atomic_number(number).unwrap(), element);
            assert_eq!(Element::from_label(element.symbol()), Some(element));
        }
        assert!(Element::from_atomic_number(0).is_err());
        assert!(Element::from_atomic_number(104).is_err());
    }

    #[test]
    fn near_misses_name_the_allowed_form() {
        for (text, allowed) in [
            ("MO", "`Mo`"),
            ("sulfur", "`S`"),
            (" Au", "`Au`"),
            ("Xq", "from H to Lr"),
            ("", "from H to Lr"),
        ] {
            let message = text.parse::<Element>().unwrap_err().to_string();
            assert!(message.contains(allowed), "{message}");
            assert!(message.contains(&format!("`{text}`")), "{message}");
        }
    }

    #[test]
    fn labels_of_crystallographic_files() {
        for (label, symbol) in [
            ("S1", "S"),
            ("Mo4+", "Mo"),
            ("SR2", "Sr"),
            ("C1A", "C"),
            ("OW1", "O"),
            ("D2", "H"),
            ("Pb", "Pb"),
        ] {
            assert_eq!(Element::from_label(label).unwrap().symbol(), symbol);
        }
        for label in ["", "12", "?", "Q1", "é"] {
            assert_eq!(Element::from_label(label), None);
        }
    }

    #[test]
    fn serialises_as_its_symbol() {
        let gold: Element = serde_json::from_str("\"Au\"").unwrap();
        assert_eq!(gold.atomic_number(), 79);
        assert_eq!(serde_json::to_string(&gold).unwrap(), "\"Au\"");
        assert!(serde_json::from_str::<Element>("\"Zz\"").is_err());
    }
}
