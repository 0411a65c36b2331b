"""Prints tests/reference/stem_optics.json: random lenses to fifth order behind hard, anti-aliased and soft apertures, tilted
beams, spreads of focus and sources of finite size, by direct numpy sums, and how far abTEM is where its conventions meet.

Arrays are indexed [x, y]; azimuths run from x towards y. The foci are summed by the trapezoidal rule (301 points over
16 standard deviations), the Gaussian source in real space; the transfer of the Cauchy tail is an oscillatory quadrature.
Needs numpy, mpmath and abtem (1.0.11 was used).  python stem_optics.py > stem_optics.json
"""
import json

import abtem
import mpmath
import numpy as np
from abtem.multislice import _apply_tilt_to_fresnel_propagator_array
from abtem.transfer import scherzer_defocus

abtem.config.set({"precision": "float64", "diagnostics.progress_bar": False})
H, C, E, M = 6.62607015e-34, 299792458.0, 1.602176634e-19, 9.1093837015e-31
TERMS = [(1, 0), (1, 2), (2, 1), (2, 3), (3, 0), (3, 2), (3, 4), (4, 1), (4, 3), (4, 5), (5, 0), (5, 2), (5, 4), (5, 6)]
random = np.random.default_rng(20)


def wavelength(kev):
    energy = kev * 1e3 * E
    return H * C / np.sqrt(energy * (2 * M * C * C + energy)) * 1e10


def random_lens(lam, semiangle):
    """All 14 terms, each turning the outermost wave by up to 3 rad."""
    lens = {}
    for n, m in TERMS:
        largest = 3 * lam / (2 * np.pi) * (n + 1) / (semiangle * 1e-3) ** (n + 1)
        lens[n, m] = (float(f"{random.uniform(-1, 1) * largest:.6g}"), round(random.uniform(-3, 3), 4) if m else 0.0)
    return lens


def angles(case):
    shape, pixel, lam = case["shape"], case["pixel"], wavelength(case["kev"])
    kx = np.fft.fftfreq(shape[0], pixel[0])[:, None]
    ky = np.fft.fftfreq(shape[1], pixel[1])[None, :]
    return kx * lam * 1e3, ky * lam * 1e3  # mrad


def aperture(case):
    x, y = angles(case)
    tilt = case.get("tilt", (0.0, 0.0))
    x, y = x - tilt[0], y - tilt[1]
    theta, alpha, edge = np.hypot(x, y), case["semiangle"], case.get("edge", "hard")
    if edge == "hard":
        return np.where(theta <= alpha, 1.0, 0.0)
    if edge == "anti-aliased":
        step = [1e3 * wavelength(case["kev"]) / (n * p) for n, p in zip(case["shape"], case["pixel"])]
        with np.errstate(invalid="ignore", divide="ignore"):
            ramp = (alpha - theta) / np.sqrt((step[0] * x / theta) ** 2 + (step[1] * y / theta) ** 2) + 0.5
        return np.where(theta == 0, 1.0, np.clip(ramp, 0, 1))
    return np.where(theta <= alpha - edge / 2, 1.0, np.where(
        theta >= alpha + edge / 2, 0.0, np.cos(np.pi / 2 * (0.5 + (theta - alpha) / edge)) ** 2))


def intensity(case, offset=0.0):
    """Normalised to a sum of 1; the centre is pixel shape // 2."""
    lam = wavelength(case["kev"])
    x, y = angles(case)
    theta, phi = np.hypot(x, y) * 1e-3, np.arctan2(y, x)
    chi = np.pi / lam * offset * theta**2 + 2 * np.pi / lam * sum(
        c / (n + 1) * theta ** (n + 1) * np.cos(m * (phi - angle)) for (n, m), (c, angle) in case["lens"].items())
    damping = np.exp(-0.5 * (np.pi / lam * case.get("envelope", 0.0) * theta**2) ** 2)
    array = np.abs(np.fft.fftshift(np.fft.ifft2(aperture(case) * damping * np.exp(-1j * chi)))) ** 2
    return array / array.sum()


def over_foci(case):
    if not case.get("spread"):
        return intensity(case)
    nodes = np.linspace(-8, 8, 301)
    weights = np.exp(-nodes**2 / 2)
    return sum(w * intensity(case, case["spread"] * t) for t, w in zip(nodes, weights)) / weights.sum()


def blurred(case):
    """The Gaussian source, as a sum over the pixels of the neighbouring periods too."""
    array, sigma = over_foci(case), case.get("sigma", 0.0)
    if not sigma:
        return array
    for axis in (0, 1):
        n, p = array.shape[axis], case["pixel"][axis]
        offset = (np.arange(n)[:, None] - np.arange(n)[None, :]) * p
        matrix = sum(np.exp(-0.5 * ((offset + k * n * p) / sigma) ** 2) for k in (-1, 0, 1)) * p
        matrix /= np.sqrt(2 * np.pi) * sigma
        array = np.moveaxis(np.tensordot(matrix, array, (1, axis)), 0, axis)
    return array


