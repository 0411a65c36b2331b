"""scikit-learn's side of `cargo bench --bench gp`: reads tasks from standard input, answers in lines of JSON.

usage: sklearn_gp.py measurements.csv candidates.csv   (columns x0,x1,y; see benches/gp/problem.rs)
tasks: likelihood N | fit N | both N | mean N | loop 500
answer: {"cpu_seconds": least processor time of one call, "value": a number both sides should agree on}
"""
import json
import sys
import time
import warnings

import numpy as np
import sklearn
from scipy.special import ndtr
from sklearn.gaussian_process import GaussianProcessRegressor as Regressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

warnings.filterwarnings("ignore")
MEASUREMENTS, CANDIDATES = (np.loadtxt(f, delimiter=",", skiprows=1) for f in sys.argv[1:3])
LATTICE = np.stack(np.meshgrid(*[np.linspace(0, 1, 128)] * 2, indexing="ij"), -1).reshape(-1, 2)


def matern(lengthscale):
    return ConstantKernel(1.0) * Matern(length_scale=lengthscale, nu=2.5)


def conditioned(x, y, lengthscale, noise_variance):
    return Regressor(matern(lengthscale), alpha=noise_variance, optimizer=None).fit(x, y)


def likelihood(x, y):
    kernel = matern([0.2, 0.25]) + WhiteKernel(0.02)
    model = Regressor(kernel, optimizer=None).fit(x, y)
    theta = model.kernel_.theta
    return lambda: model.log_marginal_likelihood(theta, eval_gradient=True, clone_kernel=False)[0]


def fit(x, y):
    kernel = matern([1.0, 1.0]) + WhiteKernel(1.0)
    return lambda: Regressor(kernel).fit(x, y).log_marginal_likelihood_value_


def both(x, y):
    model = conditioned(x, y, [0.2, 0.25], 0.02)
    return lambda: np.square(model.predict(LATTICE, return_std=True)[1]).sum()


def mean(x, y):
    model = conditioned(x, y, [0.2, 0.25], 0.02)
    return lambda: np.abs(model.predict(LATTICE)).sum()


def loop(count):
    """10 to `count` observations by expected improvement; the value is the sum of all indices chosen."""
    x, y = CANDIDATES[:, :2], CANDIDATES[:, 2]

    def run():
        chosen = [int(4096 * (0.61803398875 * i % 1)) for i in range(1, 11)]
        while len(chosen) < count:
            model = conditioned(x[chosen], y[chosen], [0.2, 0.2], 0.01)
            centre, deviation = model.predict(x, return_std=True)
            deviation = np.maximum(deviation, 1e-7)
            z = (centre - y[chosen].max()) / deviation
            gain = deviation * (z * ndtr(z) + np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
            chosen.append(int(np.argmax(gain)))
        return sum(chosen)

    return run


def answer(task, count):
    call = loop(count) if task == "loop" else globals()[task](MEASUREMENTS[:count, :2], MEASUREMENTS[:count, 2])
    least, begin, samples = np.inf, time.process_time(), 0
    while samples == 0 or (samples < 20 and time.process_time() - begin < 2.0):
        start = time.process_time()
        value = call()
        least, samples = min(least, time.process_time() - start), samples + 1
    return {"cpu_seconds": least, "value": float(value)}


print(json.dumps({"version": "scikit-learn " + sklearn.__version__}), flush=True)
for line in sys.stdin:
    name, size = line.split()
    print(json.dumps(answer(name, int(size))), flush=True)
