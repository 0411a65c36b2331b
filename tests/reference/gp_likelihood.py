"""Prints tests/reference/gp_likelihood.json: Laplace's approximation and a heteroscedastic bound, by numpy and scipy,
and Gaussian-process classification by scikit-learn.

Run: python tests/reference/gp_likelihood.py > tests/reference/gp_likelihood.json
Needs numpy, scipy, scikit-learn. The mode is found in whitened coordinates by a damped Newton method on the dense
Hessian, determinants and posteriors come from dense general inverses, gradients from central differences of the log
evidence with Richardson extrapolation, best fits from scipy's optimisers, the best variational parameters
from a general quasi-Newton search: nothing here shares a route with the Rust code.
"""
import json

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.special import expit, gammaln, log_ndtr
from scipy.stats import multivariate_normal, norm, poisson, t as student
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

rng = np.random.default_rng(7)


def covariance(log_lengths, log_scale, a, b):
    lengths = np.exp(log_lengths)
    return np.exp(log_scale) * np.exp(-0.5 * cdist(a / lengths, b / lengths) ** 2)


class Poisson:
    def __init__(self, exposure):
        self.exposure, self.count = exposure, 0

    def terms(self, theta, y, f):
        rate = self.exposure * np.exp(f)
        # as deviance plus a constant of y, since the differences of log densities matter and counts may be huge
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.log(rate) - np.log(np.maximum(y, 1))
            positive = y * (u - np.expm1(u)) + poisson.logpmf(y, np.maximum(y, 1))
            log = np.where(self.exposure > 0, np.where(y > 0, positive, -rate), 0.0)
        return log, y - rate, rate

    def start(self, y):
        return np.log((y + 0.5) / np.maximum(self.exposure, 0.5))


class Probit:
    count = 0

    def terms(self, theta, y, f):
        s = 2 * y - 1
        log = log_ndtr(s * f)
        ratio = np.exp(norm.logpdf(f) - log)
        return log, s * ratio, ratio * (ratio + s * f)

    def start(self, y):
        return 0.0 * y


class Logit:
    count = 0

    def terms(self, theta, y, f):
        return -np.logaddexp(0, -(2 * y - 1) * f), y - expit(f), expit(f) * expit(-f)

    def start(self, y):
        return 0.0 * y


class StudentT:
    count = 2  # log nu, log squared scale

    def terms(self, theta, y, f):
        nu, square = np.exp(theta)
        r = y - f
        q = nu * square + r**2
        return student.logpdf(r, nu, scale=np.sqrt(square)), (nu + 1) * r / q, (nu + 1) * (nu * square - r**2) / q**2

    def start(self, y):
        return y


def laplace(likelihood, theta, mean, x, y, dimension):
    """Mode, log evidence, and the dense K and W."""
    own = theta[dimension + 1:]
    k = covariance(theta[:dimension], theta[dimension], x, x)
    values, vectors = np.linalg.eigh(k)
    root = vectors * np.sqrt(np.maximum(values, 0))  # K = root root'
    n = len(y)
    # a Gaussian posterior with a fair weight as the start
    v = root.T @ np.linalg.solve(k + 0.3 * np.eye(n), likelihood.start(y) - mean)
    density = lambda v: likelihood.terms(own, y, mean + root @ v)[0].sum() - 0.5 * v @ v
    for _ in range(500):
        _, slope, w = likelihood.terms(own, y, mean + root @ v)
        gradient = root.T @ slope - v
        hessian = np.eye(n) + root.T @ (w[:, None] * root)
        lowest = np.linalg.eigvalsh(hessian)[0]
        if lowest < 1e-3:
            hessian += (1e-2 - lowest) * np.eye(n)
        step = np.linalg.solve(hessian, gradient)
        length, here = 1.0, density(v)
        while not density(v + length * step) >= here - 1e-13 * abs(here) and length > 1e-12:
            length /= 2
        v = v + length * step
        if np.abs(gradient).max() < 1e-11:
            break
    f = mean + root @ v
    log, slope, w = likelihood.terms(own, y, f)
    sign, determinant = np.linalg.slogdet(np.eye(n) + k * w[None, :])
    assert sign > 0
    return f, log.sum() - 0.5 * v @ v - 0.5 * determinant, slope, k, w


