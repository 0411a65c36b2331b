//! What a library is made from.

use super::expansion::TERMS;
use super::imaging::check_reach;
use super::lattice::Lattice;
use super::motif::{Change, Edit, Island, Motif, check_edits};
use super::record::Record;
use super::{series, window};
use crate::stem::response::KERNEL_RADIUS;
use crate::stem::{
    Aberrations, AnnularDetector, AtomicMotion, Beam, Element, Multislice, PlacedAtom, Probe,
    Sampling, Structure,
};
use crate::{Error, Result};
use nalgebra::{Vector2, Vector3};

/// What a box adds to the diameter of the window, Å: there the probe at the rim meets the specimen's own image.
const MARGIN: f64 = 3.0;
/// Range of the edges of a pixel, Å.
const PIXELS: std::ops::RangeInclusive<f64> = 0.01..=0.5;
/// Largest box in which anything is computed, Å.
const LARGEST_BOX: f64 = 500.0;

/// A crystal, a beam, the detectors and the defects: all that the numbers of a [`Library`](super::Library) follow from.
///
/// The probe is the ideal one, without aberrations, unless said otherwise, and from a point source; what another one changes
/// is applied when a field is assembled, see [`Imaging`](super::Imaging).
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub(super) probe: Probe,
    pub(super) detectors: Vec<AnnularDetector>,
    /// The crystal and its variants, all of one extent.
    pub(super) states: Vec<Structure>,
    pub(super) pixel: f64,
    pub(super) slice_thickness: f64,
    pub(super) exit_thicknesses: Vec<f64>,
    pub(super) motion: AtomicMotion,
    pub(super) least_box: f64,
    pub(super) window: f64,
    pub(super) motifs: Vec<Motif>,
    pub(super) islands: Vec<Island>,
    pub(super) any_aberrations: bool,
}

impl Recipe {
    /// The responses of a crystal to a beam of convergence semi-angle `semiangle_mrad` on some detectors.
    ///
    /// `cell` is one period across the beam and the whole specimen along it: 20 nm of a crystal are so many of its cells on
    /// top of one another. A cell without atoms is vacuum, for islands alone. Unless said otherwise pixels are 0.05 Å,
    /// slices 1 Å, atoms stand still, the perfect crystal is computed in a box of at least 30 Å, and a defect is seen up
    /// to 6 Å from it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a semi-angle as [`Probe::new`], an aperture beyond 2.4 1/Å, no detector or more than 64,
    /// and a cell wider than 100 Å.
    pub fn new(
        cell: &Structure,
        beam: Beam,
        semiangle_mrad: f64,
        detectors: &[AnnularDetector],
    ) -> Result<Self> {
        let probe = Probe::new(beam, semiangle_mrad, Aberrations::default())?;
        if window::stride(2.0 * probe.cutoff()).is_none() {
            return Err(Error::argument(
                "semiangle_mrad",
                format!(
                    "{semiangle_mrad} mrad, an aperture of {:.3} 1/Å",
                    probe.cutoff()
                ),
                "an aperture of at most 2.4 1/Å",
            ));
        }
        if !(1..=64).contains(&detectors.len()) {
            return Err(Error::argument(
                "detectors",
                detectors.len(),
                "1..=64 detectors",
            ));
        }
        let extent = cell.extent();
        if extent.x.max(extent.y) > 100.0 {
            let found = format!("{} × {} Å", extent.x, extent.y);
            return Err(Error::argument(
                "cell",
                found,
                "at most 100 Å across the beam",
            ));
        }
        Ok(Self {
            probe,
            detectors: detectors.to_vec(),
            states: vec![cell.clone()],
            pixel: 0.05,
            slice_thickness: 1.0,
            exit_thicknesses: Vec::new(),
            motion: AtomicMotion::Still,
            least_box: 30.0,
            window: 6.0,
            motifs: Vec::new(),
            islands: Vec::new(),
            any_aberrations: false,
        })
    }

    /// Pixels of the wave of at most this edge, Å: the whole number to a cell that the transforms like, the same in every
    /// box.
    ///
    /// # Errors
    /// [`Error::Argument`] outside 0.01..=0.5 Å.
    pub fn pixel(self, pixel: f64) -> Result<Self> {
        if !PIXELS.contains(&pixel) {
            return Err(Error::argument("pixel", pixel, "0.01..=0.5 Å"));
        }
        Ok(Self { pixel, ..self })
    }

