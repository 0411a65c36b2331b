"""Prints tests/reference/stem_multislice.json: a plain multislice in numpy, complex128, whole transforms, no merging.

Needs numpy and, for the published tables alone, abtem (1.0.11 was used).  python stem_multislice.py > stem_multislice.json
"""
import json

import numpy as np
from abtem.parametrizations import KirklandParametrization, LobatoParametrization

H, C, E, M = 6.62607015e-34, 299792458.0, 1.602176634e-19, 9.1093837015e-31
POTENTIAL = H**2 / (2 * np.pi * M * E) * 1e20
KEV, EXTENT, ROWS, COLUMNS, SLICES = 200.0, (8.0, 6.0, 8.0), 40, 48, 4
ENERGY = KEV * 1e3 * E
WAVELENGTH = H * C / np.sqrt(ENERGY * (2 * M * C**2 + ENERGY)) * 1e10
SIGMA = 2 * np.pi * M * (1 + ENERGY / (M * C**2)) * E * WAVELENGTH * 1e-10 / H**2 * 1e-10

# symbol, x, y, z, occupancy, rms displacement; the slice from 4 to 6 Å holds no atom
ATOMS = [("Sr", 0.0, 0.0, 0.5, 1.0, 0.09), ("Sr", 4.0, 3.1, 0.5, 0.7, 0.09), ("O", 2.03, 1.51, 0.2, 1.0, 0.0),
         ("O", 6.11, 4.42, 1.9, 1.0, 0.1), ("Ti", 1.97, 4.4, 2.3, 1.0, 0.075), ("Ti", 5.95, 1.63, 3.1, 1.0, 0.075),
         ("Mo", 7.3, 5.6, 3.999, 1.0, 0.07), ("Mo", 3.35, 2.72, 6.4, 1.0, 0.07), ("O", 0.73, 3.3, 7.9, 0.5, 0.1)]
PROBE = dict(semiangle=14.8, terms=[(1, 0, 60.0, 0.0), (1, 2, 40.0, 0.4), (2, 1, 900.0, 1.1), (3, 0, -2.0e4, 0.0)])
POSITIONS = [(0.0, 0.0), (1.63, 5.95), (2.2, 3.3)]  # y, x
DETECTORS = [(0.0, 10.0), (12.0, 25.0), (25.0, 50.0)]

ky = np.fft.fftfreq(ROWS, EXTENT[1] / ROWS)[:, None]
kx = np.fft.fftfreq(COLUMNS, EXTENT[0] / COLUMNS)[None]
k2 = ky**2 + kx**2
BAND = 1 / 3 / max(EXTENT[1] / ROWS, EXTENT[0] / COLUMNS)
INSIDE = k2 <= BAND**2
SPACE = np.exp(-1j * np.pi * WAVELENGTH * EXTENT[2] / SLICES * k2) * INSIDE


def lobato(symbol):
    a, b = np.asarray(LobatoParametrization().scaled_parameters(symbol, "scattering_factor"))
    return sum(p * (2 + q * k2) / (1 + q * k2) ** 2 for p, q in zip(a, b))


def kirkland(symbol):
    rows = np.asarray(KirklandParametrization().parameters[symbol])
    return sum(a / (k2 + b) + c * np.exp(-d * k2) for a, b, c, d in rows.T)


def wave(k, place):
    """The highest frequency of an even grid stands for both signs."""
    phase = np.exp(-2j * np.pi * k * place)
    phase.ravel()[phase.size // 2] = phase.ravel()[phase.size // 2].real
    return phase


def potential(number, factor, blurred):
    thickness = EXTENT[2] / SLICES
    spectrum = np.zeros((ROWS, COLUMNS), complex)
    for symbol, x, y, z, occupancy, u in ATOMS:
        if number * thickness <= z < (number + 1) * thickness:
            blur = np.exp(-2 * np.pi**2 * u**2 * k2) if blurred else 1.0
            spectrum += occupancy * factor(symbol) * blur * wave(ky, y) * wave(kx, x)
    return np.fft.ifft2(spectrum).real * POTENTIAL * ROWS * COLUMNS / (EXTENT[0] * EXTENT[1])


def transmissions(factor=lobato, blurred=False):
    phases = [np.exp(1j * SIGMA * potential(n, factor, blurred)) for n in range(SLICES)]
    return [np.fft.ifft2(np.fft.fft2(t) * INSIDE) for t in phases]


def passed(psi, slices):
    """The wave behind each slice."""
    for t in slices:
        psi = np.fft.ifft2(np.fft.fft2(psi * t) * SPACE)
        yield psi


def probe(y, x):
    angle, azimuth = np.sqrt(k2) * WAVELENGTH, np.arctan2(ky + 0 * kx, kx + 0 * ky)
    chi = sum(c / (n + 1) * angle ** (n + 1) * np.cos(m * (azimuth - p)) for n, m, c, p in PROBE["terms"])
    a = (1e3 * angle <= PROBE["semiangle"]) * np.exp(-2j * np.pi / WAVELENGTH * chi)
    a = a / np.sqrt((abs(a) ** 2).sum()) * np.exp(-2j * np.pi * (ky * y + kx * x))
    return np.fft.ifft2(a) * a.size


def signals(slices):
    """[position][thickness 4 and 8 Å][detector]"""
    angle = 1e3 * WAVELENGTH * np.sqrt(k2)
    found = []
    for y, x in POSITIONS:
        waves = list(passed(probe(y, x), slices))
        intensity = [abs(np.fft.fft2(waves[n]) / waves[n].size) ** 2 for n in (1, 3)]
        found.append([[float(i[(angle >= a) & (angle < b)].sum()) for a, b in DETECTORS] for i in intensity])
    return found


def parts(z):
    return [[round(float(v), 7) for v in w.ravel()] for w in (z.real, z.imag)]


plane = list(passed(np.ones((ROWS, COLUMNS), complex), transmissions()))
probed = list(passed(probe(*POSITIONS[1]), transmissions()))
print(json.dumps(dict(
    energy_kev=KEV, extent=EXTENT, rows=ROWS, columns=COLUMNS, slices=SLICES, atoms=ATOMS, probe=PROBE,
    positions=POSITIONS, detectors=DETECTORS,
    potential=potential(0, lobato, False).ravel()[::37].tolist(),
    plane=parts(plane[3]), probe_exit=parts(probed[3].ravel()[::7] / np.sqrt(EXTENT[0] * EXTENT[1])),
    still=signals(transmissions()), blurred=signals(transmissions(blurred=True)),
    kirkland=signals(transmissions(kirkland)))))
