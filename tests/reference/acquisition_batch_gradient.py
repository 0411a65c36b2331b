"""Batch improvements over a Gaussian process and their gradients by BoTorch 0.18, for tests/acquisition_batch_gradient.rs.

python acquisition_batch_gradient.py > acquisition_batch_gradient.json
"""

import json

import torch
from botorch.acquisition import (
    qExpectedImprovement,
    qLogExpectedImprovement,
    qNoisyExpectedImprovement,
    qUpperConfidenceBound,
)
from botorch.models import SingleTaskGP
from botorch.sampling import IIDNormalSampler
from gpytorch.kernels import MaternKernel, RBFKernel, ScaleKernel

torch.set_default_dtype(torch.double)
REPEATS = 96
SAMPLES = 1 << 12


def process(kernel, x, y):
    """A process of zero mean and known hyper-parameters on measurements of noise variance 0.02."""
    model = SingleTaskGP(
        x, y[:, None], torch.full_like(y[:, None], 0.02), covar_module=kernel, outcome_transform=None
    )
    model.mean_module.initialize(constant=0.0)
    return model.eval()


def kernel(name, lengths, scale):
    d = len(lengths)
    scaled = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=d) if name == "matern52" else RBFKernel(ard_num_dims=d))
    scaled.base_kernel.lengthscale = torch.tensor(lengths)
    scaled.outputscale = scale
    return scaled


def repeated(make, batch):
    """Mean and standard error of value and gradient over independent sets of draws."""
    values, slopes = [], []
    for seed in range(REPEATS):
        acquisition = make(IIDNormalSampler(torch.Size([SAMPLES]), seed=seed))
        at = batch.clone().requires_grad_(True)
        value = acquisition(at[None]).sum()
        value.backward()
        values.append(value.detach())
        slopes.append(at.grad.clone())
    values, slopes = torch.stack(values), torch.stack(slopes)
    root = REPEATS**0.5
    return {
        "value": values.mean().item(),
        "value_error": (values.std() / root).item(),
        "gradient": slopes.mean(0).tolist(),
        "gradient_error": (slopes.std(0) / root).tolist(),
    }


def case(name, lengths, scale, x, y, batch, pending, over):
    x, y, batch = torch.tensor(x), torch.tensor(y), torch.tensor(batch)
    model = process(kernel(name, lengths, scale), x, y)
    waiting = torch.tensor(pending) if pending else None
    rules = {
        "improvement": lambda s: qExpectedImprovement(model, over, sampler=s, X_pending=waiting),
        "log_improvement": lambda s: qLogExpectedImprovement(model, over, sampler=s, X_pending=waiting),
        "confidence_bound": lambda s: qUpperConfidenceBound(model, 4.0, sampler=s, X_pending=waiting),
        "noisy_improvement": lambda s: qNoisyExpectedImprovement(
            model, x, sampler=s, X_pending=waiting, cache_root=False, prune_baseline=False
        ),
    }
    return {
        "kernel": name,
        "lengths": lengths,
        "outputscale": scale,
        "x": x.tolist(),
        "y": y.tolist(),
        "batch": batch.tolist(),
        "pending": pending,
        "incumbent": over,
        "rules": {rule: repeated(make, batch) for rule, make in rules.items()},
    }


print(
    json.dumps(
        [
            case(
                "matern52", [0.4, 0.6], 1.3,
                [[0.1, 0.2], [0.5, 0.9], [0.8, 0.3], [0.3, 0.6]], [0.2, 0.9, -0.4, 0.5],
                [[0.55, 0.6], [0.2, 0.85]], [], 0.8,
            ),
            case(
                "rbf", [0.35], 0.8, [[0.0], [0.5], [1.0]], [0.1, 0.6, -0.3],
                [[0.3], [0.7], [1.4]], [[-0.3]], 0.5,
            ),
        ]
    )
)
