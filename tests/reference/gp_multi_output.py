"""Prints tests/reference/gp_multi_output.json: several outputs at once by numpy and scipy alone.

Run: python tests/reference/gp_multi_output.py > tests/reference/gp_multi_output.json
The joint covariance is built from the generative models (weights times independent processes, a chain of fidelities),
not from formulas for the covariance of outputs; likelihoods from scipy's multivariate normal density, posteriors from a
general (LU) solve.
"""
import json

import numpy as np
from scipy.linalg import solve
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

rng = np.random.default_rng(31)


def rbf(a, b, length):
    return np.exp(-0.5 * cdist(a, b) ** 2 / length**2)


def matern52(a, b, length):
    r = np.sqrt(5) * cdist(a, b) / length
    return (1 + r + r**2 / 3) * np.exp(-r)


def mixing(case, code):
    """Rows: the weights of one output on all independent processes, one list a term."""
    return [
        np.concatenate([np.array(term["weights"])[code], np.sqrt(term["specific"]) * (np.arange(case["outputs"]) == code)])
        for term in case["terms"]
    ]


def chain(case, code):
    row = np.zeros(case["outputs"])
    row[code] = 1.0
    for level in range(code, 0, -1):
        row[level - 1] = case["ratios"][level - 1] * row[level]
    return row


def covariance(case, x, a, z, b):
    total = np.zeros((len(x), len(z)))
    if "ratios" in case:
        left, right = (np.array([chain(case, c) for c in codes]) for codes in (a, b))
        for level, (length, scale) in enumerate(zip(case["lengths"], case["scales"])):
            total += np.outer(left[:, level], right[:, level]) * scale * matern52(x, z, length)
        return total
    for index, term in enumerate(case["terms"]):
        kernel = {"rbf": rbf, "matern52": matern52}[term["kernel"]]
        left, right = (np.array([mixing(case, c)[index] for c in codes]) for codes in (a, b))
        total += left @ right.T * kernel(x, z, term["length"])
    return total


def answers(case):
    x, codes, y = np.array(case["x"]), np.array(case["codes"]), np.array(case["y"])
    places = np.array(case["places"])
    noise, means = np.array(case["noise"]), np.array(case["means"])
    k = covariance(case, x, codes, x, codes) + np.diag(noise[codes])
    case["log_marginal_likelihood"] = multivariate_normal(means[codes], k).logpdf(y)
    m, p = len(places), case["outputs"]
    everywhere, of = np.repeat(places, p, axis=0), np.tile(np.arange(p), m)
    cross = covariance(case, x, codes, everywhere, of)
    case["mean"] = (means[of] + cross.T @ solve(k, y - means[codes])).reshape(m, p).tolist()
    posterior = covariance(case, everywhere, of, everywhere, of) - cross.T @ solve(k, cross)
    case["variance"] = np.diag(posterior).reshape(m, p).tolist()
    case["between"] = [posterior[i * p:(i + 1) * p, i * p:(i + 1) * p].tolist() for i in range(m)]
    return case


def data(outputs, dimension, n):
    return {
        "outputs": outputs,
        "x": rng.uniform(0, 1, (n, dimension)).tolist(),
        "codes": rng.integers(0, outputs, n).tolist(),
        "y": rng.normal(0, 1.5, n).tolist(),
        "places": rng.uniform(-0.2, 1.2, (4, dimension)).tolist(),
        "noise": rng.uniform(0.01, 0.4, outputs).tolist(),
        "means": rng.normal(0, 1, outputs).tolist(),
    }


def term(outputs, rank, kernel):
    return {
        "kernel": kernel,
        "length": rng.uniform(0.2, 0.8),
        "weights": rng.normal(0, 1, (outputs, rank)).tolist(),
        "specific": rng.uniform(0.05, 0.5, outputs).tolist(),
    }


cases = []
for outputs, ranks, dimension in [(2, [1], 1), (3, [2], 2), (4, [1, 2], 2), (3, [3, 0, 1], 1)]:
    case = data(outputs, dimension, 18)
    case["terms"] = [term(outputs, rank, ["rbf", "matern52"][i % 2]) for i, rank in enumerate(ranks)]
    cases.append(answers(case))
for ratios in [[-0.8], [1.7, -0.4]]:
    case = data(len(ratios) + 1, 2, 18)
    case["ratios"] = ratios
    case["lengths"] = rng.uniform(0.2, 0.8, case["outputs"]).tolist()
    case["scales"] = rng.uniform(0.3, 2.0, case["outputs"]).tolist()
    cases.append(answers(case))
print(json.dumps({"cases": cases}))
