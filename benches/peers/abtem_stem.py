"""abTEM's side of `cargo bench --bench stem`: a specimen in one line of JSON (see benches/stem/peer.rs), then numbers of
frozen phonons from standard input; answers in lines of JSON.

answer: {"cpu_seconds": least processor time of one scan, "value": mean signal of the first detector}
"""
import json
import sys
import time

import abtem
import dask
import numpy as np
from ase import Atoms

abtem.config.set({"diagnostics.progress_bar": False, "fftw.threads": 1})
dask.config.set(scheduler="synchronous")
TASK = json.loads(sys.stdin.readline())
SYMBOLS = [atom[0] for atom in TASK["atoms"]]
ATOMS = Atoms(SYMBOLS, positions=[atom[1:4] for atom in TASK["atoms"]], cell=TASK["extent"], pbc=True)
SIGMAS = {atom[0]: atom[4] for atom in TASK["atoms"]}


def scan(phonons, side):
    """The signal of the first detector, potential included."""
    source = abtem.FrozenPhonons(ATOMS, phonons, sigmas=SIGMAS, seed=7) if phonons else ATOMS
    potential = abtem.Potential(source, gpts=TASK["gpts"], slice_thickness=TASK["slice_thickness"],
                                parametrization="lobato", projection="infinite")
    if not phonons:
        potential = potential.build().compute()
    probe = abtem.Probe(energy=1e3 * TASK["energy_kev"], semiangle_cutoff=TASK["semiangle_mrad"])
    probe.grid.match(potential)
    corner, end = TASK["corner"], TASK["corner"] + side * TASK["step"]
    places = abtem.GridScan((corner, corner), (end, end), gpts=(side, side), endpoint=False)
    detectors = [abtem.AnnularDetector(*angles) for angles in TASK["detectors"]]
    lazy = probe.scan(potential, scan=places, detectors=detectors)
    lazy = list(lazy) if isinstance(lazy, (list, tuple)) else [lazy]
    start = time.process_time()
    arrays = dask.compute(*[measured.array for measured in lazy])
    return time.process_time() - start, float(np.asarray(arrays[0]).mean())


scan(0, 2)  # numba compiles and FFTW plans here
for line in sys.stdin:
    runs = [scan(int(line), TASK["side"]) for _ in range(2)]
    print(json.dumps(dict(cpu_seconds=min(run[0] for run in runs), value=runs[0][1])), flush=True)
