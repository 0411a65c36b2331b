"""Prints tests/reference/stem_prism.json: a scan of SrTiO3 by abTEM's PRISM in float64.

Needs abtem (1.0.11 was used) and ase.  python stem_prism.py > stem_prism.json

All atoms stand on pixels, see stem_abtem.py for the reason. The aperture has abTEM's soft edge, one pixel of k-space wide:
without interpolation its multislice finds the same with `soft=True`, to 4e-6 of the mean. Its window is cut off at other
pixels than ours: up to one pixel of the wave.
"""
import json

import abtem
import numpy as np
from ase import Atoms

abtem.config.set({"diagnostics.progress_bar": False, "precision": "float64"})
A, CELLS, PIXELS, SEMIANGLE, DETECTORS = 3.905, (4, 4, 6), 192, 20.2, [(40, 90), (10, 20), (0, 10)]

cell = Atoms(["Sr", "Ti", "O", "O", "O"], cell=(A, A, A), pbc=True, scaled_positions=[
    (0, 0, 0), (.5, .5, .5), (.5, .5, 0), (.5, 0, .5), (0, .5, .5)])
atoms = cell * CELLS
potential = abtem.Potential(atoms, gpts=(PIXELS, PIXELS), slice_thickness=A / 2 * (1 + 1e-9),
                            parametrization="lobato", projection="infinite")
places = [(A + x * A / 12, A + y * A / 12) for y in range(7) for x in range(7)]
found = {}
for interpolation in (1, 2):
    matrix = abtem.SMatrix(energy=200e3, semiangle_cutoff=SEMIANGLE, potential=potential, interpolation=interpolation)
    measured = matrix.scan(scan=abtem.CustomScan(np.array(places)),
                           detectors=[abtem.AnnularDetector(*d) for d in DETECTORS])
    measured = [np.asarray(m.compute().array).squeeze() for m in measured]
    found[str(interpolation)] = [[round(float(v), 8) for v in m] for m in measured]
print(json.dumps(dict(a=A, cells=CELLS, pixels=PIXELS, energy_kev=200.0, semiangle=SEMIANGLE, detectors=DETECTORS,
                      positions=[[y, x] for x, y in places], signals=found)))
