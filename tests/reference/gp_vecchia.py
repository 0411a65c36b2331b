"""Prints tests/reference/gp_vecchia.json: Vecchia's likelihood and predictions from their definitions, by numpy alone.

Run: python tests/reference/gp_vecchia.py > tests/reference/gp_vecchia.json
Neighbours by sorting all distances, each conditional density from a general (LU) solve, gradients from central
differences with Richardson extrapolation, least-squares means from the dense precision matrix that the conditionals
imply: nothing here shares a route with the Rust code.
"""
import json

import numpy as np

rng = np.random.default_rng(11)
N, M = 30, 5


def covariance(theta, a, b):
    lengths, scale = np.exp(theta[:-1]), np.exp(theta[-1])
    r = np.sqrt((((a[:, None] - b[None]) / lengths) ** 2).sum(-1))
    s = np.sqrt(5) * r
    return scale * (1 + s + s**2 / 3) * np.exp(-s)


def neighbours(x, order, lengths, k):
    sets = []
    for p in range(len(order)):
        earlier = list(order[:p])
        distance = [(((x[order[p]] - x[j]) / lengths) ** 2).sum() for j in earlier]
        sets.append([earlier[i] for i in sorted(np.argsort(distance)[:k])])
    return sets


def split(case, theta):
    if case["known"]:
        return theta, np.array(case["noise"])
    return theta[:-1], np.full(N, np.exp(theta[-1]))


def conditionals(case, theta):
    """Rows of I - W, and the conditional variances, in the order of the measurements."""
    x, (kernel, noise) = np.array(case["x"]), split(case, theta)
    full = covariance(kernel, x, x) + np.diag(noise)
    rows, variances = np.zeros((N, N)), np.zeros(N)
    for i, s in zip(case["order"], case["sets"]):
        rows[i, i] = 1
        variances[i] = full[i, i]
        if s:
            w = np.linalg.solve(full[np.ix_(s, s)], full[s, i])
            rows[i, s] = -w
            variances[i] -= w @ full[s, i]
    return rows, variances


def log_density(case, theta):
    rows, variances = conditionals(case, theta)
    misfit = rows @ (np.array(case["y"]) - case["mean"])
    return -0.5 * (misfit**2 / variances + np.log(2 * np.pi * variances)).sum()


def gradient(case, theta):
    out = []
    for p in range(len(theta)):
        def central(h):
            step = np.zeros(len(theta))
            step[p] = h
            return (log_density(case, theta + step) - log_density(case, theta - step)) / (2 * h)
        a, b, c = central(4e-3), central(2e-3), central(1e-3)
        ab, bc = (4 * b - a) / 3, (4 * c - b) / 3
        out.append((16 * bc - ab) / 15)
    return out


def least_squares(case, theta, linear):
    rows, variances = conditionals(case, theta)
    x = np.array(case["x"])
    h = np.column_stack([np.ones(N), x]) if linear else np.ones((N, 1))
    precision = rows.T @ np.diag(1 / variances) @ rows
    return np.linalg.solve(h.T @ precision @ h, h.T @ precision @ np.array(case["y"]))


def predict(case, theta, place, k):
    x, (kernel, noise) = np.array(case["x"]), split(case, theta)
    lengths = np.exp(kernel[:-1])
    s = np.argsort((((x - place) / lengths) ** 2).sum(1))[:k]
    block = covariance(kernel, x[s], x[s]) + np.diag(noise[s])
    cross = covariance(kernel, x[s], place[None])[:, 0]
    solved = np.linalg.solve(block, np.column_stack([np.array(case["y"])[s] - case["mean"], cross]))
    return case["mean"] + cross @ solved[:, 0], np.exp(kernel[-1]) - cross @ solved[:, 1]


cases = []
for dimension, known, mean, k in [(1, True, 0.0, 3), (2, False, 0.7, 5), (2, True, -0.4, 8), (3, False, 0.0, 6)]:
    x = rng.uniform(0, 1, (N, dimension))
    lengths, scale = rng.uniform(0.15, 0.6, dimension), rng.uniform(0.5, 2)
    noise = rng.uniform(0.01, 0.3, N) if known else np.full(N, 0.05)
    y = np.sin(5 * x[:, 0]) + rng.normal(0, 0.3, N) + mean
    order = [int(i) for i in rng.permutation(N)]
    theta = np.log(np.concatenate([lengths, [scale], [] if known else [0.05]]))
    case = dict(dimension=dimension, known=known, mean=mean, neighbours=k, x=x.tolist(), y=y.tolist(),
                noise=noise.tolist(), order=order, sets=neighbours(x, order, lengths, k),
                lengthscales=lengths.tolist(), outputscale=float(scale))
    places = rng.uniform(-0.1, 1.1, (M, dimension))
    predictions = [predict(case, theta, place, 7) for place in places]
    case.update(log_density=log_density(case, theta), gradient=gradient(case, theta),
                constant=least_squares(case, theta, False).tolist(), linear=least_squares(case, theta, True).tolist(),
                places=places.tolist(), predicted_mean=[p[0] for p in predictions],
                predicted_variance=[p[1] for p in predictions])
    cases.append(case)
print(json.dumps(dict(prediction_neighbours=7, cases=cases)))
