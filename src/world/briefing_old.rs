//! What the operator of the microscope knows before the first electron.

use super::definition::{ClusterSection, DefectClassSection, Definition, Task};
use super::neighbourhood::Neighbourhood;
use crate::error::{Error, Result};
use crate::metric::QualityCurve;
use crate::stem::{
    AnnularDetector, Beam, Crystal, Element, IncoherentModel, Kernel, KnockOn, PerfectImage, Probe,
    ThermalMotion, columns,
};
use crate::units::{Dose, Point};
use nalgebra::{Rotation2, Vector3};
use std::collections::BTreeMap;
use std::path::Path;

/// Margin around the field in which the crystal goes on, Å: an atom beyond it cannot be seen from inside.
pub(crate) const MARGIN: f64 = 12.0;
/// One barn in Å².
const SQUARE_ANGSTROM_PER_BARN: f64 = 1e-8;
/// Atoms that stand closer than this in projection are one column, Å.
const COLUMN_TOLERANCE: f64 = 0.3;
/// Height of the bands in which sites are listed, Å.
const SITE_BAND: f64 = 2.8;
/// Time in which a current of 1 pA carries one electron, s.
const SECONDS_PER_ELECTRON_AT_ONE_PICOAMPERE: f64 =
    crate::stem::constants::ELEMENTARY_CHARGE / 1e-12;

/// A column of the perfect crystal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatticeSite {
    /// Place in the field, Å.
    pub position: Point,
    /// Element of the column.
    pub element: Element,
    /// Atoms in the column.
    pub atoms: u8,
    /// Rms thermal displacement per axis, Å.
    pub displacement: f64,
}

/// What is wrong with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// Some atoms are missing.
    Vacancy {
        /// How many.
        removed: u8,
    },
    /// Every atom is replaced by another element.
    Substitution {
        /// The element found instead.
        with: Element,
    },
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vacancy { removed: 1 } => write!(f, "single vacancy"),
            Self::Vacancy { removed } => write!(f, "{removed}-fold vacancy"),
            Self::Substitution { with } => write!(f, "{} substitution", with.symbol()),
        }
    }
}

/// One kind of defect and how often it occurs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DefectClass {
    /// Element of the columns that can have it.
    pub element: Element,
    /// What it is.
    pub defect: Defect,
    /// Mean fraction of those columns.
    pub density: f64,
}

/// The public side of a world: everything but the specimen. Navigators and analysts see this and their measurements.
#[derive(Debug)]
pub struct Briefing {
    /// Name of the world.
    pub name: String,
    /// Material, for people.
    pub material: String,
    /// Difficulty, 1 to 3.
    pub level: u8,
    /// What has to be found out.
    pub task: Task,
    /// Field height, Å.
    pub height: f64,
    /// Field width, Å.
    pub width: f64,
    /// Budget: mean dose over the field, e⁻/Å².
    pub budget: Dose,
    /// Columns of the perfect crystal inside the field.
    pub sites: Vec<LatticeSite>,
    /// Kinds of defect and their densities.
    pub classes: Vec<DefectClass>,
    /// How defects cluster, if they do.
    pub clusters: Option<ClusterSection>,
    /// Electrons per second that the beam carries.
    pub electrons_per_second: f64,
    /// Settling time per position, s.
    pub settle: f64,
    /// Flyback time per line, s.
    pub flyback: f64,
    /// Standard deviation of the readout noise, electrons.
    pub readout_noise: f64,
    /// Drift speed at the start, Å/s; its direction is not known.
    pub drift_speed: f64,
    /// Time constant of the drift, s.
    pub drift_decay: f64,
    /// Standard deviation of the line offset per axis, Å.
    pub line_jitter: f64,
    /// Standard deviation of the offset of a position per axis, Å.
    pub pixel_jitter: f64,
    pub(super) beyond: Vec<LatticeSite>,
    pub(super) blank_curve: QualityCurve,
    neighbourhood: Neighbourhood,
    cross_sections: BTreeMap<Element, f64>,
    /// Optics as they are: the simulator adds the jitter position by position.
    pub(super) optics: Optics,
    /// Optics as they appear on average, jitter included.
    expected: Optics,
}

/// Image of the perfect crystal, of single atoms, and of the beam itself.
#[derive(Debug)]
pub(crate) struct Optics {
    pub(crate) perfect: PerfectImage,
    pub(crate) atoms: BTreeMap<Element, Kernel>,
    pub(crate) illumination: Kernel,
}

