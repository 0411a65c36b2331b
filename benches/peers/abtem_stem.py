"""abTEM's side of `cargo bench --bench stem`: a specimen in one line of JSON (see benches/stem/peer.rs), then numbers of
frozen phonons, or "prism <interpolation> <probes along a side> <corner> <step>", from standard input; answers in lines of
JSON.

answer: {"cpu_seconds": processor time of one scan, "value": mean signal of the first detector, "megabytes": highest
memory so far}
"""
import json
import resource
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
    return timed(lambda detectors: probe.scan(potential, scan=places, detectors=detectors))


def prism(interpolation, side, corner, step):
    """The same by PRISM: beams and probes, without the potential."""
    potential = abtem.Potential(ATOMS, gpts=TASK["gpts"], slice_thickness=TASK["slice_thickness"],
                                parametrization="lobato", projection="infinite").build().compute()
    matrix = abtem.SMatrix(energy=1e3 * TASK["energy_kev"], semiangle_cutoff=TASK["semiangle_mrad"],
                           potential=potential, interpolation=interpolation)
    end = corner + side * step
    places = abtem.GridScan((corner, corner), (end, end), gpts=(side, side), endpoint=False)
    return timed(lambda detectors: matrix.scan(scan=places, detectors=detectors))


def timed(scanned):
    """Processor seconds of a lazy scan, and the mean signal of the first detector."""
    lazy = scanned([abtem.AnnularDetector(*angles) for angles in TASK["detectors"]])
    lazy = list(lazy) if isinstance(lazy, (list, tuple)) else [lazy]
    start = time.process_time()
    arrays = dask.compute(*[measured.array for measured in lazy])
    return time.process_time() - start, float(np.asarray(arrays[0]).mean())


scan(0, 2)  # numba compiles and FFTW plans here
warm = set()
for line in sys.stdin:
    if line.startswith("prism"):
        interpolation, side, corner, step = line.split()[1:]
        if line not in warm:
            prism(int(interpolation), 2, float(corner), float(step))
            warm.add(line)
        seconds, value = prism(int(interpolation), int(side), float(corner), float(step))
    else:
        seconds, value = scan(int(line), TASK["side"])
    megabytes = 1024e-6 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(dict(cpu_seconds=seconds, value=value, megabytes=megabytes)), flush=True)
