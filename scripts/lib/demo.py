#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The demo: one guest, two hosts, one migration, a table and a plot."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

import places
from procs import Failed, end_with_parent_at_once
from rpc import RpcError
from testbed import Testbed

VM = "demo"


def size_mib(text):
    """'1G', '512M' or MiB."""
    m = re.fullmatch(r"(\d+)([MG]?)", text)
    if not m or int(m[1]) == 0:
        raise argparse.ArgumentTypeError("a size like 1G or 512M")
    return int(m[1]) * (1024 if m[2] == "G" else 1)


def positive(text):
    """A whole number above 0."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number above 0")
    return int(text)


def rate(text):
    """As a port's rate in a configuration."""
    if not re.fullmatch(r"\d+(\.\d+)?[KMGT]?", text):
        raise argparse.ArgumentTypeError("bits per second like 10G, 2500M or 1.5G; 0: no cap")
    return text


def options(argv):
    """The command line."""
    p = argparse.ArgumentParser(
        prog="scripts/demo", formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Moves a running QEMU guest from host A to host B, two godwitd on this machine "
        "joined by shared-memory (memif) ports. The guest writes its memory without pause, checks "
        "all of it, and uses its disk. Cleans up after itself.")
    p.add_argument("--ports", type=positive, default=2, help="ports between the hosts, 1 to 8")
    p.add_argument("--rate", type=rate, default="10G", help="cap of each port in bit/s (10G, 2500M), 0: none")
    p.add_argument("--mtu", type=positive, default=9000, help="of the ports, 1500 to 9600")
    p.add_argument("--ram", type=size_mib, default="1G", help="the guest's memory")
    p.add_argument("--dirty-rate", type=positive, default=5000, metavar="PAGES",
                   help="pages of 4 KiB that the guest writes per second")
    p.add_argument("--qemu", metavar="BIN", help="QEMU to use, or the root folder of an unpacked "
                   "Debian that has one (default: qemu-system-x86_64)")
    p.add_argument("--report", type=pathlib.Path, metavar="FILE", help="keep the report (JSON)")
    p.add_argument("--plot", type=pathlib.Path, metavar="FILE", help="where the plot goes",
                   default=places.BUILD / "demo" / "migration.svg")
    o = p.parse_args(argv)
    if not 1 <= o.ports <= 8:
        p.error("--ports: 1 to 8")
    if not 1500 <= o.mtu <= 9600:
        p.error("--mtu: 1500 to 9600")
    if o.ram < 96:
        p.error("--ram: at least 96M")
    return o


def say(text):
    """One line of the story."""
    print(f"demo: {text}", flush=True)


def ctl(host, *args):
    """Runs godwitctl for the viewer, with its own output; its exit code."""
    argv = [str(places.GODWITCTL), "--socket", str(host.run_dir / "control.sock"), *map(str, args)]
    # Else it waits for its daemon to come back when this program was killed.
    return subprocess.run(argv, check=False, preexec_fn=end_with_parent_at_once).returncode


def find_number(report, *path):
    """A value deep in the report, or None."""
    for key in path:
        if not isinstance(report, dict) or key not in report:
            return None
        report = report[key]
    return report


