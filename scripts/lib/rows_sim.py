# SPDX-License-Identifier: BSD-3-Clause
"""Rows of links that no machine here has: virtual time."""

import json
import statistics
import subprocess

from places import SIMULATOR, need
from procs import Failed


def simulated(scenario, target):
    """Share of a simulated link's payload rate after ramp-up, over three seeds."""
    need(SIMULATOR)
    shares = []
    for seed in (1, 2, 3):
        out = subprocess.run([SIMULATOR, "--measure", scenario, "--seed", str(seed)], check=False,
                             capture_output=True, text=True)
        if out.returncode != 0:
            raise Failed(f"the simulator failed: {out.stderr.strip()}")
        shares.append(json.loads(out.stdout)["share_of_payload"])
    return 100 * statistics.median(shares), "% of payload", target, "at least"


ROWS = {
    "sim_150ms_loss0": lambda: simulated("sim_150ms_loss0", 95.0),
    "sim_150ms_loss0.1": lambda: simulated("sim_150ms_loss0.1", 93.0),
    "sim_150ms_loss1": lambda: simulated("sim_150ms_loss1", 90.0),
    "sim_4x100_10ms": lambda: simulated("sim_4x100_10ms", 95.0),
}
