"""Reference numbers for tests/acquisition_values.rs; prints JSON. Needs numpy and scipy.

    python acquisition_values.py > acquisition_values.json

The logarithm of the expected improvement is an integral whose integrand has no exponential scale left in it, so it is good to
about 1e-13 at any distance below the incumbent: with t = -z > 0 and v = t u,
E[(f - y*)+] / s = phi(t) / t^2 * int_0^inf v exp(-v - v^2 / (2 t^2)) dv.
"""

import json

import numpy as np
from scipy import stats
from scipy.integrate import quad
from scipy.special import log_ndtr


def log_positive_part(z):
    if z > -0.5:
        value, _ = quad(lambda u: u * stats.norm.pdf(u - z), 0, max(z, 0) + 40, epsabs=0, epsrel=1e-13, limit=400,
                        points=[max(z, 0), max(z, 0) + 3])
        return float(np.log(value))
    t = -z
    integral, _ = quad(lambda v: v * np.exp(-v - v * v / (2 * t * t)), 0, 60, epsabs=0, epsrel=1e-13, limit=400,
                       points=[1, 5, 20])
    return float(stats.norm.logpdf(t) - 2 * np.log(t) + np.log(integral))


def case(mean, variance, noise, incumbent, deviations):
    out = {"mean": mean, "variance": variance, "noise_variance": noise, "incumbent": incumbent, "deviations": deviations}
    for name, s in [("latent", np.sqrt(variance)), ("informed", variance / np.sqrt(variance + noise))]:
        z = (mean - incumbent) / s
        log_ei = float(np.log(s) + log_positive_part(z))
        out[name] = {
            "z": float(z),
            "expected_improvement": float(np.exp(log_ei)),
            "log_expected_improvement": log_ei,
            "probability": float(stats.norm.cdf(z)),
            "log_probability": float(log_ndtr(z)),
        }
    out["upper_confidence_bound"] = float(mean + deviations * np.sqrt(variance))
    return out


cases = [case(z, 1.0, 0.5, 0.0, 2.0) for z in
         [-1e3, -300.0, -100.0, -40.0, -37.5, -20.0, -10.0, -6.5, -4.0, -2.5, -1.6, -1.5, -1.4, -1.0, -0.7071, -0.5, -0.1,
          0.0, 0.1, 0.5, 1.0, 1.4, 1.5, 1.6, 2.5, 4.0, 6.5, 10.0, 40.0]]
rng = np.random.default_rng(11)
for _ in range(30):
    cases.append(case(float(np.round(rng.normal(0, 2), 3)), float(np.round(10 ** rng.uniform(-4, 1), 6)),
                      float(np.round(10 ** rng.uniform(-3, 1), 6)), float(np.round(rng.normal(0, 2), 3)),
                      float(np.round(rng.uniform(0, 4), 2))))
print(json.dumps(cases, indent=1))
