# SPDX-License-Identifier: BSD-3-Clause
"""Row about the predicted blackout: how far it is from the one that came."""

import sys

from procs import Failed
from testbed import Testbed

SHARE = 0.25  # of the blackout, or
FLOOR_MS = 3.0  # so much where that is more
LIMIT_MS = 200  # wide: what is predicted is to be tried, not whether it is short

# Guests that differ in memory and in what they write; each moves to and fro so many times.
QEMU_MOVES = 3
QEMU_GUESTS = (
    (128, "gw.rate=500 gw.ram=30%"),
    (256, "gw.rate=2000 gw.ram=60%"),
    (512, "gw.rate=5000 gw.ram=60% gw.hot=10"),
    (512, "gw.rate=10000 gw.ram=40%"),
)
NATIVE_MOVES = 2
NATIVE_GUESTS = (  # RAM in MiB, pages a second, more
    (64, 1000, ()),
    (256, 10000, ("--pattern", "hot", "--hot-set", "16M")),
    (512, 20000, ()),
    (512, 50000, ("--pattern", "seq", "--hot-set", "8M")),
)


def _guests(tb):
    """(what it is, guest, how often it moves)"""
    for i, (ram_mib, load) in enumerate(QEMU_GUESTS):
        yield (f"qemu {ram_mib} MiB {load}", tb.qemu(f"q{i}", backends=(ram_mib,), load=load),
               QEMU_MOVES)
    for i, (ram_mib, rate, extra) in enumerate(NATIVE_GUESTS):
        yield (f"native {ram_mib} MiB rate {rate}",
               tb.native(f"n{i}", ram_mib=ram_mib, write_rate=rate, check_rate=0,
                         extra=("--compressible", "0", *extra)), NATIVE_MOVES)


def _moves(tb):
    """Moves all guests in turn: (what it was, the source's report)."""
    a, b = tb.hosts([tb.memif(i, 9000, "2G") for i in range(2)], start=False, verify=False)
    for host in (a, b):
        host.config["log_level"] = "warning"
        host.start()
    a.wait_peer(b)
    b.wait_peer(a)
    for what, guest, times in _guests(tb):
        at, here, there = guest.start(a), a, b
        at.wait_ready()
        for _ in range(times):
            to = guest.start(there, incoming=True)
            at.wait_advance(200)
            yield what, here.migrate(guest.name, there,
                                     blackout_limit_ms=LIMIT_MS).wait_completed()
            to.wait_advance(200)
            at.stop()
            at, here, there = to, there, here
        at.stop()


def prediction_error():
    """The worst error of 20 predictions as a share of what each is allowed to be wrong by."""
    worst = 0.0
    with Testbed() as tb:
        for n, (what, report) in enumerate(_moves(tb)):
            ms = report["blackout_ms"]
            if not ms["predicted"] or not ms["source"]:
                raise Failed(f"{what}: no prediction or no blackout: {ms}")
            allowed = max(SHARE * ms["source"], FLOOR_MS)
            error = abs(ms["predicted"] - ms["source"]) / allowed
            worst = max(worst, error)
            parts = " ".join(f"{k} {v:.1f}" for k, v in report["blackout_parts"].items())
            print(f"{n + 1:>3}  {what:<42} predicted {ms['predicted']:>6.1f}  came "
                  f"{ms['source']:>6.1f} ms  {error:.2f} of what is allowed  ({parts})",
                  file=sys.stderr, flush=True)
    return worst, "of allowed", 1.0, "at most"


ROWS = {"prediction_error": prediction_error}
