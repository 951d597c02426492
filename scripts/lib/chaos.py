#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The fault matrix: something breaks at each step of a migration, and the guest has to live on."""

import argparse
import dataclasses
import json
import pathlib
import random
import shutil
import sys
import time

import places
from arena import Arena, Lost
from faults import ALL, DESTINATION, FAULTS, SOURCE, Hold
from procs import Failed, end_with_parent
from testbed import Testbed

# (phase, side, state): where each side's machine stops for the strike, before what that state does.
POINTS = [
    ("prepare", SOURCE, "CHECKING"), ("prepare", DESTINATION, "MAPPING"),
    ("trace", SOURCE, "STARTING"), ("precopy", SOURCE, "SENDING"),
    ("precopy", DESTINATION, "RECEIVING"), ("switchover", SOURCE, "RECORDING_PAUSE"),
    ("switchover", DESTINATION, "RECORDING_LOAD"), ("paused", SOURCE, "PAUSING"),
    ("paused", SOURCE, "FINAL"), ("paused", SOURCE, "LAST"), ("paused", SOURCE, "COMMITTING"),
    ("load", DESTINATION, "FENCING"), ("load", DESTINATION, "LOADING"),
    ("ready", DESTINATION, "READY"), ("go", SOURCE, "RECORDING_GO"), ("go", SOURCE, "GONE"),
    ("start", DESTINATION, "RECORDING_START"), ("start", DESTINATION, "STARTING"),
    ("start", DESTINATION, "RECORDING_RUN"), ("running", DESTINATION, "RUNNING"),
    ("done", SOURCE, "QUITTING"), ("done", SOURCE, "CLOSING"),
]
# Reached on the way back only: where a second fault may strike.
BACK = [(SOURCE, "U_PEER"), (SOURCE, "U_RESUMING"), (SOURCE, "U_STOPPING"), (SOURCE, "LOST"),
        (DESTINATION, "ALONE"), (DESTINATION, "U_QUITTING"), (DESTINATION, "U_PUNCHING"),
        (DESTINATION, "RECORDING_REFUSE"), (DESTINATION, "REFUSING"), (DESTINATION, "REFUSED")]
# What CI has time for: each daemon killed in each phase (prepare, trace, precopy, switchover, done),
# the commit from all sides, and one of each other fault.
SHORT = ["godwitd-source@source:CHECKING", "godwitd-destination@destination:MAPPING",
         "godwitd-source@source:STARTING", "godwitd-destination@source:STARTING",
         "godwitd-source@source:SENDING", "godwitd-destination@source:SENDING",
         "godwitd-source@source:CLOSING", "godwitd-destination@source:QUITTING",
         "qemu-destination@destination:RECEIVING",
         "data-links@source:FINAL", "disk-source@source:RECORDING_PAUSE",
         "qemu-source@source:COMMITTING", "godwitd-destination@destination:LOADING",
         "control-link@destination:READY", "godwitd-source@source:GONE",
         "disk-destination@destination:RECORDING_START", "godwitd-destination@destination:STARTING",
         "godwitd-both@destination:RECORDING_RUN", "qemu-destination@destination:STARTING"]
LASTS_S = 3.0  # a cut or a full disk of the matrix: longer than peers and ports are waited for
HOLD_LIMIT_S = 60.0
SECOND_LIMIT_S = 4.0
CASE = "random-"


@dataclasses.dataclass
class Strike:
    """One fault: at a state of one side, or some time after the strike before (or the start)."""

    fault: str
    side: str = ""
    state: str = ""
    after_s: float = 0.0

    def __str__(self):
        return f"{self.fault}@" + (f"{self.side}:{self.state}" if self.state
                                   else f"{self.after_s:.3f}s")


@dataclasses.dataclass
class Case:
    """What happens to one migration."""

    name: str
    strikes: list
    lasts_s: float = LASTS_S
    restart_s: float = 0.0
    must_strike: bool = True


def matrix():
    """Each fault at each point."""
    return [Case(f"{fault}@{side}:{state}", [Strike(fault, side, state)])
            for _, side, state in POINTS for fault in FAULTS]


