# SPDX-License-Identifier: BSD-3-Clause
"""Rows about ports: how full they get, how they share, what happens when one fails."""

import statistics
import time

from procs import Failed
from testbed import Testbed

GIGA = 1e9
PAGE = 4096
# As dataplane/wire/payload.h, which explains it: bytes on the wire beside a packet's payload, layer
# 1: Ethernet 14, IPv4 20 or IPv6 40, UDP 8, godwit 32, AES-GCM's tag 16, and 24 of frame check,
# preamble, gap.
IP = {4: 20, 6: 40}
TAG = 16


def payload_share(mtu, security, family=4):
    """The share of a port's bits that can be guest bytes."""
    packet = IP[family] + 8 + 32 + (TAG if security == "on" else 0)
    overhead = 14 + packet + 24
    room = mtu - packet
    pages = room // PAGE
    if pages:
        return pages * PAGE / (pages * PAGE + overhead)
    return PAGE / (PAGE + 3 * overhead)


def two_hosts(tb, wires, security="on", verify=False, integrity="crc32c"):
    """Hosts A and B without debug logs, whose poll cores, which share two CPUs with everything
    else, come first. integrity: of packets in the clear."""
    pair = tb.hosts(wires, start=False, security=security, verify=verify)
    for host in pair:
        host.config["log_level"] = "warning"
        host.config["dataplane"] |= {"priority": 10, "integrity": integrity}
        host.start()
    pair[0].wait_peer(pair[1])
    return pair


def still_guest(tb, name, ram_mib, a, b):
    """An idle synthetic guest of pages that are neither zero nor holes, at both ends."""
    guest = tb.native(name, ram_mib=ram_mib, write_rate=0, check_rate=0,
                      extra=["--holes", "0", "--zero", "0", "--compressible", "0"])
    guest.start(a)
    guest.start(b, incoming=True)


def move_native(ports, mtu, rate, ram_mib, security="on", repeat=3, **conf):
    """Moves a still guest, both memories populated; its reports. rate: one, or one per port."""
    rates = [rate] * ports if isinstance(rate, str) else rate
    reports = []
    for _ in range(repeat):
        with Testbed() as tb:
            wires = [tb.memif(i, mtu, r) for i, r in enumerate(rates)]
            a, b = two_hosts(tb, wires, security, **conf)
            still_guest(tb, "bench", ram_mib, a, b)
            reports.append(a.migrate("bench", b, populate_first=True).wait_completed())
    return reports


def paced(ports, mtu, security="off"):
    """Gb/s of guest bytes on the slowest of some 10 Gb/s ports through epoch 0."""
    reports = move_native(ports, mtu, "10G", 1024 * max(ports, 2), security, repeat=5)
    value = statistics.median(min(p["payload_bps"] for p in r["ports"]) for r in reports) / GIGA
    share = 0.99 if mtu >= 4200 and security == "off" else 0.98
    return value, "Gb/s per port", share * 10 * payload_share(mtu, security), "at least"


def bulk_guest():
    """Gb/s of guest bytes through epoch 0 between two godwitd: one unpaced port, no checksum."""
    reports = move_native(1, 9000, "0", 2048, "off", repeat=7, integrity="none")
    value = statistics.median(r["ports"][0]["payload_bps"] for r in reports) / GIGA
    return value, "Gb/s", 40.0, "at least"


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


ROWS = {
    **{f"paced_{ports}x10_mtu{mtu}": lambda ports=ports, mtu=mtu: paced(ports, mtu)
       for mtu in (9000, 1500) for ports in (1, 2, 4)},
    **{f"paced_2x10_encrypted_mtu{mtu}": lambda mtu=mtu: paced(2, mtu, "on")
       for mtu in (9000, 1500)},
    "bulk_guest": bulk_guest,
    "unequal_ports": unequal_ports,
    "failover": failover,
    "weights_3_1": weights_3_1,
}
