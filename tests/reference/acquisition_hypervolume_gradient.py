"""Expected hypervolume improvements of batches and their gradients by BoTorch 0.18, for tests/acquisition_hypervolume.rs.

python acquisition_hypervolume_gradient.py > acquisition_hypervolume_gradient.json
"""

import json

import torch
from botorch.acquisition.multi_objective import (
    qExpectedHypervolumeImprovement,
    qNoisyExpectedHypervolumeImprovement,
)
from botorch.models import ModelListGP, SingleTaskGP
from botorch.sampling import IIDNormalSampler
from botorch.utils.multi_objective.box_decompositions import FastNondominatedPartitioning
from gpytorch.kernels import MaternKernel, ScaleKernel

torch.set_default_dtype(torch.double)
REPEATS = 16
SAMPLES = 1 << 10
X = torch.tensor([[0.1, 0.2], [0.5, 0.9], [0.8, 0.3], [0.3, 0.6]])
Y = torch.tensor([[0.2, 0.8, 0.5], [0.9, 0.1, 0.4], [0.4, 0.5, 0.2], [0.5, 0.6, 0.9]])
BATCH = torch.tensor([[0.55, 0.6], [0.2, 0.85]])
REFERENCE = [-0.2, -0.1, 0.0]


def process(y):
    """A process of zero mean and known hyper-parameters on measurements of noise variance 0.05."""
    kernel = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=2))
    kernel.base_kernel.lengthscale = torch.tensor([0.4, 0.6])
    kernel.outputscale = 1.3
    noise = torch.full_like(y[:, None], 0.05)
    model = SingleTaskGP(X, y[:, None], noise, covar_module=kernel, outcome_transform=None)
    model.mean_module.initialize(constant=0.0)
    return model.eval()


def repeated(make):
    """Mean and standard error of value and gradient over independent sets of draws."""
    values, slopes = [], []
    for seed in range(REPEATS):
        acquisition = make(IIDNormalSampler(torch.Size([SAMPLES]), seed=seed))
        at = BATCH.clone().requires_grad_(True)
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


def case(objectives):
    y, reference = Y[:, :objectives], torch.tensor(REFERENCE[:objectives])
    model = ModelListGP(*[process(y[:, k]) for k in range(objectives)])
    known = FastNondominatedPartitioning(ref_point=reference, Y=y)
    return {
        "x": X.tolist(),
        "y": y.tolist(),
        "reference": reference.tolist(),
        "batch": BATCH.tolist(),
        "known": repeated(
            lambda s: qExpectedHypervolumeImprovement(model, reference, known, sampler=s)
        ),
        "noisy": repeated(
            lambda s: qNoisyExpectedHypervolumeImprovement(
                model, reference, X, sampler=s, prune_baseline=False, cache_root=False
            )
        ),
    }


print(json.dumps([case(2), case(3)]))
