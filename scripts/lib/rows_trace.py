# SPDX-License-Identifier: BSD-3-Clause
"""Rows about write tracking: what it takes from a guest, how long it makes one write wait."""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import places
from procs import Failed
from rows_ports import two_hosts
from testbed import Testbed

SECONDS = 8
PAIRS = 5
# Writes to some 1,000 random pages a second, and for the rest of its time checks what it wrote:
# more than it has time for, so that its work is what its CPU time buys.
LOAD = "gw.rate=5000 gw.ram=50% gw.check=1000000"
STALL_GIB = 8
STALL_ROUNDS = 5
STEPS = ("register", "protect", "harvest", "unregister")


@contextlib.contextmanager
def on_one_cpu():
    """This program and all that it starts meanwhile on the first CPU; gives the last."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        raise Failed("two CPUs are needed, this process may use one")
    os.sched_setaffinity(0, {min(before)})
    try:
        yield max(before)
    finally:
        os.sched_setaffinity(0, before)


class Meter:
    """A guest's work, and the CPU time of its vCPU threads, which get a CPU of their own."""

    def __init__(self, instance, cpu):
        self.instance = instance
        self.threads = [vcpu["thread-id"] for vcpu in instance.call("query-cpus-fast")]
        for thread in self.threads:
            os.sched_setaffinity(thread, {cpu})

    def _cpu_s(self):
        stats = [pathlib.Path(f"/proc/{self.instance.process.pid}/task/{t}/schedstat")
                 for t in self.threads]
        return sum(int(s.read_text().split()[0]) for s in stats) / 1e9

    def _work(self):
        return self.instance.read()["work"]

    def look(self):
        """(work, CPU seconds) at the end of one of the bursts in which the guest writes."""
        start = last = self._work()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            time.sleep(0.002)
            work = self._work()
            if start != work == last:
                return work, self._cpu_s()
            last = work
        raise Failed("the guest stands still")

    def rate(self, seconds):
        """Work per CPU second from now on."""
        work, cpu_s = self.look()
        time.sleep(seconds)
        end_work, end_cpu_s = self.look()
        return (end_work - work) / (end_cpu_s - cpu_s)


def _slower(a, b, guest, meter):
    """Percent of work that a CPU second lost from the beginning of trace, against before."""
    destination = guest.start(b, incoming=True)
    before = meter.rate(SECONDS)
    session = a.migrate(guest.name, b, blackout_limit_ms=1, max_slowdown_percent=0)
    session.wait_phase("trace", "precopy")
    during = meter.rate(SECONDS)
    status = session.status()
    if status["phase"] != "precopy" or status["epoch"] < 2:
        raise Failed(f"the guest was to stay in pre-copy, and be harvested: {status['phase']}, "
                     f"epoch {status['epoch']}")
    a.call("abort", id=session.id)
    session.wait_end()
    destination.stop()
    slower = 100 * (1 - during / before)
    print(f"trace_slowdown: {before:.0f} before, {during:.0f} in trace and pre-copy, "
          f"epoch {status['epoch']}: {slower:.1f} % less", file=sys.stderr)
    return slower


def trace_slowdown():
    """A light load's work per CPU second of its vCPU: how much less in trace and pre-copy.

    The vCPU has a CPU of its own, all else shares another: what pollers on the vCPU's own CPU take
    from it is not what tracking takes.
    """
    with on_one_cpu() as cpu, Testbed() as tb:
        a, b = two_hosts(tb, [tb.memif(0, 9000, "2G")])
        guest = tb.qemu("bench", backends=(1024,), load=LOAD)
        source = guest.start(a)
        source.wait_ready()
        meter = Meter(source, cpu)
        value = statistics.median(_slower(a, b, guest, meter) for _ in range(PAIRS))
        return value, "% slower", 5.0, "at most"


def _per_second(rounds, kinds):
    stalls = sum(r[kind]["over_1_ms"] for r in rounds for kind in kinds)
    return stalls / (sum(r[kind]["total_ms"] for r in rounds for kind in kinds) / 1e3)


def trace_stall():
    """Writes to 8 GiB that wait for more than 1 ms, a second that steps of tracking take.

    The target is what the machine does to the writer without tracking, measured in turn. Stalls in
    which somebody else had the writer's CPU count for neither.
    """
    places.need(places.STALLS)
    out = subprocess.run([places.STALLS, str(STALL_GIB), str(STALL_ROUNDS)], check=False,
                         capture_output=True, text=True)
    if out.returncode != 0:
        raise Failed(f"stalls failed: {out.stderr.strip()}")
    rounds = json.loads(out.stdout)["rounds"]
    for kind in ("idle", *STEPS):
        longest = statistics.median(r[kind]["not_preempted_ms"] for r in rounds)
        print(f"trace_stall: {kind}: longest {longest:.2f} ms (median of the rounds), over 1 ms "
              f"{sum(r[kind]['over_1_ms'] for r in rounds)} in {rounds[0][kind]['steps']} steps "
              "a round", file=sys.stderr)
    return _per_second(rounds, STEPS), "over 1 ms a s", _per_second(rounds, ("idle",)), "at most"


ROWS = {"trace_slowdown": trace_slowdown, "trace_stall": trace_stall}
