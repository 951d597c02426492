# SPDX-License-Identifier: BSD-3-Clause
"""Rows about guests and the host: blackout, beside QEMU's own migration, idle cost."""

import os
import pathlib
import statistics
import sys
import time

import compare
from testbed import Testbed


def blackout_guest():
    """The longest gap of the demo's guest around its move, seen by one clock outside: single moves
    differ by 10 ms, by what the guest was about when it stopped."""
    gaps = []
    for _ in range(9):
        with Testbed() as tb:
            a, b = tb.hosts(tb.memifs(2, 9000, "10G"), verify=False)
            guest = tb.qemu("bench", backends=(1024,), load="gw.rate=5000 gw.ram=60%")
            source = guest.start(a)
            source.wait_ready()
            destination = guest.start(b, incoming=True)
            observer = tb.observe(source, destination)
            observer.wait_found()
            source.wait_advance(1000)
            a.migrate("bench", b).wait_completed()
            destination.wait_advance(200)
            gaps.append(observer.finish()["moves"][-1]["gap_ms"])
    return statistics.median(gaps), "ms", 15.0, "at most"


def against_qemu(kind):
    """godwit against QEMU 10's own migration, in turn; both sides' figures go to stderr."""
    result = compare.compare(compare.options([kind]))
    compare.show(result, sys.stderr)
    row, = result["rows"]
    return row["value"], row["unit"], compare.KINDS[kind]["rows"][row["name"]][1], "at most"


def idle_cpu(seconds=10):
    """Share of one core that a godwitd with two ports and no session takes."""
    with Testbed() as tb:
        a, _ = tb.hosts(tb.memifs(2), start=False)
        a.start()
        time.sleep(1)
        stat = pathlib.Path(f"/proc/{a.daemon.pid}/stat")

        def ticks():
            fields = stat.read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])
        before, start = ticks(), time.monotonic()
        time.sleep(seconds)
        used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
        return 100 * used / (time.monotonic() - start), "% of a core", 1.0, "at most"


ROWS = {
    "blackout_guest": blackout_guest,
    **{row: lambda name=name: against_qemu(name) for name in ("time", "tls", "blackout")
       for row in compare.KINDS[name]["rows"]},
    "idle_cpu": idle_cpu,
}
