"""Prints tests/reference/gp_exact.json: exact Gaussian-process regression by numpy and scipy alone.

Run: python tests/reference/gp_exact.py > tests/reference/gp_exact.json
Covariances from scipy's distances, the likelihood from scipy's multivariate normal density, posteriors from a
general (LU) solve, gradients from central differences of the log density with Richardson
extrapolation, best fits from scipy's own optimisers: nothing here shares a route with the Rust code.
"""
import json

import numpy as np
from scipy.linalg import solve
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

rng = np.random.default_rng(20)
N, M = 14, 6


def correlation(name, r):
    if name == "rbf":
        return np.exp(-0.5 * r**2)
    if name == "matern12":
        return np.exp(-r)
    if name == "matern32":
        return (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r)
    return (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r)


def covariance(case, theta, a, b):
    lengths, scale = np.exp(theta[:-1]), np.exp(theta[-1])
    return scale * correlation(case["kernel"], cdist(a / lengths, b / lengths))


def log_density(case, theta, x, y):
    count = len(theta) if case["known"] else len(theta) - 1
    noise = case["noise"] if case["known"] else np.full(len(y), np.exp(theta[-1]))
    k = covariance(case, theta[:count], x, x) + np.diag(noise)
    return multivariate_normal(np.full(len(y), case["mean"]), k).logpdf(y)


def gradient(case, theta, x, y):
    out = []
    for p in range(len(theta)):
        def central(h):
            step = np.zeros(len(theta))
            step[p] = h
            return (log_density(case, theta + step, x, y) - log_density(case, theta - step, x, y)) / (2 * h)
        a, b, c = central(4e-3), central(2e-3), central(1e-3)
        ab, bc = (4 * b - a) / 3, (4 * c - b) / 3
        out.append((16 * bc - ab) / 15)
    return out


cases = []
for kernel in ["rbf", "matern12", "matern32", "matern52"]:
    for dimension, ard, known, mean in [(1, False, True, 0.0), (2, True, True, 0.7), (2, False, False, 0.0), (3, True, False, -0.4)]:
        x = rng.uniform(0, 1, (N, dimension))
        places = rng.uniform(-0.2, 1.2, (M, dimension))
        lengths = rng.uniform(0.2, 0.8, dimension if ard else 1)
        scale, shared = rng.uniform(0.5, 2.0), rng.uniform(0.01, 0.2)
        noise = rng.uniform(0.005, 0.3, N) if known else np.full(N, shared)
        y = np.sin(5 * x.sum(axis=1)) + mean + np.sqrt(noise) * rng.standard_normal(N)
        case = dict(kernel=kernel, known=known, mean=mean, noise=noise)
        theta = np.log(np.r_[lengths, scale] if known else np.r_[lengths, scale, shared])
        kernel_theta = theta if known else theta[:-1]
        k = covariance(case, kernel_theta, x, x) + np.diag(noise)
        cross = covariance(case, kernel_theta, x, places)
        prior = covariance(case, kernel_theta, places, places)
        posterior = prior - cross.T @ solve(k, cross)
        cases.append(dict(
            kernel=kernel, ard=ard, known=known, prior_mean=mean,
            lengthscales=lengths.tolist(), outputscale=scale, noise=noise.tolist(),
            x=x.tolist(), y=y.tolist(), places=places.tolist(),
            log_marginal_likelihood=float(log_density(case, theta, x, y)),
            gradient=[float(g) for g in gradient(case, theta, x, y)],
            mean=(mean + cross.T @ solve(k, y - mean)).tolist(),
            covariance=posterior.tolist(),
        ))

def best_fit(kernel, known, profiled, n):
    """Highest log density scipy finds from many starts, the mean one more variable where it is profiled."""
    x = rng.uniform(0, 1, (n, 2))
    noise = rng.uniform(0.01, 0.2, n) if known else np.full(n, 0.05)
    y = np.sin(6 * x[:, 0]) + 0.5 * np.cos(9 * x[:, 1]) + 3.0 * profiled + np.sqrt(noise) * rng.standard_normal(n)

    def cost(v):
        case = dict(kernel=kernel, known=known, mean=v[-1] if profiled else 0.0, noise=noise)
        try:
            return -log_density(case, v[:-1] if profiled else v, x, y)
        except np.linalg.LinAlgError:
            return 1e10

    count = 3 + (not known)
    bounds = [(-6, 6)] * count + [(-10, 10)] * profiled
    runs = [minimize(cost, np.r_[rng.uniform(-2, 1, count), [0.0] * profiled], method="L-BFGS-B", bounds=bounds) for _ in range(12)]
    best = min(runs, key=lambda run: run.fun)
    best = minimize(cost, best.x, method="Nelder-Mead", options=dict(xatol=1e-7, fatol=1e-11, maxiter=20000, maxfev=20000))
    return dict(kernel=kernel, known=known, profiled=bool(profiled), noise=noise.tolist(), x=x.tolist(), y=y.tolist(),
                log_marginal_likelihood=-float(best.fun), parameters=np.exp(best.x[:count]).tolist(), constant=float(best.x[-1]) if profiled else 0.0)


fits = [best_fit("matern52", False, 0, 50), best_fit("rbf", True, 1, 40), best_fit("matern32", False, 1, 110)]
print(json.dumps(dict(cases=cases, fits=fits)))
