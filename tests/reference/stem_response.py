"""Prints tests/reference/stem_response.json: dark-field images of single atoms, computed three ways.

incoherent  F^-1[H* O G], the model of the crate, with a box of 204.8 Å, scipy's splines and 720 azimuths
born        sum over the detector of |F[psi(r - r0) i sigma V(r)]|^2, coherent, first Born approximation
phase       the same with exp(i sigma V) - 1, the full phase object

The transmitted amplitude enters through its Fourier transform T(k), for the phase object by a Hankel transform of
exp(i sigma V) - 1 in one dimension, so that no pixel has to resolve the logarithmic singularity of V. Arrays are
indexed [x, y]. Needs numpy, scipy, abtem (for its table of scattering factors).
python stem_response.py > stem_response.json; the table for people goes to standard error.
"""
import json
import sys

import numpy as np
import scipy.fft as sf
from abtem.parametrizations import LobatoParametrization
from scipy.interpolate import CubicSpline
from scipy.special import j0, k0, k1

H, C, E, M = 6.62607015e-34, 299792458.0, 1.602176634e-19, 9.1093837015e-31
POTENTIAL = H * H / (2 * np.pi * M * E) * 1e20
TABLE = LobatoParametrization()
THERMAL, COLUMN = 0.07, 3.13  # Å: rms displacement per axis, distance of the two S atoms of a column


def beam(kev):
    energy, rest = kev * 1e3 * E, M * C * C
    lam = H * C / np.sqrt(energy * (2 * rest + energy)) * 1e10
    return lam, 2 * np.pi * M * (1 + energy / rest) * E * lam * 1e-10 / H**2 * 1e-10


def terms(symbol):
    return np.asarray(TABLE.scaled_parameters(symbol, "scattering_factor")).T


def factor(symbol, k):
    return sum(a * (2 + b * k * k) / (1 + b * k * k) ** 2 for a, b in terms(symbol))


