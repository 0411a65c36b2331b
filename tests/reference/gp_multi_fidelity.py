"""Prints tests/reference/gp_multi_fidelity.json: looks of different dose at one field, by numpy and scipy alone.

Run: python tests/reference/gp_multi_fidelity.py > tests/reference/gp_multi_fidelity.json
Likelihoods from scipy's multivariate normal density, posteriors from a general (LU) solve, the variance after another
look from conditioning on that look as well.
"""
import json

import numpy as np
from scipy.linalg import solve
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

rng = np.random.default_rng(32)


def matern52(a, b, length):
    r = np.sqrt(5) * cdist(a, b) / length
    return (1 + r + r**2 / 3) * np.exp(-r)


def field(case, a, b):
    return case["scale"] * matern52(a, b, case["length"])


def size(case, dose, absorbed):
    """g of looks."""
    if case["bias"] == "none":
        return np.zeros(len(dose))
    at = absorbed if case["bias"] == "with_dose" else dose
    decay = (1 + at / case["dose_scale"]) ** -case["exponent"] if case["exponent"] else np.exp(-at / case["dose_scale"])
    return 1 - decay if case["bias"] == "with_dose" else decay


def bias(case, a, g, b, h):
    return np.outer(g, h) * case["bias_scale"] * np.exp(-0.5 * cdist(a, b) ** 2 / case["bias_length"] ** 2)


def absorbed_by_middle(x, doses):
    return np.array([sum(doses[j] for j in range(i) if np.array_equal(x[j], x[i])) + doses[i] / 2 for i in range(len(x))])


def known(case, x, doses, places):
    """Covariance of the looks, of looks with the true field at places."""
    g = size(case, doses, absorbed_by_middle(x, doses))
    looks = field(case, x, x) + bias(case, x, g, x, g) + np.diag(case["shot"] / doses + case["readout"])
    return looks, field(case, x, places), g


def variance_after(case, x, doses, place, dose):
    x, doses = np.vstack([x, place]), np.append(doses, dose)
    looks, cross, _ = known(case, x, doses, place[None])
    return case["scale"] - (cross.T @ solve(looks, cross))[0, 0]


def answers(case):
    x, doses, y = np.array(case["x"]), np.array(case["doses"]), np.array(case["y"])
    places = np.array(case["places"])
    looks, cross, g = known(case, x, doses, places)
    case["log_marginal_likelihood"] = multivariate_normal(np.full(len(y), case["mean"]), looks).logpdf(y)
    case["field_mean"] = (case["mean"] + cross.T @ solve(looks, y - case["mean"])).tolist()
    case["field_covariance"] = (field(case, places, places) - cross.T @ solve(looks, cross)).tolist()
    dose = case["next_dose"]
    before = np.array([sum(d for z, d in zip(x, doses) if np.array_equal(z, place)) for place in places])
    h = size(case, np.full(len(places), dose), before + dose / 2)
    seen = cross + bias(case, x, g, places, h)
    prior = case["scale"] + h**2 * case["bias_scale"] + case["shot"] / dose + case["readout"]
    case["seen_mean"] = (case["mean"] + seen.T @ solve(looks, y - case["mean"])).tolist()
    case["seen_variance"] = (prior - np.sum(seen * solve(looks, seen), axis=0)).tolist()
    case["variance_after"] = [variance_after(case, x, doses, place, dose) for place in places]
    return case


cases = []
for kind, exponent, dimension in [("none", None, 2), ("at_low_dose", 1.7, 2), ("at_low_dose", None, 1), ("with_dose", 0.6, 1), ("with_dose", None, 2)]:
    x = rng.uniform(0, 1, (12, dimension))
    x[7], x[9], x[10] = x[2], x[2], x[5]
    places = rng.uniform(-0.2, 1.2, (5, dimension))
    places[1] = x[2]
    cases.append(answers({
        "bias": kind,
        "exponent": exponent,
        "x": x.tolist(),
        "doses": np.exp(rng.uniform(0, 6, 12)).tolist(),
        "y": rng.normal(0, 1.2, 12).tolist(),
        "places": places.tolist(),
        "next_dose": float(np.exp(rng.uniform(1, 4))),
        "mean": rng.normal(),
        "length": rng.uniform(0.2, 0.7),
        "scale": rng.uniform(0.5, 2.0),
        "bias_length": rng.uniform(0.2, 0.7),
        "bias_scale": rng.uniform(0.3, 1.0),
        "dose_scale": rng.uniform(3.0, 60.0),
        "shot": rng.uniform(0.5, 5.0),
        "readout": rng.uniform(0.001, 0.05),
    }))
print(json.dumps({"cases": cases}))
