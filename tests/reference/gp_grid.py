"""Prints tests/reference/gp_grid.json: dense Gaussian-process regression on two small grids with numpy and scipy."""

import json

import numpy as np
from scipy.linalg import cho_factor, cho_solve


def case(rows, columns, pixel, lengthscales, outputscale, share, seed):
    random = np.random.default_rng(seed)
    y, x = np.meshgrid(np.arange(rows) * pixel[0], np.arange(columns) * pixel[1], indexing="ij")
    places = np.stack([y.ravel(), x.ravel()], 1)
    scaled = places / lengthscales
    covariance = outputscale * np.exp(-0.5 * ((scaled[:, None] - scaled[None]) ** 2).sum(-1))
    variances = 0.01 + 0.09 * random.random(rows * columns)
    image = np.sin(2 * places[:, 0]) + np.cos(places[:, 1]) + np.sqrt(variances) * random.standard_normal(rows * columns)
    seen = random.random(rows * columns) < share
    factor = cho_factor(covariance[np.ix_(seen, seen)] + np.diag(variances[seen]), lower=True)
    weights = cho_solve(factor, image[seen])
    cross = covariance[:, seen]
    logdet = 2 * np.log(np.diag(factor[0])).sum()
    return {
        "rows": rows,
        "columns": columns,
        "pixel": pixel,
        "lengthscales": lengthscales,
        "outputscale": outputscale,
        "image": image.tolist(),
        "variances": [v if s else None for v, s in zip(variances.tolist(), seen)],
        "mean": (cross @ weights).tolist(),
        "variance": (outputscale - (cross * cho_solve(factor, cross.T).T).sum(1)).tolist(),
        "log_marginal_likelihood": -0.5 * (image[seen] @ weights + logdet + seen.sum() * np.log(2 * np.pi)),
    }


print(
    json.dumps(
        [
            case(8, 11, [0.3, 0.2], [0.7, 0.9], 1.7, 1.0, 1),
            case(9, 7, [0.2, 0.3], [0.6, 0.5], 0.8, 0.4, 2),
        ]
    )
)
