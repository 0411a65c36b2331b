"""Reference numbers for tests/metric_statistics.rs; prints JSON. Needs numpy and scipy.

    python metric_statistics.py > metric_statistics.json
"""

import json

import numpy as np
from scipy import stats
from scipy.stats._resampling import _bca_interval

MASK = (1 << 64) - 1


class Xoshiro256PlusPlus:
    """Blackman and Vigna's generator, seeded through SplitMix64."""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = seed
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            self.state.append(z ^ (z >> 31))

    def next(self):
        rotl = lambda x, k: ((x << k) | (x >> (64 - k))) & MASK
        s = self.state
        result = (rotl((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return result


def resampled_indices(sizes, resamples, seed):
    """Per resample one index array per stratum, drawn stratum after stratum."""
    generator = Xoshiro256PlusPlus(seed)
    return [[np.array([(generator.next() * n) >> 64 for _ in range(n)]) for n in sizes] for _ in range(resamples)]


def bootstrap_case(strata, seed, resamples, level):
    strata = [np.asarray(s) for s in strata]
    mean_of_means = lambda *samples, axis=-1: sum(np.mean(s, axis=axis) for s in samples) / len(samples)
    draws = resampled_indices([len(s) for s in strata], resamples, seed)
    values = np.array([mean_of_means(*[s[i] for s, i in zip(strata, draw)]) for draw in draws])
    # a resample that permutes the sample ties with the estimate; do not let the order of a sum decide
    estimate = mean_of_means(*strata)
    values[np.abs(values - estimate) < 1e-12] = estimate
    tail = (1 - level) / 2
    low, high, _ = _bca_interval(strata, mean_of_means, -1, tail, values, None, np)
    return {
        "strata": [s.tolist() for s in strata],
        "seed": seed,
        "resamples": resamples,
        "level": level,
        "estimate": float(mean_of_means(*strata)),
        "percentile": [float(np.quantile(values, q)) for q in (tail, 1 - tail)],
        "bca": [float(np.quantile(values, q)) for q in (float(low), float(high))],
    }


rng = np.random.default_rng(20240607)
skewed = np.round(rng.lognormal(-2.0, 0.8, 20) - 0.05, 6)
small = np.round(rng.normal(0.03, 0.05, 7), 6)
other = np.round(rng.exponential(0.2, 11), 6)
bootstraps = [
    bootstrap_case([skewed], 7, 4000, 0.95),
    bootstrap_case([small], 123456789, 2500, 0.9),
    bootstrap_case([skewed, other, small], 42, 2000, 0.95),
]

samples = {
    "plain 6": np.round(rng.normal(0.2, 1.0, 6), 4),
    "plain 12": np.round(rng.normal(0.5, 1.0, 12), 4),
    "plain 20": np.round(rng.normal(0.3, 1.0, 20), 4),
    "plain 25": np.round(rng.normal(-0.6, 1.0, 25), 4),
    "plain 40": np.round(rng.normal(0.3, 1.0, 40), 4),
    "plain 80": np.round(rng.normal(0.2, 1.0, 80), 6),
    "ties 15": np.round(rng.normal(0.4, 1.0, 15) * 2) / 2 + 0.25,
    "ties 24": np.round(rng.normal(0.1, 1.0, 24) * 4) / 4 + 0.125,
    "zeros 16": np.concatenate([np.round(rng.normal(0.3, 1.0, 13), 4), np.zeros(3)]),
    "ties and zeros 22": np.round(rng.normal(0.3, 1.0, 22) * 2) / 2,
}
wilcoxon = []
for name, d in samples.items():
    used = d[d != 0]
    exact = len(used) == len(d) and len(np.unique(np.abs(used))) == len(used) and len(d) <= 50
    test = stats.wilcoxon(d, zero_method="wilcox", correction=False, method="exact" if exact else "asymptotic")
    wilcoxon.append(
        {
            "name": name,
            "differences": d.tolist(),
            "statistic": float(test.statistic),
            "p_value": float(test.pvalue),
            "used": int(len(used)),
            "exact": bool(exact),
        }
    )

aggregate = []
for n, m in [(4, 5), (11, 8), (30, 30)]:
    x, y = np.round(rng.normal(0.5, 0.2, n), 1), np.round(rng.normal(0.4, 0.2, m), 1)
    u = stats.mannwhitneyu(x, y).statistic
    aggregate.append(
        {
            "first": x.tolist(),
            "second": y.tolist(),
            "interquartile_mean": float(stats.trim_mean(x, 0.25)),
            "probability_of_improvement": float(u / (n * m)),
        }
    )

print(json.dumps({"bootstrap": bootstraps, "wilcoxon": wilcoxon, "aggregate": aggregate}, indent=1))
