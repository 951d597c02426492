# SPDX-License-Identifier: BSD-3-Clause
"""Every figure that godwit claims, measured: a row each with name, value, unit, target, met."""

import argparse
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from places import SIMULATOR, need
import compare
import places
from procs import Failed
from qmp import QmpError
from rpc import RpcError
from testbed import Testbed
from wires import in_netns

GIGA = 1e9
PAGE = 4096
BULK_ROUNDS = 7
# As dataplane/wire/payload.h, which explains it: bytes on the wire beside a packet's payload, layer
# 1: Ethernet 14, IPv4 20, UDP 8, godwit 32, AES-GCM's tag 16, and 24 of frame check, preamble, gap.
OVERHEAD = 14 + 20 + 8 + 32 + 24
TAG = 16


def payload_share(mtu, security):
    """The share of a port's bits that can be guest bytes, over IPv4."""
    tag = TAG if security == "on" else 0
    overhead = OVERHEAD + tag
    room = mtu - 20 - 8 - 32 - tag
    pages = room // PAGE
    if pages:
        return pages * PAGE / (pages * PAGE + overhead)
    return PAGE / (PAGE + 3 * overhead)


def two_hosts(tb, wires, security="on", verify=False):
    """Hosts A and B without debug logs."""
    pair = tb.hosts(wires, start=False, security=security, verify=verify)
    for host in pair:
        host.config["log_level"] = "warning"
        host.start()
    pair[0].wait_peer(pair[1])
    return pair


def still_guest(tb, name, ram_mib, a, b):
    """An idle synthetic guest of pages that are neither zero nor holes, at both ends."""
    guest = tb.native(name, ram_mib=ram_mib, write_rate=0, check_rate=0,
                      extra=["--holes", "0", "--zero", "0", "--compressible", "0"])
    guest.start(a)
    guest.start(b, incoming=True)


def move_native(ports, mtu, rate, ram_mib, security="on", rsize=8, repeat=3):
    """Moves a still guest, both memories populated; its reports. rate: one, or one per port."""
    rates = [rate] * ports if isinstance(rate, str) else rate
    reports = []
    for _ in range(repeat):
        with Testbed() as tb:
            wires = [tb.memif(i, mtu, r, rsize) for i, r in enumerate(rates)]
            a, b = two_hosts(tb, wires, security)
            still_guest(tb, "bench", ram_mib, a, b)
            reports.append(a.migrate("bench", b, populate_first=True).wait_completed())
    return reports


def paced(ports, mtu, security="off"):
    """Gb/s of guest bytes on the slowest of some 10 Gb/s ports through epoch 0."""
    reports = move_native(ports, mtu, "10G", 1024 * max(ports, 2), security, repeat=5)
    value = statistics.median(min(p["payload_bps"] for p in r["ports"]) for r in reports) / GIGA
    share = 0.99 if mtu >= 4200 and security == "off" else 0.98
    return value, "Gb/s per port", share * 10 * payload_share(mtu, security), "at least"


def unequal_ports():
    """Guest bytes over 10 + 2.5 + 1 Gb/s ports together, of what their caps allow."""
    rates = {"10G": 10e9, "2500M": 2.5e9, "1G": 1e9}
    possible = sum(rates.values()) * payload_share(9000, "on")
    reports = move_native(3, 9000, list(rates), 2048, repeat=5)
    value = statistics.median(sum(p["payload_bps"] for p in r["ports"]) for r in reports)
    return 100 * value / possible, "% of the sum", 97.0, "at least"


class SessionClock:
    """Where a session's report has its time 0, by this process's clock: to a millisecond."""

    def __init__(self, session):
        self.session = session
        self.start = None
        self.look()

    def look(self):
        """One more look: elapsed_ms is cut off, so the session began at the latest then."""
        status = self.session.status()
        start = time.monotonic() - status["elapsed_ms"] / 1e3
        self.start = start if self.start is None else min(self.start, start)
        return status


def _left_at(report, clock, when):
    """Bytes left of a session at a moment of this process's clock, between two samples."""
    t = (when - clock.start) * 1e3
    points = [(p["t_ms"], p["remaining_bytes"]) for p in report["timeline"]]
    for (t0, x0), (t1, x1) in zip(points, points[1:]):
        if t0 <= t <= t1:
            return x0 + (x1 - x0) * (t - t0) / (t1 - t0)
    raise Failed("the timeline does not reach that far")