def by_abtem(case):
    coefficients = {}
    for (n, m), (c, angle) in case["lens"].items():
        coefficients[f"C{n}{m}"] = c
        if m:
            coefficients[f"phi{n}{m}"] = angle
    centre = [n // 2 * p for n, p in zip(case["shape"], case["pixel"])]
    probe = abtem.Probe(energy=case["kev"] * 1e3, semiangle_cutoff=case["semiangle"], gpts=case["shape"],
                        extent=[n * p for n, p in zip(case["shape"], case["pixel"])],
                        soft=case.get("edge") == "anti-aliased", aberrations=coefficients)
    wave = probe.build(centre).compute()
    if case.get("envelope"):  # abTEM's focal spread is the 1/e half-width
        wave = wave.apply_ctf(abtem.CTF(energy=case["kev"] * 1e3, focal_spread=np.sqrt(2) * case["envelope"],
                                        semiangle_cutoff=1e3, soft=False))
    array = np.abs(np.asarray(wave.array).squeeze()) ** 2
    return array / array.sum()


GRID = dict(shape=(96, 80), pixel=(0.12, 0.11))
COARSE = dict(shape=(40, 44), pixel=(0.3, 0.27))
cases = [dict(kev=80, semiangle=30.0, **GRID), dict(kev=200, semiangle=25.0, **GRID), dict(kev=300, semiangle=21.4, **GRID),
         dict(kev=60, semiangle=35.0, edge="anti-aliased", **GRID), dict(kev=80, semiangle=30.0, edge="anti-aliased", **COARSE),
         dict(kev=100, semiangle=25.0, edge=6.0, **GRID), dict(kev=80, semiangle=20.0, tilt=(7.0, -4.5), edge=3.0, **GRID),
         dict(kev=80, semiangle=20.0, tilt=(-3.0, 11.0), edge="anti-aliased", **GRID),
         dict(kev=80, semiangle=30.0, envelope=25.0, **GRID), dict(kev=80, semiangle=30.0, spread=40.0, **GRID),
         dict(kev=80, semiangle=30.0, sigma=0.35, **GRID),
         dict(kev=60, semiangle=32.0, spread=25.0, sigma=0.3, edge="anti-aliased", **GRID)]
printed = []
for case in cases:
    case["lens"] = random_lens(wavelength(case["kev"]), case["semiangle"])
    array = blurred(case)
    peak = array.max()
    meets = not ({"tilt", "spread", "sigma"} & case.keys() or isinstance(case.get("edge"), float))
    picked = [(np.arange(11) * 6 + n // 2 - 30) for n in case["shape"]]
    if case["shape"][0] < 60:
        picked = [(np.arange(11) * 3 + n // 2 - 15) for n in case["shape"]]
    text = ", ".join(f"C{n}{m}={c}" + (f"@{angle}" if m else "") for (n, m), (c, angle) in case["lens"].items())
    printed.append({**{k: v for k, v in case.items() if k != "lens"}, "lens": text, "peak": peak,
                    "picked": [p.tolist() for p in picked],
                    "samples": [[float(f"{v:.10g}") for v in line] for line in array[np.ix_(*picked)] / peak],
                    "abtem_difference": float(f"{np.abs(by_abtem(case) - array).max() / peak:.2g}") if meets else None})

# abTEM's propagator in a tilted specimen, against the formula here.
shape, pixel, tilt, distance = (8, 6), (0.3, 0.5), (4.0, -9.0), 3.7
plain = np.ones((1, *shape), dtype=complex)
tilted = np.asarray(_apply_tilt_to_fresnel_propagator_array(plain, pixel, distance, tilt)).squeeze()
kx, ky = np.fft.fftfreq(shape[0], pixel[0]), np.fft.fftfreq(shape[1], pixel[1])
propagator = [[float(kx[i]), float(ky[j]), tilted[i, j].real, tilted[i, j].imag] for i, j in ((1, 0), (0, 2), (3, 1), (6, 5))]

# ∫ p(r) J0(2πqr) 2πr dr of p = (w/2π)(r² + w²)^(-3/2) with a full width at half maximum of 1.3 Å.
w = 0.65 / mpmath.sqrt(mpmath.mpf(2) ** (mpmath.mpf(2) / 3) - 1)
tail = [[q, float(mpmath.quadosc(lambda r: w * r * (r * r + w * w) ** mpmath.mpf(-1.5) * mpmath.besselj(0, 2 * mpmath.pi * q * r),
                                 [0, mpmath.inf], zeros=lambda n: mpmath.besseljzero(0, n) / (2 * mpmath.pi * q)))]
        for q in (0.1, 0.4, 1.0)]
print(json.dumps(dict(
    cases=printed, propagator=dict(tilt=tilt, distance=distance, factors=propagator), tail=dict(fwhm=1.3, transfer=tail),
    scherzer=[[kev, c30, -float(scherzer_defocus(c30, kev * 1e3))] for kev, c30 in ((80, 1.2e7), (200, 5e6), (300, -1.2e7))])))
