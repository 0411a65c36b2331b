"""Prints tests/reference/gp_kernels.json: kernels, priors and fits by scikit-learn, scipy and numpy alone.

Run: python tests/reference/gp_kernels.py > tests/reference/gp_kernels.json  (scikit-learn 1.9)
Kernel matrices and their gradients by scikit-learn; what it lacks (periods in two dimensions, weights of the dot
product, categories) is put together from its kernels on scaled or single columns, or written out. Prior densities by
scipy.stats, generalised least squares by numpy's inverse, fits by scipy's optimisers over scipy's normal density.
"""
import json

import numpy as np
from scipy import stats
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import (
    RBF, ConstantKernel, DotProduct, ExpSineSquared, Matern, RationalQuadratic, WhiteKernel,
)

rng = np.random.default_rng(7)
N, M = 9, 5


def case(name, kernel, x, places, compute, order, factors, slots=None):
    """compute(x, y) gives the cross matrix, compute(x) the matrix and its gradient; gradients are contracted with one
    lower triangle of weights, put into the crate's order (or `slots` of it) and rescaled where the parameters differ by
    a square."""
    weights = np.tril(rng.standard_normal((len(x), len(x))))
    matrix, gradient = compute(x)
    contracted = [float((weights * gradient[:, :, p]).sum()) * f for p, f in zip(order, factors)]
    return dict(name=name, kernel=kernel, x=x.tolist(), places=places.tolist(), weights=weights.tolist(),
                matrix=matrix.tolist(), cross=compute(x, places).tolist(), gradient=contracted, slots=slots or list(range(len(order))))


def of(kernel, columns=None, scale=None):
    def compute(x, y=None):
        pick = lambda z: (z if columns is None else z[:, columns]) * (1.0 if scale is None else scale)
        return kernel(pick(x), eval_gradient=True) if y is None else kernel(pick(x), pick(y))
    return compute


def times(a, b):
    def compute(x, y=None):
        if y is not None:
            return a(x, y) * b(x, y)
        (ka, ga), (kb, gb) = a(x), b(x)
        return ka * kb, np.concatenate([ga * kb[:, :, None], gb * ka[:, :, None]], axis=2)
    return compute


def central(matrix, theta):
    """Matrix and gradient of a formula without one, by Richardson's central differences in log-parameters."""
    def compute(x, y=None):
        if y is not None:
            return matrix(theta, x, y)
        gradient = []
        for p in range(len(theta)):
            def slope(h):
                step = np.zeros(len(theta))
                step[p] = h
                return (matrix(theta + step, x, x) - matrix(theta - step, x, x)) / (2 * h)
            a, b, c = slope(4e-3), slope(2e-3), slope(1e-3)
            ab, bc = (4 * b - a) / 3, (4 * c - b) / 3
            gradient.append((16 * bc - ab) / 15)
        return matrix(theta, x, x), np.stack(gradient, axis=2)
    return compute


def points(n, d):
    return rng.uniform(-1, 1.5, (n, d))


cases = []
x1, p1, x2, p2, x3, p3 = points(N, 1), points(M, 1), points(N, 2), points(M, 2), points(N, 3), points(M, 3)
cases.append(case("rational quadratic", dict(kind="rational_quadratic", lengthscale=0.7, alpha=0.4), x2, p2,
                  of(RationalQuadratic(length_scale=0.7, alpha=0.4)), [1, 0], [1, 1]))
cases.append(case("periodic, one dimension", dict(kind="periodic", lengthscale=0.8, period=0.6), x1, p1,
                  of(ExpSineSquared(0.8, 0.6)), [0, 1], [1, 1]))
cases.append(case("periodic, ARD", dict(kind="periodic", lengthscale=[0.8, 1.3], period=[0.6, 1.1]), x2, p2,
                  times(of(ExpSineSquared(0.8, 0.6), [0]), of(ExpSineSquared(1.3, 1.1), [1])), [0, 2, 1, 3], [1] * 4))
