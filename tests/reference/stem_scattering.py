"""Prints tests/reference/stem_scattering.json: beam constants in 40-digit decimal arithmetic, projected potentials with
scipy's k0 and k1 and by abTEM, and detector cross-sections with scipy's adaptive quadrature.

Needs numpy, scipy, abtem (1.0.11 was used).  python stem_scattering.py > stem_scattering.json
"""
import json
from decimal import Decimal as D, getcontext

import numpy as np
import abtem
from scipy.integrate import quad
from scipy.special import k0, k1
from abtem.parametrizations import LobatoParametrization

abtem.config.set({"precision": "float64"})  # its default, float32, is off by 6e-6 in C
getcontext().prec = 40
PI = D("3.141592653589793238462643383279502884197")
H, C, E, M = D("6.62607015e-34"), D("299792458"), D("1.602176634e-19"), D("9.1093837015e-31")


def beam(kev):
    energy = D(kev) * 1000 * E
    rest = M * C * C
    wavelength = H * C / (energy * (2 * rest + energy)).sqrt()
    gamma = 1 + energy / rest
    return dict(energy_kev=float(kev), wavelength=float(wavelength * D("1e10")), gamma=float(gamma),
                beta=float((1 - 1 / gamma**2).sqrt()),
                interaction=float(2 * PI * M * gamma * E * wavelength / H**2 * D("1e-10")))


POTENTIAL = H**2 / (2 * PI * M * E) * D("1e20")
LOBATO = LobatoParametrization()


def table(symbol):
    return np.asarray(LOBATO.scaled_parameters(symbol, "scattering_factor"))


def amplitude(k, p):
    return sum(a * (2 + b * k * k) / (1 + b * k * k) ** 2 for a, b in p.T)


def potential(r, p):
    total = 0.0
    for a, b in p.T:
        x = 2 * np.pi * r / np.sqrt(b)
        total = total + a * (2 * np.pi / b * k0(x) + 2 * np.pi**2 * r / b**1.5 * k1(x))
    return float(POTENTIAL) * total


def cross_section(symbol, kev, inner, outer):
    one, p = beam(kev), table(symbol)
    limits = [1e-3 * a / one["wavelength"] for a in (inner, outer)]
    value = quad(lambda k: (one["interaction"] * float(POTENTIAL) * amplitude(k, p)) ** 2 * 2 * np.pi * k,
                 *limits, epsabs=0, epsrel=1e-12, limit=400)[0]
    return dict(symbol=symbol, energy_kev=float(kev), inner_mrad=inner, outer_mrad=outer, cross_section=value)


radii = np.geomspace(0.01, 5.0, 40)
frequencies = np.linspace(0, 8, 17)
atoms = []
for symbol in ("C", "Si", "S", "Ti", "Mo", "W", "Au", "U"):
    p = table(symbol)
    atoms.append(dict(symbol=symbol, potential=potential(radii, p).tolist(),
                      abtem_potential=np.asarray(LOBATO.projected_potential(symbol)(radii), float).tolist(),
                      amplitude=amplitude(frequencies, p).tolist()))
print(json.dumps(dict(
    potential_constant=float(POTENTIAL), radii=radii.tolist(), frequencies=frequencies.tolist(), atoms=atoms,
    beams=[beam(e) for e in ("1", "20", "30", "60", "80", "100", "120", "200", "300", "1000")],
    cross_sections=[cross_section(s, e, i, o) for s in ("C", "S", "Mo", "W", "Au")
                    for e, i, o in (("80", 60, 180), ("200", 70, 140), ("80", 0, 30), ("300", 0, 200))]), indent=0))
