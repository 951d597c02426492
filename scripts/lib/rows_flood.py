# SPDX-License-Identifier: BSD-3-Clause
"""The row about garbage at the data port."""

import statistics

import places
from procs import Failed
from rows_ports import two_hosts
from testbed import Testbed
from wires import in_netns

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


ROWS = {"flood": flood}
