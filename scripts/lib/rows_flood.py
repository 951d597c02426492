# SPDX-License-Identifier: BSD-3-Clause
"""The row about garbage at the data port."""

import statistics
import subprocess

import places
from procs import Failed, wait_for
from rows_ports import two_hosts
from testbed import Testbed

FLOOD_RATE = 100_000  # frames a second and port, where the switch gets the CPU for it
FLOOD_BYTES = 200  # of each frame
DATA_PORT, UNUSED_PORT = 7412, 9


class Switch:
    """Between both hosts' ports; floods the second host's on demand."""

    def __init__(self, tb, wires):
        places.need(places.FLOOD)
        self.process = tb.process(
            "flood", [places.FLOOD, FLOOD_RATE, FLOOD_BYTES, *(w.cable() for w in wires)],
            stdin=subprocess.PIPE)
        self.answers = 0

    def flood(self, port):
        """Garbage to the port from now on, or to none (0); the frames of garbage until now."""
        self.process.popen.stdin.write(f"{port}\n".encode())
        self.process.popen.stdin.flush()
        self.answers += 1
        return int(wait_for("the switch to obey", self._answer))

    def _answer(self):
        self.process.check()
        said = [line for line in self.process.log().splitlines() if line.isdigit()]
        return said[-1] if len(said) == self.answers else None


def _flooded(tb, pair, switch, name, port):
    """Guest bits per second through epoch 0 while both of host B's ports are flooded."""
    a, b = pair
    guest = tb.native(name, ram_mib=1024, write_rate=0, check_rate=0,
                      extra=["--holes", "0", "--zero", "0", "--compressible", "0"])
    ends = [guest.start(a), guest.start(b, incoming=True)]
    before = b.call("ports").get("drops", {})
    earlier = switch.flood(port)
    try:
        report = a.migrate(name, b, populate_first=True).wait_completed()
    finally:
        sent = switch.flood(0) - earlier
        for end in ends:
            end.stop()
    if report["verify"]["mismatched"] or not report["verify"]["pages"]:
        raise Failed(f"the memories differ or were not compared: {report['verify']}")
    after = b.call("ports").get("drops", {})
    new = {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}
    pages = sum(p["tx_packets"] for p in report["ports"])
    # Three of four at the data port are refused by nothing but their key id.
    met = new.get("rx_bad_key" if port == DATA_PORT else "rx_not_ours", 0)
    if sent < 2 * pages or met < sent / 2:
        raise Failed(f"of {sent} frames of garbage beside {pages} of the move these were dropped: "
                     f"{new}")
    return sum(p["payload_bps"] for p in report["ports"])


def flood():
    """A garbage flood at the data port: how much slower than the same at an unused port.

    Two ports of 2.5 Gb/s; at least twice as many frames of garbage as the pages take.
    """
    # To compare the memories belongs to the blackout, and takes longer than the limit here.
    with Testbed(blackout_limit_ms=5000) as tb:
        wires = tb.switched(2, 9000, "2500M")
        switch = Switch(tb, wires)
        pair = two_hosts(tb, wires, verify=True)
        slower = []
        for i in range(5):
            # In turn, and which is first too.
            runs = {}
            for port in (DATA_PORT, UNUSED_PORT)[::1 if i % 2 else -1]:
                runs[port] = _flooded(tb, pair, switch, f"bench{i}-{port}", port)
            slower.append(100 * (runs[UNUSED_PORT] / runs[DATA_PORT] - 1))
        return statistics.median(slower), "% slower", 10.0, "at most"


ROWS = {"flood": flood}
