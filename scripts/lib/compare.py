#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The same QEMU guest moved by QEMU's own migration and by godwit, in turn."""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import places
from demo import positive, size_mib
from procs import Failed
from qmp import QmpError
from rivals import CHANNELS, run_godwit, run_qemu
from rpc import RpcError

SPARE_MIB = 1536  # beside the two memories: two QEMUs, two daemons, scripts
FIGURES = ("total_ms", "blackout_ms", "gbps", "own_total_ms", "own_blackout_ms", "own_gbps")
WORK = ("work_rate", "lost_pages")
# What is compared: each row's figure and target, and what the guest is and does.
IDLE = {"ram": 2048, "touch": 1536, "limit": 50, "prealloc": True, "disk": False,
        "observed": False, "rate_bps": 0, "ports": 1}
KINDS = {
    "time": {**IDLE, "rows": {"qemu_time_ratio": ("total_ms", 0.8)}, "encrypted": False},
    "tls": {**IDLE, "rows": {"qemu_tls_time_ratio": ("total_ms", 0.2)}, "encrypted": True},
    # The demo's guest.
    "blackout": {"rows": {"blackout_qemu_ratio": ("blackout_ms", 1.0)}, "ram": 1024, "touch": 614,
                 "limit": 20, "prealloc": False, "disk": True, "observed": True,
                 "encrypted": False, "rate_bps": 0, "ports": 1},
    # A guest that dirties three times what the network takes; QEMU's own downtime limit.
    "slow": {"rows": {"sdps_time_ratio": ("total_ms", 1.0), "sdps_work_ratio": ("lost_pages", 1.0)},
             "ram": 640, "touch": 384, "limit": 300, "prealloc": True, "disk": False,
             "observed": False, "encrypted": False, "rate_bps": 10 ** 9, "ports": 2},
}
DIRTY_TIMES = 3  # of the network's rate, where that is limited