def _weights_once():
    """The port is all but closed until both sessions have begun to send."""
    with Testbed() as tb:
        a, b = two_hosts(tb, [tb.memif(0, 9000, "50M")])
        for name in ("heavy", "light"):
            still_guest(tb, name, 1024, a, b)
        clocks = [SessionClock(a.migrate(name, b, populate_first=True, weight=weight))
                  for name, weight in (("heavy", 3), ("light", 1))]
        for clock in clocks:
            clock.session.wait_phase("precopy")
        a.call("set", port="p0", rate="5G")
        start = time.monotonic()
        while clocks[0].look()["remaining_bytes"] > 0.2 * (1 << 30):
            clocks[1].look()
            if time.monotonic() - start > 60:
                raise Failed("the sessions do not come to an end")
            time.sleep(0.01)
        end = time.monotonic()
        reports = [c.session.wait_completed() for c in clocks]
        sent = [_left_at(r, c, start + 0.1) - _left_at(r, c, end - 0.02)
                for r, c in zip(reports, clocks)]
        return sent[0] / sent[1]


def weights_3_1():
    """Bytes of two sessions with weights 3 and 1 while both have pages for one 5 Gb/s port."""
    ratio = statistics.median(_weights_once() for _ in range(5))
    return ratio, "to 1", 3.0, "within 5 % of"


def _failover_once():
    """Cuts one of two ports in mid-epoch; ms until the other carries all, at its full rate."""
    with Testbed() as tb:
        a, b = two_hosts(tb, tb.memifs(2, 9000, "10G"), verify=True)
        still_guest(tb, "bench", 4096, a, b)
        clock = SessionClock(a.migrate("bench", b, populate_first=True))
        status = clock.look()
        while not (status["phase"] == "precopy" and
                   status["remaining_bytes"] < 0.75 * status["total_bytes"]):
            if status["result"]:
                raise Failed(f"the session ended before the cut: {status['error']}")
            time.sleep(0.005)
            status = clock.look()
        cut = (time.monotonic() - clock.start) * 1e3
        b.call("set", port="p0", state="down")
        report = clock.session.wait_completed()
        if report["verify"]["mismatched"]:
            raise Failed(f"{report['verify']['mismatched']} pages differ")
        out = report["ports"][0]["outages"]
        points = [(p["t_ms"], p["ports_bps"][1]) for p in report["timeline"]]
        before = statistics.median(bps for t, bps in points if cut - 200 < t < cut)
        full = [t for t, bps in points if t > cut + 10 and bps >= 0.95 * before]
        if not out or not full:
            raise Failed("the cut was not seen")
        return max(out[0]["down_ms"], full[0]) - cut


def failover():
    """One of two 10 Gb/s ports falls silent: ms until its pages are the other's, at full rate."""
    return statistics.median(_failover_once() for _ in range(5)), "ms", 100.0, "at most"


FLOOD_RATE = 20_000  # frames a second and port
DATA_PORT, UNUSED_PORT = 7412, 9


def _flooded(tb, pair, wires, name, port):
    """Guest bits per second through epoch 0 while both of host B's ports are flooded."""
    a, b = pair
    guest = tb.native(name, ram_mib=64, write_rate=0, check_rate=0,
                      extra=["--holes", "0", "--zero", "0", "--compressible", "0"])
    ends = [guest.start(a), guest.start(b, incoming=True)]
    floods = [tb.process(f"flood-{w.name}", in_netns(w.netns, [
        places.FLOOD, w.stranger, w.mac(1), *(s["address"].split("/")[0] for s in w.sides), port,
        FLOOD_RATE, 200])) for w in wires]
    before = b.call("ports").get("drops", {})
    try:
        report = a.migrate(name, b, populate_first=True).wait_completed()
    finally:
        for f in floods:
            f.stop()
        for end in ends:
            end.stop()
    if report["verify"]["mismatched"] or not report["verify"]["pages"]:
        raise Failed(f"the memories differ or were not compared: {report['verify']}")
    sent = sum(int(f.log().split()[-1]) for f in floods)
    after = b.call("ports").get("drops", {})
    new = {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}
    if sum(new.values()) < sent / 2:
        raise Failed(f"of {sent} frames of garbage these were dropped: {new}")
    return sum(p["payload_bps"] for p in report["ports"])


def flood():
    """A garbage flood at the data port: how much slower than the same at an unused port.

    Two ports of 200 Mb/s: a third party reaches only those that pass through the kernel, which on
    two CPUs moves no 2 x 2.5 Gb/s at MTU 1500; the flood is as many frames as the pages take.
    """
    places.need(places.FLOOD)
    with Testbed() as tb:
        wires = tb.veths(2, 1500, "200M")
        pair = two_hosts(tb, wires, verify=True)
        slower = []
        for i in range(5):
            # In turn, and which is first too.
            runs = {}
            for port in (DATA_PORT, UNUSED_PORT)[::1 if i % 2 else -1]:
                runs[port] = _flooded(tb, pair, wires, f"bench{i}-{port}", port)
            slower.append(100 * (runs[UNUSED_PORT] / runs[DATA_PORT] - 1))
        return statistics.median(slower), "% slower", 10.0, "at most"


