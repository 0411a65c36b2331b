"""Reference numbers for tests/acquisition_batch.rs; prints JSON. Needs numpy, scipy, torch and botorch (0.18).

    python acquisition_batch.py > acquisition_batch.json

"exact": expected improvement of a batch of two or three jointly normal values, by one-dimensional
integrals over the distribution of their maximum, E[max(0, M - y)] = int_y^inf P(M > t) dt.
"draws": what BoTorch makes of given joint draws.
"""

import json

import numpy as np
import torch
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.acquisition.monte_carlo import qExpectedImprovement
from botorch.utils.testing import MockModel, MockPosterior
from scipy import stats

torch.set_default_dtype(torch.float64)


def expected_improvement(mean, covariance, incumbent):
    joint = stats.multivariate_normal(mean, covariance, abseps=1e-8, releps=1e-8, maxpts=100_000)
    top = max(m + 9 * np.sqrt(v) for m, v in zip(mean, np.diag(covariance)))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    half = (top - incumbent) / 2
    above = [1 - joint.cdf(np.full(len(mean), incumbent + half * (node + 1))) for node in nodes]
    return float(half * np.dot(weights, above))


def exact(mean, covariance, incumbent):
    return {
        "mean": mean,
        "covariance": covariance,
        "incumbent": incumbent,
        "expected_improvement": expected_improvement(mean, np.array(covariance), incumbent),
    }


def draws(rng, samples, batch, incumbent):
    values = rng.normal(size=(samples, batch)) + rng.normal(size=batch)
    model = MockModel(MockPosterior(mean=torch.zeros(1, 1)))

    def reduce(acquisition):
        drawn = torch.tensor(values)[:, None, :]
        terms = acquisition._sample_forward(drawn)
        return acquisition._sample_reduction(acquisition._q_reduction(terms)).item()

    return {
        "values": values.tolist(),
        "incumbent": incumbent,
        "expected_improvement": reduce(qExpectedImprovement(model, best_f=incumbent)),
        "log_expected_improvement": reduce(qLogExpectedImprovement(model, best_f=incumbent)),
        "warm": reduce(qLogExpectedImprovement(model, best_f=incumbent, tau_relu=0.05, tau_max=0.3)),
    }


rng = np.random.default_rng(5)
print(json.dumps({
    "exact": [
        exact([0.3, -0.1], [[1.0, 0.6], [0.6, 0.8]], 0.5),
        exact([0.3, -0.1], [[1.0, -0.7], [-0.7, 0.8]], 0.0),
        exact([0.0, 0.2, -0.5], [[1.0, 0.3, 0.1], [0.3, 0.5, -0.2], [0.1, -0.2, 2.0]], 0.8),
        exact([1.0, 1.0, 1.1], [[0.2, 0.15, 0.1], [0.15, 0.2, 0.15], [0.1, 0.15, 0.2]], 1.2),
    ],
    "draws": [draws(rng, 7, 3, 0.4), draws(rng, 16, 1, -1.0), draws(rng, 5, 4, 30.0), draws(rng, 8, 2, -20.0)],
}, indent=1))
