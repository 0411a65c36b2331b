"""Prints gp_transform.json: scaled processes by scikit-learn, and the density of the outputs by scipy.

Run with numpy, scipy and scikit-learn: python gp_transform.py > gp_transform.json
"""

import json

import numpy as np
import scipy.stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern
from sklearn.preprocessing import MinMaxScaler, StandardScaler

random = np.random.default_rng(20)
n, m = 18, 6
low, high = np.array([-3e3, 2e-6]), np.array([5e3, 9e-6])
x = low + (high - low) * random.random((n, 2))
places = low + (high - low) * (1.2 * random.random((m, 2)) - 0.1)
y = 4e5 + 3e4 * np.sin(x[:, 0] / 1e3) + 2e9 * x[:, 1] + 500 * random.standard_normal(n)
noise = 1e6 * (0.5 + random.random(n))

cases = []
for name, scaler, kernel in [
    ("unit_box", MinMaxScaler(), ConstantKernel(1.3) * Matern([0.3, 0.7], nu=2.5)),
    ("z_score", StandardScaler(), ConstantKernel(0.8) * RBF([1.1, 0.6])),
]:
    scaled = scaler.fit_transform(x)
    process = GaussianProcessRegressor(kernel, alpha=noise / np.var(y), optimizer=None, normalize_y=True)
    process.fit(scaled, y)
    mean, covariance = process.predict(scaler.transform(places), return_cov=True)
    whole = np.var(y) * kernel(scaled) + np.diag(noise)
    density = scipy.stats.multivariate_normal(np.full(n, np.mean(y)), whole).logpdf(y)
    cases.append(
        {
            "inputs": name,
            "outputscale": kernel.k1.constant_value,
            "lengthscale": list(kernel.k2.length_scale),
            "mean": mean.tolist(),
            "covariance": covariance.tolist(),
            "log_density": float(density),
        }
    )

data = {"x": x.tolist(), "y": y.tolist(), "noise": noise.tolist(), "places": places.tolist(), "cases": cases}
print(json.dumps(data, indent=1))
