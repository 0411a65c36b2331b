"""Prints tests/reference/stem_probe.json: intensities of aberrated probes by a direct numpy computation, and how far
abTEM's own probe is from them.

Arrays are indexed [x, y] and normalised to a sum of 1; azimuths run from x towards y. `samples` are the values at every
`stride`-th pixel around the centre, divided by the peak; `moments` are sums over the whole array.
Needs numpy and abtem (1.0.11 was used).  python stem_probe.py > stem_probe.json
"""
import json

import abtem
import numpy as np

abtem.config.set({"precision": "float64", "diagnostics.progress_bar": False})
H, C, E, M = 6.62607015e-34, 299792458.0, 1.602176634e-19, 9.1093837015e-31


def wavelength(kev):
    energy = kev * 1e3 * E
    return H * C / np.sqrt(energy * (2 * M * C * C + energy)) * 1e10


def probe(kev, semiangle, terms, shape, pixel):
    """Sums the plane waves of the aperture; the centre is pixel shape // 2."""
    lam = wavelength(kev)
    kx = np.fft.fftfreq(shape[0], pixel[0])[:, None]
    ky = np.fft.fftfreq(shape[1], pixel[1])[None, :]
    theta, phi = np.sqrt(kx**2 + ky**2) * lam, np.arctan2(ky, kx)
    chi = 2 * np.pi / lam * sum((c / (n + 1) * theta ** (n + 1) * np.cos(m * (phi - angle))
                                 for (n, m), (c, angle) in terms.items()), np.zeros(shape))
    aperture = np.where(theta * 1e3 <= semiangle, np.exp(-1j * chi), 0)
    intensity = np.abs(np.fft.fftshift(np.fft.ifft2(aperture))) ** 2
    return intensity / intensity.sum()


def by_abtem(kev, semiangle, terms, shape, pixel):
    coefficients = {}
    for (n, m), (c, angle) in terms.items():
        coefficients[f"C{n}{m}"] = c
        if m:
            coefficients[f"phi{n}{m}"] = angle
    centre = [n // 2 * p for n, p in zip(shape, pixel)]
    wave = abtem.Probe(energy=kev * 1e3, semiangle_cutoff=semiangle, extent=[n * p for n, p in zip(shape, pixel)],
                       gpts=shape, soft=False, aberrations=coefficients).build(centre).compute()
    intensity = np.abs(np.asarray(wave.array).squeeze()) ** 2
    return intensity / intensity.sum()


FULL = {(1, 0): (20.0, 0.0), (1, 2): (15.0, 0.4), (2, 1): (300.0, 1.1), (2, 3): (200.0, -0.5), (3, 0): (-5e4, 0.0)}
HIGH = {(1, 0): (-15.0, 0.0), (3, 0): (5e3, 0.0), (3, 2): (8e3, 0.3), (3, 4): (6e3, -0.7), (4, 1): (3e5, 1.9),
        (4, 3): (2e5, -2.4), (4, 5): (2.5e5, 0.2), (5, 0): (1e7, 0.0), (5, 2): (8e6, 1.3), (5, 4): (9e6, -0.4),
        (5, 6): (1.2e7, 0.35)}
SQUARE = ((256, 256), (20 / 256, 20 / 256))
CASES = {
    "ideal, 80 kV 30 mrad": (80, 30.0, {}, *SQUARE, 3),
    "defocus and spherical, 200 kV 20 mrad": (200, 20.0, {(1, 0): (-60.0, 0.0), (3, 0): (1e4, 0.0)}, *SQUARE, 5),
    "to third order, 100 kV 30 mrad": (100, 30.0, FULL, *SQUARE, 5),
    "third to fifth order, 80 kV 30 mrad": (80, 30.0, HIGH, *SQUARE, 4),
    "odd grid, 100 kV 30 mrad": (100, 30.0, FULL, (201, 201), (0.1, 0.1), 4),
    "oblong grid of oblong pixels, 60 kV 35 mrad": (60, 35.0, {**HIGH, **FULL}, (240, 151), (0.075, 0.11), 4),
}

cases = []
for name, (kev, semiangle, terms, shape, pixel, stride) in CASES.items():
    intensity = probe(kev, semiangle, terms, shape, pixel)
    peak = intensity.max()
    other = by_abtem(kev, semiangle, terms, shape, pixel)
    x, y = [stride * np.arange(-8, 9) + n // 2 for n in shape]
    u, v = [(np.arange(n) - n // 2) * p for n, p in zip(shape, pixel)]
    offset_x, offset_y = u[:, None], v[None, :]
    wave = np.cos(0.7 * offset_x - 1.3 * offset_y + 0.4)
    near = np.exp(-(offset_x**2 + offset_y**2) / 8)
    cases.append(dict(
        name=name, energy_kev=kev, semiangle_mrad=semiangle, columns=shape[0], rows=shape[1], pixel_x=pixel[0],
        pixel_y=pixel[1], stride=stride,
        aberrations=[[n, m, c, angle] for (n, m), (c, angle) in terms.items()], peak=peak,
        samples=[[float(f"{value:.10g}") for value in line] for line in intensity[np.ix_(x, y)] / peak],
        moments=dict(square=(intensity**2).sum(), wave=(intensity * wave).sum(),
                     x=(intensity * near * offset_x).sum(), y=(intensity * near * offset_y).sum()),
        abtem_difference=float(f"{np.abs(other - intensity).max() / peak:.2g}")))
print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")
