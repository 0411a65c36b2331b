"""Reference numbers for tests/acquisition_multi_objective.rs; prints JSON. Needs numpy, torch and botorch (0.18).

    python acquisition_multi_objective.py > acquisition_multi_objective.json
"""

import json

import numpy as np
import torch
from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
from botorch.utils.multi_objective.box_decompositions.non_dominated import NondominatedPartitioning
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from botorch.utils.testing import MockModel, MockPosterior

torch.set_default_dtype(torch.float64)


def improvement(front, reference, mean, variance):
    means = torch.tensor([mean], requires_grad=True)
    deviations = torch.tensor([np.sqrt(variance)], requires_grad=True)
    posterior = MockPosterior(mean=means[None], variance=(deviations**2)[None])
    partitioning = NondominatedPartitioning(ref_point=torch.tensor(reference),
                                            Y=torch.tensor(front).reshape(-1, 2))
    acquisition = ExpectedHypervolumeImprovement(MockModel(posterior), ref_point=reference, partitioning=partitioning)
    value = acquisition(torch.zeros(1, 1, 1)).sum()
    value.backward()
    return {
        "front": front, "reference": reference, "mean": mean, "variance": variance, "value": value.item(),
        "by_mean": means.grad[0].tolist(), "by_deviation": deviations.grad[0].tolist(),
    }


def volume(points, reference):
    points = torch.tensor(points)
    front = points[is_non_dominated(points)]
    front = front[(front > torch.tensor(reference)).all(-1)]
    return {"points": points.tolist(), "reference": reference,
            "value": Hypervolume(torch.tensor(reference)).compute(front)}


rng = np.random.default_rng(11)
fronts = [[], [[0.5, 0.5]], [[0.1, 0.9], [0.4, 0.6], [0.8, 0.2]], [[0.1, 0.9], [0.4, 0.6], [0.3, 0.3], [0.8, -0.2]]]
improvements = []
for front in fronts:
    for mean, variance in [([0.5, 0.5], [0.04, 0.09]), ([1.5, -0.3], [0.5, 0.2]), ([-0.5, -0.6], [0.3, 0.1]),
                           ([0.9, 0.95], [1e-4, 1e-3])]:
        improvements.append(improvement(front, [0.0, 0.0], mean, variance))
angles = np.sort(rng.uniform(0, np.pi / 2, 20))
curve = np.stack([np.cos(angles), np.sin(angles)], 1).tolist()
improvements += [improvement(curve, [-0.5, -1.0], [0.7, 0.8], [0.04, 0.01]),
                 improvement(curve, [-0.5, -1.0], [0.2, 0.3], [0.2, 0.3])]
volumes = [volume(rng.normal(size=(count, objectives)).round(6).tolist(), [-1.0] * objectives)
           for objectives, count in [(2, 3), (2, 40), (3, 4), (3, 40), (4, 5), (4, 30)]]
print(json.dumps({"improvements": improvements, "volumes": volumes}))