def richardson(function, theta):
    out = []
    for p in range(len(theta)):
        def central(h):
            step = np.zeros(len(theta))
            step[p] = h
            return (function(theta + step) - function(theta - step)) / (2 * h)
        a, b, c = central(8e-3), central(4e-3), central(2e-3)
        ab, bc = (4 * b - a) / 3, (4 * c - b) / 3
        out.append((16 * bc - ab) / 15)
    return out


def case(name, likelihood, own, dimension, n, mean, make, log_scale):
    x = rng.uniform(0, 1, (n, dimension))
    places = rng.uniform(-0.2, 1.2, (5, dimension))
    theta = np.r_[np.log(rng.uniform(0.2, 0.6, dimension)), log_scale, own]
    k = covariance(theta[:dimension], log_scale, x, x) + 1e-9 * np.eye(n)
    y = make(mean + np.linalg.cholesky(k) @ rng.standard_normal(n))
    f, evidence, slope, k, w = laplace(likelihood, theta, mean, x, y, dimension)
    both = np.r_[theta, mean]
    gradient = richardson(lambda b: laplace(likelihood, b[:-1], b[-1], x, y, dimension)[1], both)
    cross = covariance(theta[:dimension], theta[dimension], x, places)
    prior = covariance(theta[:dimension], theta[dimension], places, places)
    q = w[:, None] * np.linalg.inv(np.eye(n) + k * w[None, :])
    return {
        "likelihood": name, "x": x.tolist(), "y": y.tolist(), "places": places.tolist(), "mean": mean,
        "exposure": getattr(likelihood, "exposure", np.zeros(0)).tolist(), "theta": theta.tolist(),
        "mode": f.tolist(), "log_marginal_likelihood": evidence, "gradient": gradient,
        "latent_mean": (mean + cross.T @ slope).tolist(), "latent_covariance": (prior - cross.T @ q @ cross).tolist(),
        "negative_curvatures": int((w < 0).sum()),
    }


cases = []
exposure = rng.choice([0.0, 3.0, 20.0, 400.0], 18)
cases.append(case("poisson", Poisson(exposure), [], 2, 18, -0.7, lambda f: rng.poisson(exposure * np.exp(f)).astype(float), 0.2))
bright = np.full(12, 1e7)
cases.append(case("poisson", Poisson(bright), [], 1, 12, 1.5, lambda f: rng.poisson(bright * np.exp(f)).astype(float), -0.5))
dark = np.full(15, 0.2)
cases.append(case("poisson", Poisson(dark), [], 1, 15, -2.0, lambda f: rng.poisson(dark * np.exp(f)).astype(float), 0.0))
cases.append(case("probit", Probit(), [], 2, 20, 0.3, lambda f: (f + rng.standard_normal(20) > 0).astype(float), 1.0))
cases.append(case("probit", Probit(), [], 1, 9, 0.0, lambda f: np.ones(9), 2.0))
cases.append(case("logit", Logit(), [], 2, 20, -0.4, lambda f: (rng.uniform(size=20) < expit(f)).astype(float), 1.5))


def outliers(f):
    y = f + 0.1 * rng.standard_normal(len(f))
    y[[3, 11, 17]] += [4.0, -3.0, 5.0]
    return y


cases.append(case("student", StudentT(), np.log([4.0, 0.02]), 1, 24, 0.2, outliers, 0.0))
cases.append(case("student", StudentT(), np.log([3.0, 0.05]), 2, 24, 0.0, outliers, 0.3))

