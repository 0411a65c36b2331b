"""Reference numbers for tests/acquisition_field.rs; prints JSON. Needs numpy and scipy.

    python acquisition_field.py > acquisition_field.json

A Gaussian process with the kernel 1.3 exp(-r^2 / (2 0.4^2)) and noise variance 0.05 is conditioned by plain linear algebra.
The level-set look-ahead is 2 T(z, sqrt(1 - rho^2) / rho) by scipy's owens_t, the max-value entropy a double-checked numerical
integral of the entropy of the measurement, the knowledge gradient an integral over the one deviate, piece by piece.
"""

import json

import numpy as np
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr, owens_t

X = np.array([[0.05], [0.3], [0.55], [0.9]])
Y = np.array([0.2, -0.5, 0.9, 0.1])
PLACES = np.array([[0.0], [0.2], [0.45], [0.7], [1.1]])
TARGETS = np.array([[0.1], [0.25], [0.5], [0.6], [0.8], [1.0]])
NOISES = [0.02, 0.5]  # noise variances of the doses 25 and 1 with 0.5 at unit dose
THRESHOLD = 0.3
MAXIMA = [0.9, 1.2, 1.7]


def k(a, b):
    return 1.3 * np.exp(-0.5 * ((a - b.T) / 0.4) ** 2)


both = np.vstack([PLACES, TARGETS])
K = k(X, X) + 0.05 * np.eye(4)
mean = k(both, X) @ np.linalg.solve(K, Y)
cov = k(both, both) - k(both, X) @ np.linalg.solve(K, k(X, both))
m = len(PLACES)


def variance_reduction(i, nu):
    return float(np.sum(cov[i, m:] ** 2) / (cov[i, i] + nu))


def level_set(i, nu):
    total = 0.0
    for j in range(m, len(both)):
        s = np.sqrt(cov[j, j])
        z = (mean[j] - THRESHOLD) / s
        rho = np.sqrt(cov[i, j] ** 2 / (cov[i, i] + nu)) / s
        total += ndtr(-abs(z)) - 2 * owens_t(z, np.sqrt(1 - rho**2) / rho)
    return float(total)


def knowledge_gradient(i, nu):
    a, b = mean[m:], cov[i, m:] / np.sqrt(cov[i, i] + nu)
    breaks = sorted((a[p] - a[q]) / (b[q] - b[p]) for p in range(len(a)) for q in range(p) if b[p] != b[q])
    breaks = [z for z in breaks if abs(z) < 12]
    edges = [-12.0] + breaks + [12.0]
    f = lambda z: (np.max(a + b * z) - a.max()) * stats.norm.pdf(z)
    return float(sum(quad(f, p, q, epsabs=1e-15, epsrel=1e-13)[0] for p, q in zip(edges, edges[1:])))


def max_value_entropy(i, nu):
    s2 = cov[i, i]
    r, c = np.sqrt(s2 / (s2 + nu)), np.sqrt(nu / (s2 + nu))
    total = 0.0
    for y in MAXIMA:
        g = (y - mean[i]) / np.sqrt(s2)

        def minus_p_ln_p(u):
            ln_p = stats.norm.logpdf(u) + log_ndtr((g - r * u) / c) - log_ndtr(g)
            return -np.exp(ln_p) * ln_p

        entropy = quad(minus_p_ln_p, -12, 12, epsabs=1e-13, epsrel=1e-12, limit=400, points=[-1, 0, 1, min(g / r, 11)])[0]
        total += 0.5 * np.log(2 * np.pi * np.e) - entropy
    return float(total / len(MAXIMA))


def gittins(i, multiplier, dose):
    s = np.sqrt(cov[i, i])

    def excess(g):
        z = (mean[i] - g) / s
        return s * (stats.norm.pdf(z) + z * ndtr(z)) - multiplier * dose

    return float(brentq(excess, mean[i] - 20, mean[i] + 20 * s, xtol=1e-15, rtol=1e-15))


def each(f):
    return [f(i, nu) for i in range(m) for nu in NOISES]


print(json.dumps({
    "mean": mean[:m].tolist(),
    "variance": np.diag(cov)[:m].tolist(),
    "variance_reduction": each(variance_reduction),
    "level_set": each(level_set),
    "knowledge_gradient": each(knowledge_gradient),
    "max_value_entropy": each(max_value_entropy),
    "gittins": [gittins(i, 0.01, dose) for i in range(m) for dose in (25.0, 1.0)],
}, indent=1))
