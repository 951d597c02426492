# SPDX-License-Identifier: BSD-3-Clause
"""Plots by gnuplot."""

import subprocess

from procs import Failed


def _rows(samples):
    ports = [p["name"] for p in samples[-1].get("ports", [])]
    for s in samples:
        by_name = {p["name"]: p.get("bps") or 0 for p in s.get("ports", [])}
        yield [(s.get("elapsed_ms") or 0) / 1000, (s.get("remaining_bytes") or 0) / 2**20,
               (s.get("dirty_rate_bps") or 0) / 1e9, *(by_name.get(p, 0) / 1e9 for p in ports)]


def migration(samples, path, title):
    """Remaining memory over time, above what each port sends and what the guest dirties.

    samples: statuses of one session, in order; path: the SVG to write
    """
    ports = [p["name"] for p in samples[-1].get("ports", [])]
    data = "\n".join(" ".join(f"{v:.6f}" for v in row) for row in _rows(samples))
    curves = [f"$d using 1:{4 + i} with lines lw 2 title 'port {p}'" for i, p in enumerate(ports)]
    curves.append("$d using 1:3 with lines lw 2 dt 2 lc 'black' title 'dirtied'")
    script = f"""
set terminal svg size 900,640 font 'sans,13' background 'white'
set output '{path}'
set multiplot layout 2,1 title '{title}'
set grid
set key outside right
set yrange [0:*]
set xlabel 'time (s)'
$d << END
{data}
END
set ylabel 'left (MiB)'
plot $d using 1:2 with filledcurves y1=0 fs solid 0.4 lc 'steelblue' title 'left'
set ylabel 'Gb/s'
plot {', '.join(curves)}
"""
    done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed(f"gnuplot: {done.stderr.strip()}")