impl Optics {
    fn new(
        model: &IncoherentModel,
        crystal: &Crystal,
        definition: &Definition,
        elements: &BTreeMap<Element, f64>,
    ) -> Result<Self> {
        let atoms = elements
            .iter()
            .map(|(&element, &u)| Ok((element, model.atom(element, u)?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        let rotation = Rotation2::new(definition.field.rotation_deg.to_radians());
        let in_plane = |v: Vector3<f64>| {
            let turned = rotation * v.xy();
            Point::new(turned.y, turned.x)
        };
        let matrix = crystal.cell().matrix();
        let vectors = [0, 1].map(|axis| in_plane(matrix.column(axis).into()));
        let [y, x] = definition.field.origin;
        let basis: Vec<(Point, &Kernel)> = crystal
            .sites()
            .iter()
            .map(|site| {
                (
                    in_plane(crystal.cell().cartesian(site.fractional)) + Point::new(y, x),
                    &atoms[&site.element],
                )
            })
            .collect();
        let perfect = PerfectImage::new(vectors, &basis)?;
        Ok(Self {
            perfect,
            illumination: model.illumination(),
            atoms,
        })
    }
}

impl Briefing {
    pub(super) fn new(definition: &Definition, file: &Path) -> Result<Self> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let crystal = Crystal::read_cif(folder.join(&definition.crystal))?;
        let beam = Beam::new(definition.beam.energy_kev)?;
        let probe = Probe::new(
            beam,
            definition.beam.semiangle_mrad,
            definition.beam.aberrations.clone(),
        )?;
        let detector = AnnularDetector::new(
            definition.detector.inner_mrad,
            definition.detector.outer_mrad,
        )?;
        // FWHM = sqrt(8 ln 2) σ
        let source = definition.beam.source_fwhm / (8.0 * 2.0_f64.ln()).sqrt();
        let model = IncoherentModel::new(probe, detector, source)?;
        let jitter = definition
            .scan
            .line_jitter
            .hypot(definition.scan.pixel_jitter);

        let element = |key: String, symbol: &str| -> Result<Element> {
            symbol.parse().map_err(|_| {
                Error::config(
                    file,
                    key,
                    format!("{symbol:?}"),
                    "the symbol of an element, H to Lr",
                )
            })
        };
        let present: BTreeMap<Element, f64> = crystal
            .sites()
            .iter()
            .map(|s| (s.element, s.rms_displacement.unwrap_or(0.0)))
            .collect();
        let unknown_motion = |element: Element| {
            let sites = crystal.sites().iter().filter(|s| s.element == element);
            sites.clone().count() == 0 || sites.clone().any(|s| s.rms_displacement.is_none())
        };
        let in_crystal = |key: String, symbol: &str| -> Result<Element> {
            let found = element(key.clone(), symbol)?;
            if present.contains_key(&found) {
                return Ok(found);
            }
            let allowed: Vec<&str> = present.keys().map(|e| e.symbol()).collect();
            Err(Error::config(
                file,
                key,
                format!("{symbol:?}"),
                format!("an element of the crystal: {}", allowed.join(", ")),
            ))
        };

        let mut imaged = present.clone();
        let mut classes = Vec::new();
        for (index, class) in definition.defects.class.iter().enumerate() {
            let key = |name: &str| format!("defects.class[{index}].{name}");
            classes.push(match class {
                DefectClassSection::Vacancy {
                    element,
                    removed,
                    density,
                } => DefectClass {
                    element: in_crystal(key("element"), element)?,
                    defect: Defect::Vacancy { removed: *removed },
                    density: *density,
                },
                DefectClassSection::Substitution {
                    element: host,
                    with,
                    density,
                } => {
                    let host = in_crystal(key("element"), host)?;
                    let with = element(key("with"), with)?;
                    imaged.entry(with).or_insert(present[&host]);
                    DefectClass {
                        element: host,
                        defect: Defect::Substitution { with },
                        density: *density,
                    }
                }
            });
        }
        let mut cross_sections = BTreeMap::new();
        for (index, entry) in definition.damage.element.iter().enumerate() {
            let key = |name: &str| format!("damage.element[{index}].{name}");
            let found = element(key("symbol"), &entry.symbol)?;
            if !imaged.contains_key(&found) {
                let known: Vec<&str> = imaged.keys().map(|e| e.symbol()).collect();
                let allowed = format!("an element of the specimen: {}", known.join(", "));
                let found = format!("{:?}", entry.symbol);
                return Err(Error::config(file, key("symbol"), found, allowed));
            }
            let bare = match (entry.cross_section_barn, entry.threshold_ev) {
                (Some(barn), _) => barn * SQUARE_ANGSTROM_PER_BARN,
                (None, Some(threshold)) => {
                    // How fast the atoms move follows from how far: without that there is no threshold law.
                    if unknown_motion(found) {
                        let allowed =
                            "cross_section_barn: the crystal file gives no thermal displacement";
                        return Err(Error::config(file, key("threshold_ev"), threshold, allowed));
                    }
                    let temperature = definition.damage.temperature_k;
                    let motion = ThermalMotion::einstein(found, imaged[&found], temperature)?;
                    KnockOn::new(found, threshold)?
                        .thermal_cross_section(beam, motion)?
                        .square_angstrom()
                }
                (None, None) => 0.0,
            };
            cross_sections.insert(found, bare * definition.damage.enhancement);
        }

        let (height, width) = (definition.field.height, definition.field.width);
        let mut sites = Vec::new();
        let mut beyond = Vec::new();
        let [y, x] = definition.field.origin;
        let shifted = Point::new(y + MARGIN, x + MARGIN);
        let rotation = definition.field.rotation_deg.to_radians();
        let atoms = crystal.atoms_in_field(
            height + 2.0 * MARGIN,
            width + 2.0 * MARGIN,
            rotation,
            shifted,
        )?;
        for column in columns(&atoms, COLUMN_TOLERANCE)? {
            let position = column.position - Point::new(MARGIN, MARGIN);
            let element = atoms[column.atoms[0]].element;
            if let Some(other) = column.atoms.iter().find(|&&a| atoms[a].element != element) {
                let found = format!("a column of {element} and {}", atoms[*other].element);
                let allowed = "a crystal whose projected columns hold one element each";
                return Err(Error::config(file, "crystal", found, allowed));
            }
            let site = LatticeSite {
                position,
                element,
                atoms: u8::try_from(column.atoms.len()).unwrap_or(u8::MAX),
                displacement: present[&element],
            };
            let inside =
                (0.0..=height).contains(&position.y) && (0.0..=width).contains(&position.x);
            if inside {
                sites.push(site)
            } else {
                beyond.push(site)
            }
        }
        // Scan order: bands of about one column spacing, each from left to right.
        let band = |site: &LatticeSite| (site.position.y / SITE_BAND).floor();
        let scan_order = |a: &LatticeSite, b: &LatticeSite| {
            band(a)
                .total_cmp(&band(b))
                .then(a.position.x.total_cmp(&b.position.x))
        };
        sites.sort_by(scan_order);
        for (index, class) in classes.iter().enumerate() {
            let atoms = sites
                .iter()
                .filter(|s| s.element == class.element)
                .map(|s| s.atoms)
                .min()
                .unwrap_or(0);
            if let Defect::Vacancy { removed } = class.defect
                && removed > atoms
            {
                let allowed = format!("1 to {atoms}, the atoms in a column");
                return Err(Error::config(
                    file,
                    format!("defects.class[{index}].removed"),
                    removed,
                    allowed,
                ));
            }
        }
        let positions: Vec<Point> = sites.iter().map(|s| s.position).collect();
        let optics = Optics::new(&model, &crystal, definition, &imaged)?;
        let expected = Optics::new(
            &model.with_blur(source.hypot(jitter))?,
            &crystal,
            definition,
            &imaged,
        )?;
        Ok(Self {
            name: definition.name.clone(),
            material: definition.material.clone(),
            level: definition.level,
            task: definition.task,
            height,
            width,
            budget: Dose(definition.budget.dose),
            sites,
            classes,
            clusters: definition.defects.clusters,
            electrons_per_second: definition.beam.current_pa
                / SECONDS_PER_ELECTRON_AT_ONE_PICOAMPERE,
            settle: definition.scan.settle_us * 1e-6,
            flyback: definition.scan.flyback_us * 1e-6,
            readout_noise: definition.detector.readout_noise,
            drift_speed: definition.scan.drift_speed,
            drift_decay: definition.scan.drift_decay,
            line_jitter: definition.scan.line_jitter,
            pixel_jitter: definition.scan.pixel_jitter,
            beyond,
            blank_curve: QualityCurve::new(definition.budget.dose)?,
            neighbourhood: Neighbourhood::new(&positions),
            cross_sections,
            optics,
            expected,
        })
    }

    /// Area of the field, Å².
    pub fn area(&self) -> f64 {
        self.height * self.width
    }

    /// The budget in electrons.
    pub fn budget_electrons(&self) -> f64 {
        self.budget.electrons(self.area())
    }

    /// Cross section for losing one atom of `element`, Å² per incident e⁻/Å² (enhancement included); zero if it is stable.
    pub fn cross_section(&self, element: Element) -> f64 {
        self.cross_sections.get(&element).copied().unwrap_or(0.0)
    }

    /// Fraction of the electrons detected over the perfect crystal at `place`, averaged over the jitter.
    pub fn perfect_image(&self, place: Point) -> f64 {
        self.expected.perfect.at(place)
    }

    /// Fraction of the electrons that one atom of `element` sends to the detector when the probe is at an offset
    /// (`dy`, `dx`) Å from it, averaged over the jitter; zero for elements that the world does not hold.
    pub fn atom_response(&self, element: Element, dy: f64, dx: f64) -> f64 {
        self.expected
            .atoms
            .get(&element)
            .map_or(0.0, |kernel| kernel.at(dy, dx))
    }

    /// Intensity of the beam at a place from which its aim is off by (`dy`, `dx`) Å, averaged over the jitter, 1/Å².
    pub fn illumination(&self, dy: f64, dx: f64) -> f64 {
        self.expected.illumination.at(dy, dx).max(0.0)
    }

    /// Indices of the sites within `radius` Å of `place`, in a fixed order.
    pub fn sites_near(&self, place: Point, radius: f64) -> impl Iterator<Item = usize> + '_ {
        let near = move |&index: &usize| self.sites[index].position.distance(place) < radius;
        self.neighbourhood.candidates(place, radius).filter(near)
    }

    /// Probability that a column of `element` is a defect of any kind.
    pub fn prevalence(&self, element: Element) -> f64 {
        self.classes
            .iter()
            .filter(|c| c.element == element)
            .map(|c| c.density)
            .sum::<f64>()
            .min(1.0)
    }
}