def phase_object(symbol, sigma, k_max):
    """T(k) of exp(i sigma V) - 1, and the error of the quadrature on i sigma V itself."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.concatenate([np.geomspace(1e-7, 0.02, 40), np.arange(0.04, 14.01, 0.02)])
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    r, w = (middle[:, None] + half[:, None] * nodes).ravel(), (half[:, None] * weights).ravel()
    v = 0.0
    for a, b in terms(symbol):
        x = 2 * np.pi * r / np.sqrt(b)
        v = v + a * np.pi / b * (2 * k0(x) + x * k1(x))
    phase = 1j * sigma * POTENTIAL * v
    k = np.linspace(0, k_max, 2000)
    values = np.array([(2 * np.pi * r * w * j0(2 * np.pi * q * r)) @ np.stack([np.expm1(phase), phase], 1) for q in k])
    born = 1j * sigma * POTENTIAL * factor(symbol, k)
    assert abs(values[:, 1] - born).max() < 1e-9 * abs(born).max()
    return CubicSpline(k, values[:, 0])


class Optics:
    def __init__(self, kev, semiangle, detector, aberrations, size, pixel):
        self.lam, self.sigma = beam(kev)
        self.semiangle, self.detector, self.size, self.pixel = semiangle, detector, size, pixel
        k = np.fft.fftfreq(size, pixel)
        self.kx, self.ky = k[:, None], k[None, :]
        self.k = np.hypot(self.kx, self.ky)
        theta, phi = self.k * self.lam, np.arctan2(self.ky, self.kx)
        chi = sum(c / (n + 1) * theta ** (n + 1) * np.cos(m * (phi - angle)) for n, m, c, angle in aberrations)
        wave = np.where(theta * 1e3 <= semiangle, np.exp(-2j * np.pi / self.lam * chi), 0)
        self.aperture = wave / np.sqrt((abs(wave) ** 2).sum())
        # Share of a pixel of the diffraction plane that the annulus covers.
        width = self.lam * 1e3 / (size * pixel)
        edge = [np.clip((theta * 1e3 - angle) / width + 0.5, 0, 1) for angle in detector]
        self.annulus = edge[0] * (1 - edge[1])

    def ramp(self, x, y):
        return np.exp(-2j * np.pi * (self.kx * x + self.ky * y))

    def transmitted(self, transform):
        """exp(i sigma V) - 1 or i sigma V in real space from its transform, atom at [0, 0]."""
        return sf.ifft2(transform(self.k)) / self.pixel**2

    def coherent(self, objects, places):
        """Detected fraction for each probe place and object; the undiffracted wave stays inside the cone."""
        result = np.zeros((len(places), len(objects)))
        for row, (x, y) in enumerate(places):
            wave = sf.ifft2(self.aperture * self.ramp(x, y))
            for column, t in enumerate(objects):
                result[row, column] = (abs(sf.fft2(wave * t)) ** 2 * self.annulus).sum()
        return result

    def integrated(self, transform):
        """Integral of the coherent image over all probe places, Å^2."""
        spread = sf.ifft2(sf.fft2(abs(self.aperture) ** 2) * sf.fft2(abs(transform(self.k)) ** 2)).real
        return (spread * self.annulus).sum() / (self.size * self.pixel) ** 2

    def pair(self, t):
        """Detected fraction on a column of two atoms COLUMN apart over the sum of the two atoms alone, thermal mean."""
        generator = np.random.default_rng(5)
        propagator = np.exp(-1j * np.pi * self.lam * COLUMN * self.k**2) * (self.k < 1 / (3 * self.pixel) * 2)
        both = alone = 0.0
        spectrum = sf.fft2(t)
        for _ in range(24):
            upper, lower = [sf.ifft2(spectrum * self.ramp(*generator.normal(0, THERMAL, 2))) for _ in range(2)]
            wave = sf.ifft2(self.aperture)
            moved = sf.ifft2(sf.fft2(wave) * propagator)
            count = lambda exit: (abs(sf.fft2(exit)) ** 2 * self.annulus).sum()
            alone += count(wave * upper) + count(moved * lower)
            both += count(sf.ifft2(sf.fft2(wave * (1 + upper)) * propagator) * (1 + lower))
        return both / alone

    def object_transfer(self, symbol, q):
        low, high = [1e-3 * a / self.lam for a in self.detector]
        nodes, weights = np.polynomial.legendre.leggauss(80)
        k, w = (high + low) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * weights
        azimuth = 2 * np.pi * (np.arange(720) + 0.5) / 720
        values = []
        for one in q:
            square, cross = k[:, None] ** 2 + one * one / 4, k[:, None] * one * np.cos(azimuth)
            product = factor(symbol, np.sqrt(square + cross)) * factor(symbol, np.sqrt(np.maximum(square - cross, 0)))
            values.append((product.mean(1) * 2 * np.pi * k * w).sum())
        return (self.sigma * POTENTIAL) ** 2 * np.array(values)

    def incoherent(self, object_transfer, blur, places):
        """F^-1[H* O G] at the probe places; `object_transfer` maps q to O."""
        intensity = abs(sf.ifft2(self.aperture)) ** 2
        spectrum = np.conj(sf.fft2(intensity / intensity.sum()))
        inside = self.k <= 2e-3 * self.semiangle / self.lam
        q, kx, ky = self.k[inside], *[np.broadcast_to(k, self.k.shape)[inside] for k in (self.kx, self.ky)]
        values = spectrum[inside] * object_transfer(q) * np.exp(-2 * np.pi**2 * blur**2 * q**2)
        area = (self.size * self.pixel) ** 2
        return [float((values * np.exp(2j * np.pi * (kx * x + ky * y))).sum().real / area) for x, y in places]


def intensity_by_quadrature(kev, semiangle, aberrations, place):
    """|psi|^2 in 1/Å^2 of a continuous aperture, with no box at all."""
    lam, _ = beam(kev)
    nodes, weights = np.polynomial.legendre.leggauss(120)
    cutoff = 1e-3 * semiangle / lam
    k, w = cutoff * (1 + nodes[:, None]) / 2, cutoff * weights[:, None] / 2
    phi = 2 * np.pi * np.arange(400) / 400
    chi = sum(c / (n + 1) * (k * lam) ** (n + 1) * np.cos(m * (phi - angle)) for n, m, c, angle in aberrations)
    phase = 2 * np.pi * (k * np.cos(phi) * place[0] + k * np.sin(phi) * place[1]) - 2 * np.pi / lam * chi
    wave = (np.exp(1j * phase) * k * w).sum() * 2 * np.pi / 400
    return float(abs(wave) ** 2 / (np.pi * cutoff**2))


RAD = np.pi / 180
CASES = {
    "mos2-l1": (60, 35, (60, 200), 0.5, []),
    "mos2-l2": (80, 30, (60, 180), 0.7, [(1, 0, 10, 0), (1, 2, 10, 20 * RAD), (2, 1, 200, -35 * RAD)]),
    "mos2-l3": (80, 30, (60, 180), 0.9, [(1, 0, 20, 0), (1, 2, 20, 50 * RAD), (2, 1, 500, 10 * RAD),
                                         (2, 3, 300, -70 * RAD), (3, 0, 1e4, 0)]),
    "80 to 180 mrad": (80, 30, (80, 180), 0.0, []),
}
GRID = [-3.0 + 0.5 * i for i in range(13)]
PLACES = [(x, y) for x in GRID for y in GRID]
generator = np.random.default_rng(3)
OFFSETS = [(0.0, 0.0)] + [(round(x, 3), round(y, 3)) for x, y in generator.normal(0, 1.5, (27, 2))]
OFFSETS = [p for p in OFFSETS if np.hypot(*p) < 6]


def digits(values, count=8):
    return [float(f"{value:.{count}g}") for value in values]


cases = []
for name, (kev, semiangle, detector, fwhm, aberrations) in CASES.items():
    fine = Optics(kev, semiangle, detector, aberrations, 640, 0.08)
    wide = Optics(kev, semiangle, detector, aberrations, 2048, 0.1)
    source = fwhm / np.sqrt(8 * np.log(2))
    intensity = abs(sf.ifft2(wide.aperture)) ** 2
    distance = np.minimum(np.arange(2048), 2048 - np.arange(2048)) * 0.1
    inside = np.hypot(distance[:, None], distance[None, :]) < 8
    case = dict(name=name, energy_kev=kev, semiangle_mrad=semiangle, detector=detector, source=source, thermal=THERMAL,
                aberrations=aberrations, grid=GRID, offsets=OFFSETS,
                inside_8=float(intensity[inside].sum() / intensity.sum()),
                illumination=digits([intensity_by_quadrature(kev, semiangle, aberrations, (-x, -y)) for x, y in OFFSETS]),
                illumination_blurred=digits(wide.incoherent(np.ones_like, source, OFFSETS)), elements={})
    q = np.linspace(0, 2.002e-3 * semiangle / wide.lam, 120)
    for symbol in ("S", "Mo", "W"):
        transfer = CubicSpline(q, fine.object_transfer(symbol, q))
        model = wide.incoherent(transfer, 0.0, PLACES)
        born = lambda k: 1j * fine.sigma * POTENTIAL * factor(symbol, k)
        phase = phase_object(symbol, fine.sigma, 12.6)
        images = fine.coherent([fine.transmitted(born), fine.transmitted(phase)], PLACES)
        middle, totals = len(PLACES) // 2, [float(transfer(0.0))] + [float(fine.integrated(t)) for t in (born, phase)]
        rms = lambda image: float(np.sqrt(np.mean((image / image[middle] - np.array(model) / model[middle]) ** 2)))
        plain = float(np.sqrt(np.mean((images[:, 0] - model) ** 2)) / images[middle, 0])
        entry = dict(model_on_atom=model[middle], born_on_atom=images[middle, 0], phase_on_atom=images[middle, 1],
                     model_integrated=totals[0], born_integrated=totals[1], phase_integrated=totals[2],
                     rms=plain, shape_rms_born=rms(images[:, 0]), shape_rms_phase=rms(images[:, 1]),
                     blurred=digits(wide.incoherent(transfer, np.hypot(source, THERMAL), OFFSETS)))
        if symbol == "S":
            entry["pair"] = fine.pair(fine.transmitted(phase))
        if symbol != "W":
            entry["born"] = digits(images[:, 0], 7)
        case["elements"][symbol] = entry
        print(name, symbol, {k: round(v, 5) for k, v in entry.items() if isinstance(v, float)}, file=sys.stderr)
    for other, one in (("S", "Mo"), ("W", "Mo")):
        ratios = {key: round(case["elements"][other][key] / case["elements"][one][key], 4)
                  for key in case["elements"]["W"] if key.endswith(("on_atom", "integrated"))}
        print(name, f"{other}/{one}", ratios, file=sys.stderr)
    cases.append(case)
print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")