def table(rows):
    """Aligned lines."""
    width = max(len(r[0]) for r in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")


def run(tb, o):
    """The story. Returns whether all is well."""
    cap = "without a cap" if o.rate == "0" else f"of {o.rate}b/s"
    say(f"host A and host B, {o.ports} memif ports {cap}, MTU {o.mtu}")
    a, b = tb.hosts(tb.memifs(o.ports, o.mtu, o.rate))
    load = f"gw.rate={o.dirty_rate} gw.ram=60%"
    guest = tb.qemu(VM, backends=(o.ram,), load=load, qemu=o.qemu)
    say(f"guest on A: {o.ram} MiB, writes {o.dirty_rate} pages/s, checks all it writes, has a disk")
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    source.wait_advance(1000)

    say(f"godwitctl migrate {VM} {b.name} --verify")
    if ctl(a, "migrate", VM, b.name, "--verify") != 0:
        raise Failed("the migration did not complete")
    say("the guest goes on at B")
    checks = destination.read()["checks"]
    destination.wait_advance(1000)
    # A pass that began after the move has seen every page that was moved.
    end = time.monotonic() + 20
    while destination.read()["checks"] < checks + 2 and time.monotonic() < end:
        time.sleep(0.1)

    seen = observer.finish()
    report = a.call("report", vm=VM)
    blackout = report.get("blackout_ms")
    report["blackout_ms"] = {**(blackout if isinstance(blackout, dict) else {"total": blackout}),
                             "guest": seen["moves"][-1]["gap_ms"] if seen["moves"] else None}
    report["observer"] = seen
    good = judge(report, seen, source.state(), destination.state())
    keep(o, a, report)
    say("all is well" if good else "NOT well, see above")
    return good


def keep(o, host, report):
    """Writes the report and the plot."""
    file = o.report or o.plot.with_suffix(".json")
    for path in (file, o.plot):
        path.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2) + "\n")
    say(f"report: {file}")
    if ctl(host, "report", "--from", file, "--plot", o.plot) == 0:
        say(f"plot: {o.plot}")


def judge(report, seen, source_state, destination_state):
    """Prints the table. Whether all is well."""
    at_b = seen["destination"]
    blackout = report["blackout_ms"]
    mismatched = find_number(report, "verify", "mismatched")
    good = (at_b["runs"] and at_b["errors"] == 0 and seen["both_ran"] == 0 and mismatched == 0 and
            source_state != "running" and destination_state == "running")
    table([
        ("time of the whole migration", milliseconds(report.get("total_ms"))),
        ("epochs", len(report.get("epochs", []))),
        *((f"port {p['name']}, guest bytes", port_use(report, i, p))
          for i, p in enumerate(report.get("ports", []))),
        ("blackout, as godwit counts it", milliseconds(blackout.get("total"))),
        ("blackout, as the guest's memory shows it", milliseconds(blackout["guest"])),
        ("  of that, comparing both memories (verify)",
         milliseconds(find_number(report, "blackout_parts", "destination_verify"))),
        ("pages that differ after the move", "unknown" if mismatched is None else mismatched),
        ("guest at B", "runs" if at_b["runs"] else "STANDS"),
        ("  pages it has written", f"{at_b['work']:,}"),
        ("  full checks of its memory and errors", f"{at_b['checks']}, {at_b['errors']}"),
        ("guest at A", source_state),
    ])
    return good


def port_use(report, index, port):
    """'5.10 Gb/s in epoch 0, peak 9.86'. The destination's memory is populated meanwhile, which on
    a machine that has to find fresh memory first is slower than the ports."""
    peak = max((t["ports_bps"][index] for t in report.get("timeline", [])), default=0)
    return f"{(port.get('payload_bps') or 0) / 1e9:.2f} Gb/s in epoch 0, peak {peak / 1e9:.2f} Gb/s"


def milliseconds(value):
    """'12.3 ms'."""
    return "unknown" if value is None else f"{value:.1f} ms"


def main():
    """Exit code 0 only when the guest arrived whole."""
    o = options(sys.argv[1:])
    start = time.monotonic()
    try:
        with Testbed() as tb:
            try:
                good = run(tb, o)
            except (Failed, RpcError, OSError) as e:
                print(f"\ndemo: failed: {e}", file=sys.stderr)
                show_logs(tb)
                good = False
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything is cleaned up", file=sys.stderr)
        return 130
    # Standard output may be what failed: a pipe whose reader has left.
    print(f"demo: cleaned up; {time.monotonic() - start:.0f} s in all",
          file=sys.stdout if good else sys.stderr)
    return 0 if good else 1


def show_logs(tb):
    """The ends of the daemons' logs: the folder goes away."""
    for log in sorted(tb.logs().glob("godwitd-*.log")):
        print(f"--- {log.name}", file=sys.stderr)
        for line in log.read_text(errors="replace").splitlines()[-10:]:
            print(f"  {line[:300]}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
