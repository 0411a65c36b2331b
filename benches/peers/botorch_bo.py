"""BoTorch's side of `cargo run --example optimise_standard`: the same functions, noise and numbers of evaluations.

usage: botorch_bo.py FIRST..LAST [FUNCTION ...]   (seeds; functions: branin hartmann6 ackley5, each also with -noisy)
Prints one line of JSON a run: function, seed, the initial design and the values it showed, simple regret after each
evaluation, seconds a suggestion. Our side starts a second study from the same design and values.

The loop is the one of BoTorch's tutorials with its defaults: a scrambled Sobol design, SingleTaskGP on normalised inputs
and standardised outputs fitted by maximum a posteriori; LogExpectedImprovement without noise,
qLogNoisyExpectedImprovement with noise, both by optimize_acqf with 10 restarts and 512 raw samples.
Regret without noise is that of the best value; with noise it is the true one at the evaluated point with the best
posterior mean.
"""
import json
import sys
import time
import warnings

import torch
from botorch.acquisition import LogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Normalize, Standardize
from botorch.optim import optimize_acqf
from botorch.test_functions import Ackley, Branin, Hartmann
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch.quasirandom import SobolEngine

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
ACKLEY = [(-15.0, 20.0)] * 5  # not centred, so that the middle of the box is not the answer
FUNCTIONS = {  # the function, evaluations, standard deviation of the noise of its noisy version
    "branin": (Branin(negate=True), 30, 2.0),
    "hartmann6": (Hartmann(dim=6, negate=True), 60, 0.1),
    "ackley5": (Ackley(dim=5, negate=True, bounds=ACKLEY), 60, 0.5),
}


def model_of(x, y, bounds):
    d = x.shape[-1]
    model = SingleTaskGP(
        x, y, input_transform=Normalize(d, bounds=bounds), outcome_transform=Standardize(1)
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def run(name, seed):
    f, evaluations, sd = FUNCTIONS[name.removesuffix("-noisy")]
    noisy = name.endswith("-noisy")
    torch.manual_seed(seed)
    bounds, d = f.bounds, f.dim
    initial = max(5, d + 2)
    x = SobolEngine(d, scramble=True, seed=seed).draw(initial, dtype=torch.float64)
    x = bounds[0] + (bounds[1] - bounds[0]) * x
    true = f(x).unsqueeze(-1)
    y = true + sd * noisy * torch.randn_like(true)
    start_x, start_y = x.tolist(), (-y.squeeze(-1)).tolist()
    regret, seconds = [], []
    for i in range(evaluations + 1 - initial):
        start = time.perf_counter()
        model = model_of(x, y, bounds)
        if noisy:
            with torch.no_grad():
                best = model.posterior(x).mean.argmax()
        else:
            best = y.argmax()
        if i == 0:
            regret += [float("nan")] * (initial - 1)
        regret.append((f.optimal_value - true[best]).item())
        if i == evaluations - initial:
            break
        if noisy:
            acquisition = qLogNoisyExpectedImprovement(model, x, prune_baseline=True)
        else:
            acquisition = LogExpectedImprovement(model, best_f=y.max())
        next_x, _ = optimize_acqf(acquisition, bounds, q=1, num_restarts=10, raw_samples=512)
        seconds.append(time.perf_counter() - start)
        next_true = f(next_x).unsqueeze(-1)
        x, true = torch.cat([x, next_x]), torch.cat([true, next_true])
        y = torch.cat([y, next_true + sd * noisy * torch.randn_like(next_true)])
    regret = [None if r != r else r for r in regret]
    record = {"function": name, "seed": seed, "start": start_x, "shown": start_y}
    print(json.dumps(record | {"regret": regret, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    names = sys.argv[2:] or [n + s for s in ("", "-noisy") for n in FUNCTIONS]
    first, last = map(int, sys.argv[1].split(".."))
    for seed in range(first, last + 1):
        for name in names:
            run(name, seed)