# scikit-learn: Rasmussen & Williams algorithms 3.1, 3.2 and 5.1 for the logistic link
learn = []
for _ in range(2):
    x = rng.uniform(0, 1, (25, 2))
    y = (np.sin(6 * x[:, 0]) + x[:, 1] + 0.5 * rng.standard_normal(25) > 0.5).astype(float)
    places = rng.uniform(-0.2, 1.2, (6, 2))
    scale, lengths = float(rng.uniform(1, 5)), rng.uniform(0.2, 0.7, 2)
    model = GaussianProcessClassifier(ConstantKernel(scale) * RBF(lengths), optimizer=None, max_iter_predict=1000).fit(x, y)
    value, slope = model.log_marginal_likelihood(model.kernel_.theta, eval_gradient=True)
    mean, variance = model.latent_mean_and_variance(places)
    learn.append({
        "x": x.tolist(), "y": y.tolist(), "places": places.tolist(), "outputscale": scale, "lengthscales": lengths.tolist(),
        "log_marginal_likelihood": value, "gradient": [slope[1], slope[2], slope[0]],
        "latent_mean": mean.tolist(), "latent_variance": variance.tolist(),
        "probability": model.predict_proba(places)[:, 1].tolist(),
    })

# the best hyper-parameters and mean for counts
x = rng.uniform(0, 1, (40, 1))
exposure = np.full(40, 30.0)
truth = covariance(np.log([0.2]), 0.0, x, x) + 1e-9 * np.eye(40)
y = rng.poisson(exposure * np.exp(-0.5 + np.linalg.cholesky(truth) @ rng.standard_normal(40))).astype(float)
target = lambda b: -laplace(Poisson(exposure), b[:-1], b[-1], x, y, 1)[1]
best = min((minimize(target, s, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000})
            for s in ([-1.5, 0.0, -0.5], [-1.0, 1.0, 0.0])), key=lambda r: r.fun)
fit = {"x": x.tolist(), "y": y.tolist(), "exposure": exposure.tolist(), "theta": best.x.tolist(), "log_marginal_likelihood": -best.fun}


# the variational heteroscedastic bound of Lazaro-Gredilla & Titsias, its Gaussian left to a general optimiser
def bound(lam, theta, mean, x, y):
    kf = covariance(theta[:1], theta[1], x, x)
    kg = covariance(theta[2:3], theta[3], x, x) + 1e-12 * np.eye(len(y))
    n = len(y)
    if not np.all((lam > 1e-9) & (lam < 1e9)):
        return -1e10  # a line search gone astray
    sigma = kg - kg @ np.linalg.solve(kg + np.diag(1 / lam), kg)
    shift = kg @ (lam - 0.5)
    r = np.exp(theta[4] + shift - 0.5 * np.diag(sigma))
    if not np.all((r > 1e-12) & (r < 1e12)):
        return -1e10  # a line search gone astray
    fit = multivariate_normal(np.full(n, mean), kf + np.diag(r)).logpdf(y)
    ratio = np.linalg.solve(kg, sigma)
    divergence = 0.5 * (np.trace(ratio) + shift @ (lam - 0.5) - n - np.linalg.slogdet(ratio)[1])
    return fit - 0.25 * np.trace(sigma) - divergence


def best_bound(theta, mean, x, y, start=None):
    start = np.log(np.full(len(y), 0.5)) if start is None else start
    for _ in range(6):
        result = minimize(lambda l: -bound(np.exp(l), theta, mean, x, y), start, method="BFGS", options={"gtol": 1e-8, "maxiter": 2000})
        start = result.x
    return -result.fun, result.x


x = np.sort(rng.uniform(0, 1, (10, 1)), axis=0)
y = np.sin(5 * x[:, 0]) + np.exp(-2 + 2.5 * x[:, 0]) * rng.standard_normal(10)
theta = np.array([np.log(0.3), 0.0, np.log(0.25), np.log(1.5), np.log(0.05)])
value, log_lambda = best_bound(theta, 0.1, x, y)
slopes = []
for p in range(5):
    step = np.zeros(5)
    step[p] = 1e-2
    c = lambda h: (best_bound(theta + h * step, 0.1, x, y, log_lambda)[0] - best_bound(theta - h * step, 0.1, x, y, log_lambda)[0]) / (2e-2 * h)
    slopes.append((4 * c(1) - c(2)) / 3)
hetero = {"x": x.tolist(), "y": y.tolist(), "theta": theta.tolist(), "mean": 0.1, "bound": value, "gradient": slopes,
          "lambda": np.exp(log_lambda).tolist()}

print(json.dumps({"cases": cases, "scikit_learn": learn, "fit": fit, "heteroscedastic": hetero}, indent=None))
