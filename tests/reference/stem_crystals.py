"""Writes stem_crystals.json: five crystal structures as CIF text in the manner of databases, with the atoms that ASE
(3.29 was used) finds in the unit cell after applying the space group itself.

python stem_crystals.py > stem_crystals.json
"""
import json

import ase
from ase.spacegroup import Spacegroup, crystal

CASES = [
    ("SrTiO3, Pm-3m", 221, [3.905, 3.905, 3.905, 90, 90, 90],
     [("Sr1", "Sr2+", (0, 0, 0)), ("Ti1", "Ti4+", (0.5, 0.5, 0.5)), ("O1", "O2-", (0.5, 0.5, 0))]),
    ("TiO2 rutile, P42/mnm", 136, [4.5937, 4.5937, 2.9587, 90, 90, 90],
     [("Ti1", "Ti4+", (0, 0, 0)), ("O1", "O2-", (0.3053, 0.3053, 0))]),
    ("Si, Fd-3m", 227, [5.431, 5.431, 5.431, 90, 90, 90], [("Si1", "Si", (0, 0, 0))]),
    ("GaN wurtzite, P63mc", 186, [3.189, 3.189, 5.185, 90, 90, 120],
     [("Ga1", "Ga3+", (1 / 3, 2 / 3, 0)), ("N1", "N3-", (1 / 3, 2 / 3, 0.377))]),
    ("triclinic, P-1", 2, [4.1, 5.2, 6.3, 78, 95, 104], [("C1", "C", (0.11, 0.27, 0.43)), ("O1", "O", (0.5, 0, 0.5))]),
]
KEYS = ["length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"]


def operator(rotation, translation):
    parts = []
    for row, shift in zip(rotation, translation):
        twelfths = round(12 * float(shift)) % 12
        text = {0: "", 2: "1/6", 3: "1/4", 4: "1/3", 6: "1/2", 8: "2/3", 9: "3/4", 10: "5/6"}[twelfths]
        for value, axis in zip(row, "xyz"):
            if value:
                text += ("-" if value < 0 else "+" if text else "") + axis
        parts.append(text)
    return ",".join(parts)


def cif(title, number, cell, sites):
    lines = ["# " + title, "data_%d" % number, "_publ_section_title", ";", " " + title, "; "]
    lines += ["_cell_%-20s %s(2)" % (k, v) if k.startswith("length") else "_cell_%-20s %s" % (k, v) for k, v in zip(KEYS, cell)]
    lines += ["_symmetry_Int_Tables_number %d" % number, "loop_", "_symmetry_equiv_pos_site_id", "_symmetry_equiv_pos_as_xyz"]
    lines += ["%d '%s'" % (i + 1, operator(r, t)) for i, (r, t) in enumerate(Spacegroup(number).get_symop())]
    lines += ["loop_"] + ["_atom_site_" + k for k in ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")]
    lines += ["%s %s %.6f %.6f %.6f 1." % (label, kind, *xyz) for label, kind, xyz in sites]
    return "\r\n".join(lines + ["#END", ""])


out = []
for title, number, cell, sites in CASES:
    atoms = crystal([label.rstrip("1") for label, _, _ in sites], [xyz for _, _, xyz in sites], spacegroup=number, cellpar=cell)
    out.append(dict(title=title, cif=cif(title, number, cell, sites), volume=float(atoms.get_volume()),
                    symbols=list(atoms.symbols), fractional=atoms.get_scaled_positions().tolist()))
print(json.dumps(out, indent=0))