def random_case(seed):
    """One or two faults at random states and times; the seed says it all."""
    r = random.Random(seed)

    def strike(points, most_s):
        fault = r.choice(list(ALL))
        if r.random() < 0.6:
            return Strike(fault, *r.choice(points))
        return Strike(fault, after_s=r.uniform(0, most_s))
    strikes = [strike([p[1:] for p in POINTS], 2.0)]
    if r.random() < 0.35:
        strikes.append(strike([p[1:] for p in POINTS] + 2 * BACK, 1.0))
    return Case(f"{CASE}{seed}", strikes, lasts_s=r.choice((0.2, 1.0, 3.0, 6.0)),
                restart_s=r.choice((0.0, 0.0, r.uniform(0, 4))), must_strike=False)


def case_of(name):
    """The case of that name."""
    if name.startswith(CASE) and name[len(CASE):].isdigit():
        return random_case(int(name[len(CASE):]))
    return next((c for c in matrix() if c.name == name), None)


def strike(arena, s, limit_s):
    """Waits for the strike's moment and strikes; whether it came."""
    if not s.state:
        time.sleep(s.after_s)
        ALL[s.fault](arena)
        return True
    daemon = arena.host(s.side).daemon
    came = arena.hold(s.side).wait(daemon.pid, limit_s, arena.ended)
    arena.hold(s.side).clear()
    if came:
        ALL[s.fault](arena)
        if s.fault != f"stall-{s.side}":
            daemon.signal(Hold.GO_ON)
    return came


def play(arena, case):
    """One case; what became of the guest, and which strikes came."""
    arena.ready()
    struck = []
    first = case.strikes[0]
    if first.state:
        arena.hold(first.side).set(first.state)
    arena.begin()
    for i, s in enumerate(case.strikes):
        if i > 0 and s.state and arena.host(s.side).daemon.running():
            arena.hold(s.side).set(s.state)
        struck.append(strike(arena, s, HOLD_LIMIT_S if i == 0 else SECOND_LIMIT_S))
        if i == 0 and s.state and not struck[0] and case.must_strike:
            raise Failed(f"{s.state} was never entered: {arena.refusal or 'the session ended'}")
    if arena.healers:
        time.sleep(case.lasts_s)
    time.sleep(case.restart_s)
    arena.heal()
    return arena.judge(), struck


class Run:
    """Cases one after the other, in an arena that is made anew after a loss."""

    def __init__(self, options):
        self.options = options
        self.results = []
        self.started = time.monotonic()

    def note(self, case, verdict, remark, seconds):
        """One line."""
        result = {"case": case.name, "strikes": [str(s) for s in case.strikes], "result": verdict,
                  "seconds": round(seconds, 1), "remark": remark}
        self.results.append(result)
        if self.options.json:
            return
        what = "" if case.name == str(case.strikes[0]) else " " + " ".join(result["strikes"])
        print(f"{verdict:8} {case.name}{what} {seconds:5.1f} s  {remark}".rstrip(), flush=True)

    def losses(self):
        """How many."""
        return sum(r["result"] in ("LOST", "failed") for r in self.results)

    def keep_logs(self, testbed, case):
        """All logs of the arena, for who looks for the reason."""
        kept = self.options.logs / case.name.replace(":", "_")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(testbed.logs(), kept)
        return kept

    def some(self, cases):
        """Plays cases until one is lost or there is none left."""
        with Testbed(blackout_limit_ms=1000) as tb:
            arena = Arena(tb)
            for case in cases:
                start = time.monotonic()
                for log in tb.logs().glob("godwitd-*.log"):
                    with open(log, "a", encoding="utf-8") as f:
                        f.write(f"=== {case.name}: {' '.join(map(str, case.strikes))}\n")
                try:
                    verdict, struck = play(arena, case)
                except (Failed, OSError) as e:
                    verdict = "LOST" if isinstance(e, Lost) else "failed"
                    kept = self.keep_logs(tb, case)
                    self.note(case, verdict, f"{e}; logs: {kept}; again: scripts/chaos --case "
                              f"{case.name}", time.monotonic() - start)
                    return
                missed = [str(s) for s, came in zip(case.strikes, struck) if not came]
                self.note(case, verdict, f"not reached: {' '.join(missed)}" if missed else "",
                          time.monotonic() - start)

    def all(self, cases):
        """Until cases end or the time is over."""
        def limited():
            for case in cases:
                if self.options.hours and \
                        time.monotonic() - self.started > self.options.hours * 3600:
                    return
                yield case
                self.last = case
        rest = limited()
        while True:
            before = len(self.results)
            self.some(rest)
            if len(self.results) == before or self.results[-1]["result"] not in ("LOST", "failed"):
                return