def godwit_bench(*argv):
    """What godwit-bench measures over a memif port, one poll core an end."""
    places.need(places.GODWIT_BENCH)
    done = subprocess.run([places.GODWIT_BENCH, "loopback", "--memif", "1", "--json", *argv],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise Failed(f"godwit-bench: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout)


@functools.cache
def bulk():
    """Unpaced, populated RAM to RAM: bound, protocol, and that with CRC32C, encrypted, in turn."""
    def clear():
        return godwit_bench("--bound", "--rounds", "1", "--time", "1", "--integrity", "none")

    def bps(run):
        return run["protocol"]["payload_bps"]

    rounds = []
    after = clear()
    for _ in range(BULK_ROUNDS):
        before = after
        crc = godwit_bench("--time", "1", "--integrity", "crc32c")
        after = clear()
        sealed = godwit_bench("--time", "1", "--integrity", "aes-128-gcm")
        rounds.append({
            "clear": after["protocol"]["median"], "of_bound": after["protocol_of_bound"],
            "sealed_bps": bps(sealed),
            # Between two neighbours: the machine's own speed changes all the time.
            "crc_of_clear": 2 * bps(crc) / (bps(before) + bps(after))})
    return rounds


def bulk_clear():
    """Gb/s from source RAM to destination RAM: one unpaced memif port, integrity none."""
    value = statistics.median(r["clear"]["payload_bps"] for r in bulk()) / GIGA
    return value, "Gb/s", 70.0, "at least"


def bulk_clear_of_bound():
    """The same, against the same path without the protocol, measured next to it."""
    return statistics.median(r["of_bound"] for r in bulk()), "of bound", 0.8, "at least"


def bulk_crc():
    """The same with CRC32C, against without, measured next to it."""
    value = statistics.median(r["crc_of_clear"] for r in bulk())
    return value, "of bulk_clear", 0.75, "at least"


def bulk_encrypted():
    """Gb/s from source RAM to destination RAM: one unpaced memif port, AES-128-GCM."""
    return statistics.median(r["sealed_bps"] for r in bulk()) / GIGA, "Gb/s", 35.0, "at least"


def bulk_fresh():
    """Into memory that was never touched, against a plain loop that fills such memory."""
    d = godwit_bench("--fresh", "--rounds", "7", "--ram", "2048")
    return d["fresh_of_plain"], "of plain loop", 0.8, "at least"


def cycles_per_page(side, target):
    """TSC cycles of poll rounds that found work, for each page; no checksum, MTU 9000."""
    value = statistics.median(r["clear"][side]["cycles_per_page"] for r in bulk())
    return value, "cycles", target, "at most"


def blackout_guest():
    """The longest gap of the demo's guest around its move, seen by one clock outside."""
    gaps = []
    for _ in range(5):
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
    row = result["row"]
    return row["value"], row["unit"], compare.KINDS[kind]["target"], "at most"


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
    **{f"paced_{ports}x10_mtu{mtu}": lambda ports=ports, mtu=mtu: paced(ports, mtu)
       for mtu in (9000, 1500) for ports in (1, 2, 4)},
    "unequal_ports": unequal_ports,
    "failover": failover,
    "flood": flood,
    "weights_3_1": weights_3_1,
    "bulk_clear": bulk_clear,
    "bulk_clear_of_bound": bulk_clear_of_bound,
    "bulk_crc": bulk_crc,
    "bulk_encrypted": bulk_encrypted,
    **{f"paced_2x10_encrypted_mtu{mtu}": lambda mtu=mtu: paced(2, mtu, "on")
       for mtu in (9000, 1500)},
    "bulk_fresh": bulk_fresh,
    "cycles_per_page_source": lambda: cycles_per_page("source", 1600),
    "cycles_per_page_destination": lambda: cycles_per_page("destination", 1500),
    "blackout_guest": blackout_guest,
    **{kind["row"]: lambda name=name: against_qemu(name) for name, kind in compare.KINDS.items()},
    "idle_cpu": idle_cpu,
    "sim_150ms_loss0": lambda: simulated("sim_150ms_loss0", 95.0),
    "sim_150ms_loss0.1": lambda: simulated("sim_150ms_loss0.1", 93.0),
    "sim_150ms_loss1": lambda: simulated("sim_150ms_loss1", 90.0),
    "sim_4x100_10ms": lambda: simulated("sim_4x100_10ms", 95.0),
}


def measure(name):
    """One row, as a dictionary."""
    value, unit, target, sense = ROWS[name]()
    met = {"at least": value >= target, "at most": value <= target,
           "within 5 % of": abs(value / target - 1) <= 0.05}[sense]
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
