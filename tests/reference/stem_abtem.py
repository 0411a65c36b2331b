"""Prints tests/reference/stem_abtem.json: potentials, an exit wave, line profiles and an image of a vacancy by abTEM in
float64.

Needs abtem (1.0.11 was used) and ase.  python stem_abtem.py > stem_abtem.json

abTEM divides the spectrum of each slice by sin(q)/q with q = |(kx·pixel_x, ky·pixel_y)|, which lifts its potential by up
to 9 % at the highest frequencies, and spreads an atom between the pixels over its four neighbours, which weakens its high
frequencies: with the sulfur between pixels of 0.049 Å it finds 7 % less HAADF signal. Here all atoms stand on pixels,
and `potential` has the first factor taken out again; `lifted` tells how far abTEM's own is from it, in parts of the peak.
"""
import json

import abtem
import numpy as np
from ase import Atoms

abtem.config.set({"diagnostics.progress_bar": False, "precision": "float64"})


def listed(atoms):
    return [[s, *map(float, p)] for s, p in zip(atoms.get_chemical_symbols(), atoms.positions)]


def case(atoms, gpts, slices, **more):
    extent = atoms.cell.lengths()
    return dict(extent=extent.tolist(), atoms=listed(atoms), columns=gpts[0], rows=gpts[1],
                slice_thickness=extent[2] / slices, **more)


def potential(atoms, gpts, slices):
    """So many slices: abTEM rounds the number up, and seven sevenths may be a bit more than seven."""
    return abtem.Potential(atoms, gpts=gpts, slice_thickness=atoms.cell.lengths()[2] / slices * (1 + 1e-9),
                           parametrization="lobato", projection="infinite")


def strontium_titanate():
    a, gpts, slices = 3.905, (64, 64), 6
    cell = Atoms(["Sr", "Ti", "O", "O", "O"], cell=(a, a, a), pbc=True, scaled_positions=[
        (0, 0, 0), (.5, .5, .5), (.5, .5, 0), (.5, 0, .5), (0, .5, .5)])
    atoms = cell * (1, 1, 3)
    built = potential(atoms, gpts, slices)
    first = np.asarray(built.build().compute().array)[0]
    q = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    q[0, 0] = 1e-9
    exact = np.fft.ifft2(np.fft.fft2(first) * np.sin(q) / q).real
    wave = abtem.PlaneWave(energy=200e3, gpts=64, extent=a).multislice(built).compute()
    exit_wave = np.asarray(wave.array).squeeze().T[::2, ::2]
    return case(atoms, gpts, slices, energy_kev=200.0, potential=exact.T.ravel()[::13].tolist(),
                lifted=float(abs(first - exact).max() / exact.max()),
                exit_wave=[[round(float(v), 6) for v in part.ravel()] for part in (exit_wave.real, exit_wave.imag)])


def strontium_titanate_lines():
    """2.3 nm of still atoms: from Sr over O to Sr, and from Sr over Ti to Sr, which the two lines share at their ends."""
    a, gpts, slices, probes, detectors = 3.905, (320, 320), 12, 20, [(80, 140), (10, 20), (0, 10)]
    cell = Atoms(["Sr", "Ti", "O", "O", "O"], cell=(a, a, a), pbc=True, scaled_positions=[
        (0, 0, 0), (.5, .5, .5), (.5, .5, 0), (.5, 0, .5), (0, .5, .5)])
    atoms = cell * (4, 4, 6)
    probe = abtem.Probe(energy=200e3, semiangle_cutoff=20, soft=False)
    built = potential(atoms, gpts, slices)
    probe.grid.match(built)
    along = a * (1 + np.arange(probes) / probes)
    places = [(x, a) for x in along] + [(x, x) for x in along]
    found = probe.scan(built, scan=abtem.CustomScan(np.array(places)),
                       detectors=[abtem.AnnularDetector(*d) for d in detectors])
    signals = [np.round(np.asarray(f.compute().array).squeeze(), 9).tolist() for f in found]
    return case(atoms, gpts, slices, energy_kev=200.0, semiangle=20.0, detectors=detectors, signals=signals,
                positions=[[float(y), float(x)] for x, y in places])


def molybdenum_disulfide():
    a, layer, vacuum, side, step = 3.16, 3.13, 2.0, 8, 0.75
    b = a * 3**0.5
    symbols, places = [], []
    for x, y in ((0.0, 0.0), (a / 2, b / 2)):
        symbols += ["Mo", "S", "S"]
        places += [(x, y, layer / 2), (x, (y + b / 3 * 2) % b, 0.0), (x, (y + b / 3 * 2) % b, layer)]
    atoms = Atoms(symbols, positions=places, cell=(a, b, 2 * layer), pbc=True) * (5, 3, 1)
    centre = np.array([5 * a / 2, 3 * b / 2])
    upper = [i for i, atom in enumerate(atoms) if atom.symbol == "S" and atom.position[2] > layer / 2]
    vacancy = min(upper, key=lambda i: np.sum((atoms.positions[i, :2] - centre) ** 2))
    missing = atoms.positions[vacancy, :2].copy()
    del atoms[vacancy]
    atoms.center(vacuum=vacuum, axis=2)
    gpts, slices, detectors = (320, 360), 7, [(80, 180), (15, 30)]  # every atom on a pixel
    probe = abtem.Probe(energy=80e3, semiangle_cutoff=30.2, soft=False)
    built = potential(atoms, gpts, slices)
    probe.grid.match(built)
    start = missing - step * (side - 1) / 2
    places = [(x, y) for y in start[1] + step * np.arange(side) for x in start[0] + step * np.arange(side)]
    found = probe.scan(built, scan=abtem.CustomScan(np.array(places)),
                       detectors=[abtem.AnnularDetector(*d) for d in detectors])
    signals = [np.asarray(f.compute().array).squeeze().tolist() for f in found]
    return case(atoms, gpts, slices, energy_kev=80.0, semiangle=30.2, detectors=detectors, signals=signals,
                positions=[[float(y), float(x)] for x, y in places])


print(json.dumps(dict(strontium_titanate=strontium_titanate(), strontium_titanate_lines=strontium_titanate_lines(),
                      molybdenum_disulfide=molybdenum_disulfide())))
