"""Reference numbers for tests/world_task.rs; prints JSON. Needs numpy, scipy and scikit-learn.

    python world_task.py > world_task.json
"""

import json

import numpy as np
from scipy import optimize, stats
from sklearn import metrics

rng = np.random.default_rng(20240611)


def point_defects(places, share):
    truth = np.where(rng.random(places) < share, rng.integers(0, 2, places), -1)
    is_defect = truth >= 0
    log_odds = np.round(rng.normal(np.where(is_defect, 0.5, -2.0), 1.5), 1)  # rounded, so that some are tied
    guessed = rng.integers(0, 2, places)
    claims = np.where(log_odds > 0, guessed, -1)
    probability = 1 / (1 + np.exp(-log_odds))
    return {
        "defects": [int(k) if k >= 0 else None for k in truth],
        "log_odds": log_odds.tolist(),
        "classes": guessed.tolist(),
        "average_precision": metrics.average_precision_score(is_defect, log_odds),
        "f1": metrics.f1_score(truth, claims, labels=[0, 1], average="micro"),
        "brier": metrics.brier_score_loss(is_defect, probability),
    }


def domains(places, shares, blur):
    classes = len(shares)
    labels = rng.choice(classes, places, p=shares)
    probabilities = rng.dirichlet(np.ones(classes), places) * blur
    probabilities[np.arange(places), labels] += 1 - blur
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    # the best labels that look at nothing, by numerical optimisation over their frequencies
    share = np.array([np.mean(labels == k) for k in present])
    random_iou = lambda a: -np.mean(a * share / (share + a * (1 - share)))
    start = np.full(len(present), 1 / len(present))
    chance = optimize.minimize(
        random_iou, start, bounds=[(0, 1)] * len(present), constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        method="SLSQP", options={"ftol": 1e-15, "maxiter": 1000},
    )
    return {
        "classes": classes,
        "labels": labels.tolist(),
        "probabilities": probabilities.tolist(),
        "jaccard": metrics.jaccard_score(labels, predicted, labels=present, average="macro"),
        "chance": -chance.fun,
        "accuracy": metrics.accuracy_score(labels, predicted),
        "brier": float(np.mean(np.sum((probabilities - np.eye(classes)[labels]) ** 2, axis=1))),
    }


def numbers(places):
    truth = rng.integers(1, 12, places).astype(float)
    variance = rng.uniform(0.05, 2.0, places)
    answer = rng.normal(truth, np.sqrt(variance))
    vectors = rng.normal(0.1, 0.2, (places, 2))
    answers = rng.normal(vectors, np.sqrt(variance)[:, None] / 10)
    constant = lambda of, at: np.tile(at, (places, 1)) if of.ndim == 2 else np.full(places, at)
    mae, median = (metrics.mean_absolute_error(truth, a) for a in (answer, constant(truth, np.median(truth))))
    # scikit-learn averages over the components, a length sums over them
    rmse = np.sqrt(2 * metrics.mean_squared_error(vectors, answers))
    spread = np.sqrt(2 * metrics.mean_squared_error(vectors, constant(vectors, vectors.mean(axis=0))))
    z = np.abs(answer - truth) / np.sqrt(variance)
    return {
        "truth": truth.tolist(),
        "answer": answer.tolist(),
        "variance": variance.tolist(),
        "mean_absolute_error": mae,
        "error_of_median": median,
        "exact": float(np.mean(np.rint(answer) == truth)),
        "within_half": float(np.mean(z <= stats.norm.ppf(0.75))),
        "within_nine_tenths": float(np.mean(z <= stats.norm.ppf(0.95))),
        "standardised_squared_error": float(np.mean(z**2)),
        "vectors": vectors.tolist(),
        "answers": answers.tolist(),
        "root_mean_square_error": rmse,
        "spread": spread,
    }


print(
    json.dumps(
        {
            "point_defects": [point_defects(80, 0.1), point_defects(150, 0.3)],
            # the second case has a class that does not occur
            "domains": [domains(120, [0.5, 0.3, 0.2], 0.7), domains(90, [0.8, 0.0, 0.15, 0.05], 0.8)],
            "numbers": [numbers(60)],
        }
    )
)