def say(text):
    """One line of progress."""
    print(f"compare-qemu: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def two_cpus():
    """This process, and all that it starts meanwhile, on the first two CPUs that it may use."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        raise Failed("two CPUs are needed, this process may use one")
    os.sched_setaffinity(0, sorted(before)[:2])
    try:
        yield sorted(before)[:2]
    finally:
        os.sched_setaffinity(0, before)


def qemu10():
    """The folder of QEMU 10, unpacked first where it is missing."""
    if places.qemu10_root() is None:
        say("QEMU 10 is missing: scripts/qemu10 unpacks it")
        subprocess.run([places.TOP / "scripts" / "qemu10"], stdout=sys.stderr, check=False)
    root = places.qemu10_root()
    if root is None:
        raise Failed("there is no QEMU 10: run scripts/qemu10, which needs root and a network")
    return root


def check_memory(ram_mib):
    """Both ends' memory must fit, with all of it there from the start."""
    need = 2 * ram_mib + SPARE_MIB
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    free = next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable:")) // 1024
    if free < need:
        raise Failed(f"{free} MiB of memory are free, {need} are needed: end what takes it, or "
                     "take a smaller --ram")
    shm = os.statvfs("/dev/shm")
    free = shm.f_bavail * shm.f_frsize >> 20
    if free < 2 * ram_mib:
        raise Failed(f"/dev/shm has {free} MiB free, {2 * ram_mib} are needed: mount -o "
                     f"remount,size={2 * ram_mib + 256}M /dev/shm, or take a smaller --ram")


def machine(cpus):
    """Who measured."""
    with open("/proc/cpuinfo", encoding="ascii") as f:
        model = next((x.split(":")[1].strip() for x in f if x.startswith("model name")), "unknown")
    return f"{model}, CPUs {cpus[0]} and {cpus[1]} of {os.cpu_count()}, kernel {platform.release()}"


def load(o):
    """The guest's kernel arguments."""
    if o.rate_bps:
        return f"gw.rate={DIRTY_TIMES * o.rate_bps // 8 // 4096} gw.ram={o.touch}M gw.check=1"
    if o.observed:
        return f"gw.rate=5000 gw.ram={o.touch}M"
    return f"gw.rate=0 gw.ram=1M gw.touch={o.touch}M"


def compare(o):
    """Moves in turn; all runs, and the row that sums them up."""
    runs = []
    kind = KINDS[o.kind]
    figures = FIGURES + (WORK if kind["rate_bps"] else ())
    o = argparse.Namespace(**{**kind, **vars(o), "qemu": qemu10()})
    o.load = load(o)
    with two_cpus() as cpus:
        for n in range(1, o.runs + 1):
            for side, run in (("QEMU", run_qemu), ("godwit", run_godwit)):
                check_memory(o.ram)
                runs.append({"run": n, **run(o)})
                runs[-1]["gbps"] = o.touch * 8 * 1.048576 / runs[-1]["total_ms"]
                say(f"run {n} of {o.runs}, {side}: {runs[-1]['total_ms']:.0f} ms, "
                    f"blackout {runs[-1]['blackout_ms']:.1f} ms{lost(runs[-1])}")
    medians = {side: {key: statistics.median(r[key] for r in runs if r["side"] == side)
                      for key in figures} for side in ("qemu", "godwit")}
    ratios = {figure: medians["godwit"][figure] / medians["qemu"][figure] for figure in figures}
    return {"date": datetime.date.today().isoformat(), "machine": machine(cpus),
            "qemu": "{major}.{minor}.{micro}".format(**runs[0]["version"]),
            "ram_mib": o.ram, "touched_mib": o.touch, "limit_ms": o.limit, "load": o.load,
            "channels": CHANNELS, "encrypted": o.encrypted, "prealloc": o.prealloc,
            "observed": o.observed, "ports": o.ports,
            "rate_bps": o.rate_bps,
            "integrity": runs[-1]["integrity"], "runs": runs, "medians": medians,
            "rows": [{"name": name, "value": round(ratios[figure], 3), "unit": "of QEMU's",
                      "target": f"at most {target:g}", "met": ratios[figure] <= target}
                     for name, (figure, target) in kind["rows"].items()]}


def lost(run):
    """How much of its work the guest did not do, where that was looked at."""
    if "lost_pages" not in run:
        return ""
    return (f", {run['lost_pages']:.0f} of {run['work_rate']:.0f} writes a second lost "
            f"({run['lost_pages'] / run['work_rate']:.2f} s)")


def show(result, out=sys.stdout):
    """The table."""
    def put(text):
        print(text, file=out)
    put(f"{result['date']}, {result['machine']}")
    put(f"guest: QEMU {result['qemu']}, TCG, {result['ram_mib']} MiB, {result['load']}"
        f"{'; both memories preallocated' if result['prealloc'] else ''}")
    limited = f"{result['rate_bps'] / 1e9:g} Gb/s in all"
    how = (f"auto-converge, {limited}" if result["rate_bps"]
           else f"multifd, {result['channels']} channels")
    put(f"QEMU:   {how}, loopback TCP"
        f"{', TLS' if result['encrypted'] else ''}, downtime limit {result['limit_ms']} ms")
    put(f"godwit: {result['ports']} memif port(s), "
        f"{limited if result['rate_bps'] else 'without a cap'}, MTU 9000, integrity "
        f"{result['integrity']}, blackout limit {result['limit_ms']} ms")
    put(f"blackout seen from outside: {'the guest, by the observer' if result['observed'] else ''}"
        f"{'' if result['observed'] else 'from STOP to RESUME'}\n")
    put("              seen from outside                 told by itself")
    put("run  side     total ms  blackout ms  Gb/s       total ms  blackout ms  Gb/s")

    def line(label, side, r):
        put(f"{label:<4} {side:<7} {r['total_ms']:>9.0f} {r['blackout_ms']:>12.1f} "
            f"{r['gbps']:>5.1f} {r['own_total_ms']:>14.0f} {r['own_blackout_ms']:>12.1f} "
            f"{r['own_gbps']:>5.1f}{lost(r)}")
    for r in result["runs"]:
        line(str(r["run"]), r["side"], r)
    for side, medians in result["medians"].items():
        line("mid", side, medians)
    put("")
    for row in result["rows"]:
        put(f"{row['name']}: {row['value']:.2f}, target {row['target']}: "
            f"{'met' if row['met'] else 'NOT met'}")


def options(argv):
    """The command line."""
    p = argparse.ArgumentParser(
        prog="scripts/compare-qemu", formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Moves the same guest of a stock QEMU 10 with QEMU's own migration (multifd "
        "over loopback TCP) and with godwit (memif ports), in turn, each time a guest booted anew, "
        "on the same two CPUs. Times are those seen from outside: from the command until QEMU says "
        "that the guest runs at the destination; what QEMU (query-migrate) and godwit (report) say "
        "themselves is printed beside it, and Gb/s from outside are the touched memory over that "
        "time.")
    p.add_argument("kind", nargs="?", choices=KINDS, default="time",
                   help="time: total time of an idle guest, both memories preallocated, nothing "
                   "encrypted. tls: the same, both encrypted (QEMU with certificates of a "
                   "throw-away authority). blackout: the guest of scripts/demo, which writes, and "
                   "how long its memory stood still. slow: both limited to 1 Gb/s, a guest that "
                   "dirties three times that, and how much of its work it loses (QEMU: "
                   "auto-converge)")
    p.add_argument("--runs", type=positive, default=5, help="moves by each side")
    p.add_argument("--ram", type=size_mib, default=argparse.SUPPRESS,
                   help="the guest's memory (default: 2G; blackout: 1G; slow: 640M)")
    p.add_argument("--touch", type=size_mib, default=argparse.SUPPRESS,
                   help="how much of it the guest fills (default: three quarters; blackout, slow: "
                   "60 %%)")
    p.add_argument("--ports", type=positive, default=argparse.SUPPRESS,
                   help="godwit's ports (default: 1; slow: 2)")
    p.add_argument("--integrity", choices=("none", "crc32c"), default="none",
                   help="godwit's checksum of packets in the clear; nothing sums up what QEMU sends "
                   "over loopback TCP")
    p.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    o = p.parse_args(argv)
    if "ram" in o and "touch" not in o:
        o.touch = o.ram * KINDS[o.kind]["touch"] // KINDS[o.kind]["ram"]
    ram, touch = (getattr(o, k, KINDS[o.kind][k]) for k in ("ram", "touch"))
    if ram < 256 or touch > ram - 160:
        p.error("--ram: at least 256M, and 160M more than --touch")
    return o


def main():
    """Exit code 0 when all runs were measured, whether the target was met or not."""
    o = options(sys.argv[1:])
    try:
        result = compare(o)
    except (Failed, QmpError, RpcError, OSError) as e:
        print(f"compare-qemu: {e}", file=sys.stderr)
        return 1
    if o.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ncompare-qemu: interrupted; everything is cleaned up", file=sys.stderr)
        sys.exit(130)