    /// Slices of at most this thickness, Å.
    ///
    /// # Errors
    /// [`Error::Argument`] outside 0.01..=100 Å.
    pub fn slice_thickness(self, slice_thickness: f64) -> Result<Self> {
        if !(0.01..=100.0).contains(&slice_thickness) {
            let rule = "0.01..=100 Å";
            return Err(Error::argument("slice_thickness", slice_thickness, rule));
        }
        Ok(Self {
            slice_thickness,
            ..self
        })
    }

    /// Responses of these thicknesses (Å), which come from the same waves; see [`Multislice::exit_thicknesses`].
    ///
    /// # Errors
    /// [`Error::Argument`] for more than 64, or one that is not above 0 and within the cell.
    pub fn exit_thicknesses(self, thicknesses: &[f64]) -> Result<Self> {
        let height = self.cell().extent().z;
        let sound = |t: &f64| *t > 0.0 && *t <= height * (1.0 + 1e-9);
        if let Some(bad) = thicknesses.iter().find(|t| !sound(t)) {
            let rule = format!("above 0, up to the height of the cell, {height} Å");
            return Err(Error::argument("thicknesses", bad, rule));
        }
        if thicknesses.len() > 64 {
            return Err(Error::argument(
                "thicknesses",
                thicknesses.len(),
                "at most 64",
            ));
        }
        Ok(Self {
            exit_thicknesses: thicknesses.to_vec(),
            ..self
        })
    }

    /// How the vibration of the atoms enters.
    pub fn motion(self, motion: AtomicMotion) -> Self {
        Self { motion, ..self }
    }

    /// With the probe of a lens that has these aberrations. Unless all are round, a defect takes as many probes as its
    /// symmetry would have saved, and grains cannot be turned: the aberrations would turn with them.
    ///
    /// # Errors
    /// [`Error::Argument`] for aberrations that throw rays more than 8 Å from the aim.
    pub fn aberrations(self, aberrations: &Aberrations) -> Result<Self> {
        let (beam, angle) = (self.probe.beam(), self.probe.semiangle_mrad());
        check_reach(aberrations, angle)?;
        let probe = Probe::new(beam, angle, aberrations.clone())?;
        Ok(Self { probe, ..self })
    }

    /// Ready for aberrations that are not known yet, on detectors that see no direct beam: [`Imaging`](super::Imaging) says
    /// how, and how well. The plane waves of the aperture pass the crystal besides, in a box that holds the window: on a
    /// monolayer of MoS₂ 425 at 30 mrad and 80 kV.
    pub fn any_aberrations(self) -> Self {
        Self {
            any_aberrations: true,
            ..self
        }
    }

    /// Computes the perfect crystal in a box of at least this width, Å: the wider, the more plane waves make up the
    /// aperture. Of 15.8 Å, 0.6 % of the range of an MoS₂ image was left as an error (80 kV, 30 mrad).
    ///
    /// # Errors
    /// [`Error::Argument`] outside 5..=500 Å.
    pub fn least_box(self, least_box: f64) -> Result<Self> {
        if !(5.0..=LARGEST_BOX).contains(&least_box) {
            return Err(Error::argument("least_box", least_box, "5..=500 Å"));
        }
        Ok(Self { least_box, ..self })
    }

    /// Sees a defect up to so far from it, Å; the last ångström fades out.
    ///
    /// # Errors
    /// [`Error::Argument`] outside 2..=8 Å.
    pub fn window(self, window: f64) -> Result<Self> {
        if !(2.0..=KERNEL_RADIUS).contains(&window) {
            let rule = format!("2..={KERNEL_RADIUS} Å");
            return Err(Error::argument("window", window, rule));
        }
        Ok(Self { window, ..self })
    }

    /// With another state of the crystal, such as a sublattice shifted along one direction: an image between states is
    /// mixed from theirs, see [`Domain::mixture`](super::Domain::mixture). The crystal itself is state 0.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it has the extent of the cell.
    pub fn state(mut self, state: &Structure) -> Result<Self> {
        let (found, wanted) = (state.extent(), self.cell().extent());
        if (found - wanted).amax() > 1e-9 {
            let describe = |e: Vector3<f64>| format!("{} × {} × {} Å", e.x, e.y, e.z);
            return Err(Error::argument("state", describe(found), describe(wanted)));
        }
        self.states.push(state.clone());
        Ok(self)
    }

    /// With a defect; its number is the count of those before it.
    ///
    /// # Errors
    /// [`Error::Argument`] for atoms that the cell lacks or that are changed twice, no edit, edits more than 100 cells
    /// apart, and moves beyond 5 Å.
    pub fn motif(mut self, motif: Motif) -> Result<Self> {
        motif.check(self.cell().atoms().len())?;
        self.motifs.push(motif);
        Ok(self)
    }