cases.append(case("linear", dict(kind="linear", variance=1.7, offset=0.49), x2, p2,
                  central(lambda t, a, b: np.exp(t[0]) * a @ b.T + np.exp(t[1]), np.log([1.7, 0.49])), [0, 1], [1, 1]))
cases.append(case("dot product", dict(kind="linear", variance=1.0, offset=0.49), x2, p2,
                  times(of(DotProduct(0.7)), lambda x, y=None: (np.ones((N, N)), np.zeros((N, N, 0))) if y is None else 1.0),
                  [0], [0.5], [1]))
cases.append(case("linear, ARD without offset", dict(kind="linear", variance=[0.3, 2.0], offset=None), x2, p2,
                  central(lambda t, a, b: (a * np.exp(t)) @ b.T, np.log([0.3, 2.0])), [0, 1], [1, 1]))
cases.append(case("polynomial", dict(kind="polynomial", degree=3, base=dict(variance=1.0, offset=0.81)), x2, p2,
                  of(DotProduct(0.9) ** 3), [0], [0.5], [1]))
cases.append(case("polynomial, ARD", dict(kind="polynomial", degree=4, base=dict(variance=[0.5, 1.2], offset=0.4)), x2, p2,
                  central(lambda t, a, b: ((a * np.exp(t[:2])) @ b.T + np.exp(t[2])) ** 4, np.log([0.5, 1.2, 0.4])),
                  [0, 1, 2], [1] * 3))
cases.append(case("constant", dict(kind="constant", constant=2.5), x2, p2, of(ConstantKernel(2.5)), [0], [1]))
cases.append(case("white", dict(kind="white", white=0.3), x2, p2, of(WhiteKernel(0.3)), [0], [1]))
cases.append(case("sum", dict(kind="sum", terms=[dict(kind="rbf", lengthscale=[0.5, 0.9]), dict(kind="white", white=0.2)]),
                  x2, p2, of(RBF([0.5, 0.9]) + WhiteKernel(0.2)), [0, 1, 2], [1] * 3))
cases.append(case("product", dict(kind="product", factors=[
    dict(kind="matern32", lengthscale=0.8), dict(kind="rational_quadratic", lengthscale=1.1, alpha=2.0)]), x3, p3,
    of(Matern(0.8, nu=1.5) * RationalQuadratic(1.1, 2.0)), [0, 2, 1], [1] * 3))
cases.append(case("scaled sum of products", dict(kind="scaled", outputscale=1.6, kernel=dict(kind="sum", terms=[
    dict(kind="product", factors=[dict(kind="constant", constant=0.7), dict(kind="matern52", lengthscale=0.6)]),
    dict(kind="product", factors=[dict(kind="rbf", lengthscale=[0.4, 1.0, 2.0]), dict(kind="constant", constant=1.2)])])),
    x3, p3, of((ConstantKernel(0.7) * Matern(0.6, nu=2.5) + RBF([0.4, 1.0, 2.0]) * ConstantKernel(1.2)) * ConstantKernel(1.6)),
    [0, 1, 2, 3, 4, 5, 6], [1] * 7))
cases.append(case("active dimensions", dict(kind="product", factors=[
    dict(kind="active_dimensions", columns=[2, 0], kernel=dict(kind="rbf", lengthscale=[0.5, 1.5])),
    dict(kind="active_dimensions", columns=[1], kernel=dict(kind="periodic", lengthscale=1.0, period=0.7))]), x3, p3,
    times(of(RBF([0.5, 1.5]), [2, 0]), of(ExpSineSquared(1.0, 0.7), [1])), [0, 1, 2, 3], [1] * 4))

K, RHO = 4, -0.2
coupling = (1 + (K - 1) * RHO) / (K * (1 - RHO))


def exchangeable(theta, a, b):
    t = K * np.exp(theta[0])
    rho = (t - 1) / (t + K - 1)
    return np.where(a == b.T, 1.0, rho)


codes = lambda n: rng.integers(0, K, (n, 1)).astype(float)
cases.append(case("categorical", dict(kind="categorical", categories=K, coupling=coupling), codes(N), codes(M),
                  central(exchangeable, np.log([coupling])), [0], [1]))

