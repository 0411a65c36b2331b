"""Prints stem_knock_on.json: thermal velocities and thermally smeared knock-on cross-sections, each by scipy's adaptive
quadrature and root finder.

python stem_knock_on.py > stem_knock_on.json
"""
import json

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

# CODATA 2018, as in src/stem/constants.rs (scipy ships a later set)
H, C, QE, K = 6.62607015e-34, 299792458.0, 1.602176634e-19, 1.380649e-23
ME, U = 9.1093837015e-31, 1.66053906660e-27
ALPHA, A0, RYDBERG = 7.2973525693e-3, 0.529177210903, 13.605693122994
HBAR, MC2, UC2 = H / 2 / np.pi, ME * C * C / QE, U * C * C / QE
ELEMENTS = {"C": (6, 12.011), "S": (16, 32.06), "Mo": (42, 95.95)}


def einstein(mass, u, temperature):
    f = lambda w: HBAR / (2 * mass * w) / np.tanh(HBAR * w / (2 * K * temperature)) - (u * 1e-10) ** 2
    return brentq(f, 1e11, 1e15, xtol=1e-3, rtol=1e-15) * u * 1e-10


def debye(mass, theta, temperature):
    integral = quad(lambda x: x**3 / np.expm1(x), 0, theta / temperature, epsabs=0, epsrel=1e-12)[0]
    return np.sqrt(3 * K * theta / mass * (1 / 8 + (temperature / theta) ** 4 * integral))


def transfer(kev, mass_u, v):
    e, mc2 = kev * 1e3, mass_u * UC2
    n = mc2 * (v / C) ** 2 / 2
    r = np.sqrt(e * (e + 2 * MC2)) + mc2 * v / C
    t = np.sqrt((e + n) * (e + 2 * MC2 + n))
    return (r + t) ** 2 / (2 * mc2)


def cross_section(kev, z, emax, ed):
    if emax <= ed:
        return 0.0
    gamma = 1 + kev * 1e3 / MC2
    b = np.sqrt(1 - 1 / gamma**2)
    x = ed / emax
    front = 4 * np.pi * (z * RYDBERG * A0 / MC2) ** 2 * (1 - b * b) / b**4
    return 1e8 * front * ((1 / x - 1) - b * b * np.log(1 / x) + np.pi * ALPHA * z * b * (2 * (x**-0.5 - 1) - np.log(1 / x)))


def smeared(kev, symbol, ed, s):
    z, m = ELEMENTS[symbol]
    f = lambda q: np.exp(-q * q / 2) / np.sqrt(2 * np.pi) * cross_section(kev, z, transfer(kev, m, q * s), ed)
    low = -8.5
    if transfer(kev, m, 8.5 * s) <= ed:
        return 0.0
    if transfer(kev, m, low * s) < ed:
        low = brentq(lambda q: transfer(kev, m, q * s) - ed, -20, 8.5, xtol=1e-15, rtol=1e-14)
    return quad(f, low, 8.5, epsabs=0, epsrel=1e-12, limit=500)[0]


rows = []
for symbol, ed, model, value in (("S", 6.9, "einstein", 0.083), ("S", 6.5, "debye", 580.0), ("C", 21.14, "debye", 1287.0),
                                 ("Mo", 9.2, "einstein", 0.075)):
    mass = ELEMENTS[symbol][1] * U
    s = einstein(mass, value, 300.0) if model == "einstein" else debye(mass, value, 300.0)
    for kev in (80.0, 90.0, 100.0, 200.0, 300.0):
        if symbol == "Mo" and kev < 300:
            continue
        rows.append(dict(symbol=symbol, displacement_energy=ed, model=model, value=value, temperature=300.0, energy_kev=kev,
                         rms_velocity=float(s), barn=float(smeared(kev, symbol, ed, s)),
                         static_barn=float(cross_section(kev, ELEMENTS[symbol][0], transfer(kev, ELEMENTS[symbol][1], 0.0), ed))))
print(json.dumps(rows, indent=0))