    /// With atoms that stand alone; its number is the count of those before it.
    ///
    /// # Errors
    /// [`Error::Argument`] for an atom more than 2 Å from the island's axis, parts that are not earlier islands whole in
    /// themselves within 2 Å of it, and as [`Structure::new`].
    pub fn island(mut self, island: Island) -> Result<Self> {
        let near = |place: Vector2<f64>| place.norm() <= 2.0; // false for not a number
        let refused = |found: String, rule: &str| {
            let argument = format!("island `{}`", island.name);
            Err(Error::argument(argument, found, rule))
        };
        if let Some(atom) = island.atoms.iter().find(|a| !near(a.position.xy())) {
            let found = format!("an atom at {:?} Å", atom.position.xy().as_slice());
            return refused(found, "at most 2 Å from the axis");
        }
        let whole = |part: usize| self.islands.get(part).is_some_and(|i| i.beyond.is_empty());
        let sound = |(part, place): &(usize, [f64; 2])| whole(*part) && near((*place).into());
        if let Some(part) = island.beyond.iter().find(|part| !sound(part)) {
            let rule = "earlier islands, whole in themselves, at most 2 Å from the axis";
            return refused(format!("part {part:?}"), rule);
        }
        self.alone(&island)?;
        self.islands.push(island);
        Ok(self)
    }

    /// The crystal: one period across the beam, the whole specimen along it.
    pub fn cell(&self) -> &Structure {
        &self.states[0]
    }

    /// The crystal and its other states, by number.
    pub fn states(&self) -> &[Structure] {
        &self.states
    }

    /// The atoms of an element in the cell, column by column of those that no translation brings onto one another, each
    /// in the order in which the beam meets them.
    pub fn columns(&self, element: Element) -> Vec<Vec<usize>> {
        self.lattice().distinct_columns(element)
    }

    /// The defects, by number.
    pub fn motifs(&self) -> &[Motif] {
        &self.motifs
    }

    /// The islands, by number.
    pub fn islands(&self) -> &[Island] {
        &self.islands
    }

    /// The detectors, by number.
    pub fn detectors(&self) -> &[AnnularDetector] {
        &self.detectors
    }

    /// Whether a detector sees no direct beam, so that its image is an incoherent one.
    pub(super) fn is_dark_field(&self, detector: usize) -> bool {
        self.detectors[detector].inner_mrad() >= self.probe.semiangle_mrad()
    }

    /// Whether the probe looks the same from all sides.
    pub(super) fn is_round(&self) -> bool {
        let mut terms = self.probe.aberrations().terms().iter();
        terms.all(|t| t.symmetry == 0 || t.magnitude == 0.0)
    }

    /// The probe.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// A name for everything the library depends on: 32 hexadecimal digits, the same for the same recipe and version of
    /// the computation (FNV-1a of 128 bits over the recipe as text; G. Fowler, L. C. Noll, K.-P. Vo and D. Eastlake,
    /// RFC 9923).
    pub fn key(&self) -> String {
        let text = Record::of(self).to_json();
        format!("{:032x}", super::file::digest(text.as_bytes()))
    }

    /// A specimen of so many cells along x and y with some atoms changed, for a full simulation of it. Removed atoms stay
    /// as atoms of occupancy 0, so that frozen phonons move all others the same whatever is missing.
    ///
    /// # Errors
    /// [`Error::Argument`] as [`Structure::repeated`] and for edits that [`Recipe::motif`] would refuse.
    pub fn specimen(&self, cells: [usize; 2], edits: &[Edit]) -> Result<Structure> {
        let count = self.cell().atoms().len();
        check_edits(edits, count, || "edits".into())?;
        let perfect = self.cell().repeated([cells[0], cells[1], 1])?;
        let index = |edit: &Edit| {
            let wrapped = |axis: usize| edit.cell[axis].rem_euclid(cells[axis] as i32) as usize;
            (wrapped(0) * cells[1] + wrapped(1)) * count + edit.atom
        };
        let changes: std::collections::HashMap<usize, Change> =
            edits.iter().map(|e| (index(e), e.change)).collect();
        perfect.edited(|index, atom| {
            Some(match changes.get(&index) {
                None => *atom,
                Some(Change::Removed) => atom.occupancy(0.0),
                Some(Change::Replaced(element)) => PlacedAtom {
                    element: *element,
                    ..*atom
                },
                Some(Change::Moved(by)) => PlacedAtom {
                    position: atom.position + Vector3::from(*by),
                    ..*atom
                },
            })
        })
    }