# Prior densities of log theta: scipy's density of theta, times theta.
shapes = [
    (dict(LogNormal=dict(median=0.3, log_sd=0.8)), stats.lognorm(0.8, scale=0.3)),
    (dict(Gamma=dict(shape=2.5, rate=4.0)), stats.gamma(2.5, scale=1 / 4.0)),
    (dict(InverseGamma=dict(shape=3.5, scale=1.2)), stats.invgamma(3.5, scale=1.2)),
    (dict(HalfNormal=dict(scale=0.7)), stats.halfnorm(scale=0.7)),
    (dict(HalfCauchy=dict(scale=1.4)), stats.halfcauchy(scale=1.4)),
]
values = [1e-3, 0.05, 0.3, 0.7, 1.0, 2.0, 9.0]
priors = [dict(prior=p, values=values, log_densities=[float(d.logpdf(v) + np.log(v)) for v in values]) for p, d in shapes]

# Generalised least squares for a linear mean at given hyper-parameters.
xg = np.c_[rng.uniform(0, 2, 25), rng.uniform(100, 103, 25)]
yg = 4.0 - 3.0 * xg[:, 0] + 0.5 * xg[:, 1] + 0.3 * rng.standard_normal(25)
kg = 0.8 * np.exp(-cdist(xg, xg) / 0.6) + 0.05 * np.eye(25)
h = np.c_[np.ones(25), xg]
beta = np.linalg.solve(h.T @ np.linalg.solve(kg, h), h.T @ np.linalg.solve(kg, yg))
density = stats.multivariate_normal(h @ beta, kg).logpdf(yg)
trend = dict(x=xg.tolist(), y=yg.tolist(), coefficients=beta.tolist(), log_marginal_likelihood=float(density))

# Maximum a posteriori within bounds: squared exponential with lengthscale, outputscale and noise variance.
xf = rng.uniform(0, 1, (24, 1))
yf = np.sin(7 * xf[:, 0]) + 0.3 * rng.standard_normal(24)
distances = cdist(xf, xf)


def posterior(theta, terms):
    length, scale, noise = np.exp(theta)
    k = scale * np.exp(-0.5 * (distances / length) ** 2) + noise * np.eye(24)
    value = stats.multivariate_normal(np.zeros(24), k).logpdf(yf)
    return value + sum(d.logpdf(np.exp(t)) + t for d, t in zip(terms, theta) if d is not None)


def best(terms, bounds):
    bounds = [(np.log(a), np.log(b)) for a, b in bounds]
    runs = [minimize(lambda t: -posterior(t, terms), [rng.uniform(a, b) for a, b in bounds], method="L-BFGS-B", bounds=bounds,
                     options=dict(ftol=1e-15, gtol=1e-7)) for _ in range(10)]
    run = min(runs, key=lambda r: r.fun)
    return dict(value=-float(run.fun), parameters=np.exp(run.x).tolist())


wide = [(1e-2, 1e1), (1e-2, 1e2), (1e-4, 1e1)]
d = [d for _, d in shapes]
fits = [
    dict(priors=[shapes[1][0], shapes[3][0], shapes[4][0]], bounds=None, **best([d[1], d[3], d[4]], wide)),
    dict(priors=[shapes[2][0], shapes[0][0], shapes[1][0]], bounds=None, **best([d[2], d[0], d[1]], wide)),
    dict(priors=None, bounds=[[0.02, 0.1], [0.5, 0.6], [0.01, 5.0]],
         **best([None] * 3, [(0.02, 0.1), (0.5, 0.6), (0.01, 5.0)])),
    dict(priors=[shapes[1][0], shapes[3][0], shapes[4][0]], bounds=[[0.3, 5.0], [0.05, 0.3], [0.001, 1.0]],
         **best([d[1], d[3], d[4]], [(0.3, 5.0), (0.05, 0.3), (0.001, 1.0)])),
]
print(json.dumps(dict(cases=cases, priors=priors, trend=trend, fits=dict(x=xf.tolist(), y=yf.tolist(), best=fits))))
