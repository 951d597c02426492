# SPDX-License-Identifier: BSD-3-Clause
"""Every figure that godwit claims, measured: a row each with name, value, unit, target, met."""

import argparse
import json
import sys

import rows_bulk
import rows_flood
import rows_guest
import rows_ports
import rows_prediction
import rows_sdps
import rows_sim
import rows_trace
from procs import Failed
from qmp import QmpError
from rpc import RpcError

ROWS = {**rows_ports.ROWS, **rows_flood.ROWS, **rows_bulk.ROWS, **rows_guest.ROWS,
        **rows_prediction.ROWS, **rows_sdps.ROWS, **rows_trace.ROWS, **rows_sim.ROWS}


def measure(name):
    """One row, as a dictionary."""
    value, unit, target, sense = ROWS[name]()
    met = {"at least": value >= target, "at most": value <= target,
           "within 5 % of": abs(value - target) <= 0.05 * target}[sense]
    return {"name": name, "value": round(value, 3), "unit": unit,
            "target": f"{sense} {target:.4g}", "met": met}


def show(row):
    """One line of the table."""
    print(f"{row['name']:<29} {row['value']:>10} {row['unit']:<14} {row['target']:<16} "
          f"{'met' if row['met'] else 'NOT met'}", flush=True)


def main():
    """Exit code 0 when every row was measured, whether its target was met or not."""
    p = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures godwit on this machine. Several runs a row, "
        "the median is printed. Run it on a quiet machine: two poll cores take two CPUs.",
        epilog="rows: " + ", ".join(ROWS))
    p.add_argument("row", nargs="*", help="rows to measure (default: all)")
    p.add_argument("--json", action="store_true", help="one JSON array instead of the table")
    o = p.parse_args()
    unknown = [r for r in o.row if r not in ROWS]
    if unknown:
        p.error(f"no row {unknown[0]!r}; rows: {', '.join(ROWS)}")
    rows = []
    for name in o.row or ROWS:
        try:
            rows.append(measure(name))
        except (Failed, QmpError, RpcError, OSError) as e:
            print(f"bench: {name}: {e}", file=sys.stderr)
            return 1
        if not o.json:
            show(rows[-1])
    if o.json:
        print(json.dumps(rows, indent=2))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