    /// The full computation of a specimen with this recipe's settings: what its libraries are held against. `cells` says
    /// how many cells along x and y it spans.
    ///
    /// # Errors
    /// As [`Multislice::new`].
    pub fn multislice<'a>(
        &self,
        structure: &'a Structure,
        cells: [usize; 2],
    ) -> Result<Multislice<'a>> {
        let extent = self.cell().extent();
        let sampling = Sampling::Pixels {
            rows: cells[1] * pixels(extent.y, self.pixel),
            columns: cells[0] * pixels(extent.x, self.pixel),
        };
        self.settings(structure, sampling)
    }

    /// The computation of an island in its own box.
    pub(super) fn multislice_alone<'a>(&self, structure: &'a Structure) -> Result<Multislice<'a>> {
        self.settings(structure, Sampling::Pixel(self.pixel))
    }

    fn settings<'a>(&self, structure: &'a Structure, sampling: Sampling) -> Result<Multislice<'a>> {
        Ok(Multislice::new(structure, self.probe.beam(), sampling)?
            .slice_thickness(self.slice_thickness)
            .exit_thicknesses(&self.exit_thicknesses)
            .motion(self.motion))
    }

    /// The atoms of an island in the middle of the square on which responses are handled.
    pub(super) fn alone(&self, island: &Island) -> Result<Structure> {
        let side = window::BOX as f64 * window::PIXEL;
        let middle = Vector2::repeat(0.5 * side).push(0.0);
        let atoms = island.atoms.iter().map(|atom| PlacedAtom {
            position: atom.position + middle,
            ..*atom
        });
        let extent = Vector3::new(side, side, self.cell().extent().z);
        Structure::new(extent, atoms.collect())
    }

    /// How many cells make a box of at least `width` Å each way.
    pub(super) fn cells(&self, width: f64) -> [usize; 2] {
        let extent = self.cell().extent();
        [extent.x, extent.y].map(|edge| (width / edge * (1.0 - 1e-9)).ceil().max(1.0) as usize)
    }

    /// Highest spatial frequency of an image, 1/Å.
    pub(super) fn band(&self) -> f64 {
        2.0 * self.probe.cutoff()
    }

    /// Height and width of the cell, Å.
    pub(super) fn extent(&self) -> [f64; 2] {
        [self.cell().extent().y, self.cell().extent().x]
    }

    /// The frequencies of an image of the perfect crystal.
    pub(super) fn frequencies(&self) -> Vec<[i32; 2]> {
        series::frequencies(self.extent(), self.band())
    }

    /// Distance of the samples of a response in pixels of a kernel, and their number either side of a motif and of an
    /// island.
    pub(super) fn sampling(&self) -> (usize, usize, usize) {
        let stride = window::stride(self.band()).expect("checked when the recipe was made");
        let half = (self.window / (stride as f64 * window::PIXEL)) as usize;
        (stride, half, (window::BOX / stride - 1) / 2)
    }

    /// Samples of a response either side of an island.
    pub(super) fn half_of(&self, island: &Island) -> usize {
        let (_, motif, whole) = self.sampling();
        match island.beyond.is_empty() {
            true => whole,
            false => motif,
        }
    }

    /// How many numbers expand the image of a perfect crystal on a detector.
    pub(super) fn expansion_length(&self, detector: usize) -> usize {
        match self.any_aberrations && self.is_dark_field(detector) {
            true => self.frequencies().len() * TERMS,
            false => 0,
        }
    }

    /// Cells along x and y of the box in which defects are computed.
    pub(super) fn narrow_cells(&self) -> [usize; 2] {
        self.cells(2.0 * self.window + MARGIN)
    }

    /// Number of thicknesses.
    pub(super) fn thicknesses(&self) -> usize {
        self.exit_thicknesses.len().max(1)
    }

    /// The symmetry of the crystal across the beam.
    pub(super) fn lattice(&self) -> Lattice {
        Lattice::new(self.cell())
    }
}

/// Pixels along an edge of the cell: a whole number of pairs with no prime factor above 7.
fn pixels(edge: f64, pixel: f64) -> usize {
    let least = ((edge / pixel * (1.0 - 1e-9)).ceil() as usize).max(8);
    let smooth = |count: &usize| {
        let rest = [2, 3, 5, 7].into_iter().fold(*count, |mut rest, prime| {
            while rest.is_multiple_of(prime) {
                rest /= prime;
            }
            rest
        });
        rest == 1
    };
    (least..)
        .filter(|n| n.is_multiple_of(2))
        .find(smooth)
        .unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_divide_the_cell_and_transform_fast() {
        assert_eq!(
            [3.16, 5.4733, 3.905].map(|edge| pixels(edge, 0.05)),
            [64, 112, 80]
        );
    }
}
