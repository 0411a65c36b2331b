"""Prints tests/reference/gp_sparse.json: sparse Gaussian-process regression by numpy and scipy alone.

Run: python tests/reference/gp_sparse.py > tests/reference/gp_sparse.json
Dense n x n algebra throughout: Q = K_fu K_uu^-1 K_uf is formed by a general (LU) solve, the collapsed bound of Titsias
(2009) from scipy's multivariate normal density, the posterior by conditioning on y ~ N(mean, Q + noise) with the prior
variance put back on the diagonal, gradients by central differences with Richardson extrapolation, greedy choices by
conditioning anew on all chosen places at every step: nothing here shares a route with the Rust code.
"""
import json

import numpy as np
from scipy.linalg import solve
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

rng = np.random.default_rng(31)
N, M, P = 40, 7, 5


def correlation(name, r):
    if name == "rbf":
        return np.exp(-0.5 * r**2)
    return (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r)


def covariance(case, theta, a, b):
    d = a.shape[1]
    lengths, scale = np.exp(theta[:d]), np.exp(theta[d])
    return scale * correlation(case["kernel"], cdist(a / lengths, b / lengths))


def noise_of(case, theta):
    return case["noise"] if case["known"] else np.full(N, np.exp(theta[-1]))


def bound(case, theta, z):
    x, noise = case["x"], noise_of(case, theta)
    cross = covariance(case, theta, z, x)
    q = cross.T @ solve(covariance(case, theta, z, z), cross)
    prior = np.exp(theta[case["x"].shape[1]])
    fit = multivariate_normal(np.full(N, case["mean"]), q + np.diag(noise)).logpdf(case["y"])
    return fit - 0.5 * np.sum((prior - np.diag(q)) / noise)


def evidence(case, theta):
    k = covariance(case, theta, case["x"], case["x"]) + np.diag(noise_of(case, theta))
    return multivariate_normal(np.full(N, case["mean"]), k).logpdf(case["y"])


def gradient(f, at):
    out = []
    for p in range(len(at)):
        def central(h):
            step = np.zeros(len(at))
            step[p] = h
            return (f(at + step) - f(at - step)) / (2 * h)
        a, b, c = central(4e-3), central(2e-3), central(1e-3)
        ab, bc = (4 * b - a) / 3, (4 * c - b) / 3
        out.append((16 * bc - ab) / 15)
    return out


def posterior(case, theta, z, places):
    x, noise = case["x"], noise_of(case, theta)
    inner = covariance(case, theta, z, z)
    left, right = covariance(case, theta, z, x), covariance(case, theta, z, places)
    qff, qfs = left.T @ solve(inner, left), left.T @ solve(inner, right)
    total = qff + np.diag(noise)
    mean = case["mean"] + qfs.T @ solve(total, case["y"] - case["mean"])
    return mean, covariance(case, theta, places, places) - qfs.T @ solve(total, qfs)


def greedy(case, theta, count):
    x, chosen, left = case["x"], [], []
    k = covariance(case, theta, x, x)
    variance = np.diag(k).copy()
    for _ in range(count):
        chosen.append(int(np.argmax(variance)))
        c = k[chosen]
        variance = np.diag(k - c.T @ solve(k[np.ix_(chosen, chosen)], c)).copy()
        left.append(float(variance.mean()))
    return chosen, left


cases = []
for kernel, dimension, known, mean in [
    ("rbf", 1, False, 0.0), ("rbf", 2, True, 0.4), ("matern52", 2, False, -0.3), ("matern52", 3, True, 0.0),
]:
    x = rng.uniform(0, 1, (N, dimension))
    z = rng.uniform(0, 1, (M, dimension))
    places = rng.uniform(-0.2, 1.2, (P, dimension))
    lengths, scale, shared = rng.uniform(0.2, 0.5, dimension), rng.uniform(0.5, 2.0), rng.uniform(0.01, 0.2)
    noise = rng.uniform(0.005, 0.3, N) if known else np.full(N, shared)
    y = np.sin(5 * x.sum(axis=1)) + mean + np.sqrt(noise) * rng.standard_normal(N)
    case = dict(kernel=kernel, known=known, mean=mean, noise=noise, x=x, y=y)
    theta = np.log(np.r_[lengths, scale] if known else np.r_[lengths, scale, shared])
    size = len(theta)
    at = np.r_[theta, z.ravel()]
    m, c = posterior(case, theta, z, places)
    chosen, left = greedy(case, theta, 8)
    cases.append(dict(
        kernel=kernel, known=known, prior_mean=mean, lengthscales=lengths.tolist(), outputscale=scale,
        noise=noise.tolist(), x=x.tolist(), y=y.tolist(), inducing=z.tolist(), places=places.tolist(),
        bound=float(bound(case, theta, z)), evidence=float(evidence(case, theta)),
        gradient=[float(g) for g in gradient(lambda t: bound(case, t[:size], t[size:].reshape(z.shape)), at)],
        mean=m.tolist(), covariance=c.tolist(), greedy=chosen, mean_variance=left,
    ))

print(json.dumps(dict(cases=cases)))
