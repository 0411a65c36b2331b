"""Reference numbers for tests/acquisition_peer.rs: what BoTorch says, with its gradients by automatic differentiation.

    python acquisition_peer.py > acquisition_peer.json

Needs numpy, torch, gpytorch and botorch (0.18).

"posteriors": [mean, variance, incumbent, deviations] and, for EI, LogEI, PI, LogPI and UCB, [value, slope by the mean, slope by
the variance] at single beliefs, from 40 deviations below the incumbent (and one at 1e4) to 8 above.
"places": the same acquisitions over one Gaussian process of two coordinates, [value, slope by x0, slope by x1].
"batches": Monte-Carlo acquisitions of batches of places over that process, [mean, standard error] over scrambled Sobol sequences.
"""

import json
import warnings

import gpytorch
import numpy as np
import torch
from botorch.acquisition.analytic import (ExpectedImprovement, LogExpectedImprovement, LogProbabilityOfImprovement,
                                          ProbabilityOfImprovement, UpperConfidenceBound)
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.acquisition.monte_carlo import qExpectedImprovement, qUpperConfidenceBound
from botorch.acquisition.monte_carlo import qNoisyExpectedImprovement
from botorch.models import SingleTaskGP
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.testing import MockModel, MockPosterior
from gpytorch.kernels import MaternKernel, ScaleKernel
from gpytorch.means import ZeroMean

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(42)
NAMES = ["expected", "log_expected", "probability", "log_probability", "bound"]


def acquisitions(model, incumbent, deviations):
    return dict(zip(NAMES, [
        ExpectedImprovement(model, best_f=incumbent),
        LogExpectedImprovement(model, best_f=incumbent),
        ProbabilityOfImprovement(model, best_f=incumbent),
        LogProbabilityOfImprovement(model, best_f=incumbent),
        UpperConfidenceBound(model, beta=deviations**2),
    ]))


def at_belief(mean, variance, incumbent, deviations):
    out = {"belief": [mean, variance, incumbent, deviations]}
    for name in NAMES:
        m = torch.tensor([[[mean]]], requires_grad=True)
        v = torch.tensor([[[variance]]], requires_grad=True)
        model = MockModel(MockPosterior(mean=m, variance=v))
        value = acquisitions(model, incumbent, deviations)[name](torch.zeros(1, 1, 1)).sum()
        value.backward()
        out[name] = [value.item(), m.grad.item(), v.grad.item()]
    return out


def posteriors():
    found = [at_belief(-1e4, 1.0, 0.0, 2.0)]
    for z in np.concatenate([np.linspace(-40, 8, 49), rng.uniform(-6, 4, 90), rng.uniform(-40, 8, 30)]):
        variance = float("%.6g" % 10 ** rng.uniform(-4, 2))
        incumbent = float(np.round(rng.normal(0, 1), 3))
        mean = float(np.round(incumbent + z * np.sqrt(variance), 6))
        found.append(at_belief(mean, variance, incumbent, float(np.round(rng.uniform(0.1, 4), 2))))
    return found


X = torch.tensor(rng.uniform(0, 1, (12, 2)).round(3))
Y = torch.tensor((np.sin(5 * X[:, 0].numpy()) + np.cos(4 * X[:, 1].numpy()) - 0.3).round(3))
INCUMBENT, DEVIATIONS = 1.1, 1.7


def process():
    kernel = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=2))
    gp = SingleTaskGP(X, Y[:, None], train_Yvar=torch.full((12, 1), 0.02), covar_module=kernel, mean_module=ZeroMean(),
                      outcome_transform=None)
    kernel.outputscale = 1.3
    kernel.base_kernel.lengthscale = torch.tensor([0.4, 0.7])
    return gp.eval()


def at_place(gp, place):
    out = {"place": place}
    for name, acquisition in acquisitions(gp, INCUMBENT, DEVIATIONS).items():
        x = torch.tensor([[place]], requires_grad=True)
        value = acquisition(x).sum()
        value.backward()
        out[name] = [value.item(), *x.grad[0, 0].tolist()]
    return out


def at_batch(gp, batch):
    q = len(batch)
    repeats = {"expected": [], "log_expected": [], "noisy": [], "bound": []}
    for seed in range(16):
        def sampler():
            return SobolQMCNormalSampler(torch.Size([2048]), seed=seed)

        rules = {
            "expected": qExpectedImprovement(gp, best_f=INCUMBENT, sampler=sampler()),
            "log_expected": qLogExpectedImprovement(gp, best_f=INCUMBENT, sampler=sampler()),
            "noisy": qNoisyExpectedImprovement(gp, X_baseline=X, sampler=sampler(), prune_baseline=False),
            "bound": qUpperConfidenceBound(gp, beta=DEVIATIONS**2, sampler=sampler()),
        }
        for name, rule in rules.items():
            with torch.no_grad():
                repeats[name].append(rule(torch.tensor([batch])).item())
    out = {name: [float(np.mean(v)), float(np.std(v, ddof=1) / 4)] for name, v in repeats.items()}
    return {"batch": batch, **out}


gp = process()
with gpytorch.settings.fast_computations(False, False, False):
    places = [at_place(gp, place) for place in rng.uniform(-0.2, 1.2, (16, 2)).round(3).tolist()]
    batches = [at_batch(gp, rng.uniform(0, 1, (q, 2)).round(3).tolist()) for q in (1, 2, 2, 3, 4)]
print(json.dumps({
    "x": X.tolist(), "y": Y.tolist(), "posteriors": posteriors(), "places": places, "batches": batches,
}, separators=(",", ":")))