def numbers(seed, count):
    """Seeds of random cases; no count: without end."""
    i = 0
    while count is None or i < count:
        yield random_case(seed + i)
        i += 1


def options(argv):
    """The command line."""
    p = argparse.ArgumentParser(
        prog="scripts/chaos", description="Moves a QEMU guest with a disk to and fro between two "
        "godwitd on this machine, breaks something on each way, makes it whole again, and looks: "
        "one host runs the guest, its memory and disk are intact. A guest may only end with the "
        "QEMU that had it. Without options: the matrix, each fault at each step. Exit code 0: no "
        "loss, 1: losses, 2: usage, 130: interrupted.",
        epilog="faults: " + ", ".join(FAULTS) + "; at random also " +
        ", ".join(set(ALL) - set(FAULTS)))
    p.add_argument("filter", nargs="*", help="part of a case's name, such as GONE or disk-source")
    p.add_argument("--short", action="store_true", help=f"{len(SHORT)} cases of the matrix")
    p.add_argument("--random", type=int, metavar="N", help="N random cases: one fault or two, at "
                   "random steps and times")
    p.add_argument("--seed", type=int, metavar="S", help="of the first random case (default: time)")
    p.add_argument("--hours", type=float, metavar="H", help="the matrix, then random cases, for so "
                   "long; with --random: those alone")
    p.add_argument("--case", action="append", metavar="NAME", help="this case, as it was printed")
    p.add_argument("--list", action="store_true", help="the names of the matrix' cases")
    p.add_argument("--json", action="store_true", help="one JSON object at the end")
    p.add_argument("--logs", type=pathlib.Path, default=places.BUILD / "chaos-logs",
                   help="where the logs of losses go")
    o = p.parse_args(argv)
    if o.seed is None:
        o.seed = int(time.time())
    if o.random is not None and o.random < 1:
        p.error("--random: at least 1")
    for name in o.case or []:
        if case_of(name) is None:
            p.error(f"no case {name!r}: scripts/chaos --list, or random-SEED")
    return o


def chosen(o):
    """The cases that the options ask for."""
    if o.case:
        return (case_of(name) for name in o.case)
    if o.short:
        return (case_of(name) for name in SHORT)
    if o.random:
        return numbers(o.seed, None if o.hours else o.random)
    listed = [c for c in matrix() if not o.filter or any(f in c.name for f in o.filter)]

    def then():
        yield from listed
        if o.hours:
            yield from numbers(o.seed, None)
    return then()


def main():
    """Exit code 0 when no guest was lost."""
    o = options(sys.argv[1:])
    if o.list:
        print("\n".join(c.name for c in matrix()))
        return 0
    end_with_parent()
    run = Run(o)
    code = 0
    try:
        run.all(chosen(o))
    except Failed as e:
        print(f"chaos: {e}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("\nchaos: interrupted; everything is cleaned up", file=sys.stderr)
        code = 130
    lost = run.losses()
    if o.json:
        print(json.dumps({"cases": run.results, "losses": lost, "seed": o.seed}, indent=2))
    else:
        print(f"{len(run.results)} cases, {lost} losses")
    return code or (1 if lost or not run.results else 0)


if __name__ == "__main__":
    sys.exit(main())
