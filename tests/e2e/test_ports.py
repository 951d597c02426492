# SPDX-License-Identifier: BSD-3-Clause
"""Ports that fail on the way, and how many there may be."""

from common import LOAD, check, check_equal, check_lives, check_report, check_seen, move
from procs import wait_for


def _move_over(tb, wires):
    a, b = tb.hosts(wires)
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    return move(guest, source, a, b)


def test_one_port_mtu_1500(tb):
    """One port, three fragments to a page."""
    _move_over(tb, tb.memifs(1, 1500))


def test_two_ports_mtu_1500(tb):
    """Fragments over two ports."""
    _move_over(tb, tb.memifs(2, 1500))


def test_one_port_mtu_9000(tb):
    """Two pages to a packet."""
    _move_over(tb, tb.memifs(1, 9000))


def test_four_ports_mtu_9000(tb):
    """Four ports share the work."""
    _, report = _move_over(tb, tb.memifs(4, 9000))
    check_equal(len(report["ports"]), 4, "ports in the report")


def _pull(tb, wires, pulled, **migration):
    a, b = tb.hosts(wires, **migration)
    guest = tb.qemu("vm1", load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    start = session.status()["remaining_bytes"]
    wait_for("a tenth to be sent", lambda: session.status()["remaining_bytes"] < start * 0.9, 60)
    for wire in pulled:
        wire.pull()
    return a, source, destination, observer, session


def _all_up(host):
    return any(p["paths_up"] == p["paths"] for p in host.call("peers")["peers"] if p.get("paths"))


def test_one_port_goes(tb):
    """A cable is pulled in mid-epoch: the other port carries on, nothing is lost."""
    wires = tb.veths(2, 1500, "200M")
    _, _, destination, observer, session = _pull(tb, wires, wires[:1])
    check_report(session.wait_completed())
    check_lives(destination)
    check_seen(observer)


def test_one_port_comes_back(tb):
    """A cable is pulled and plugged again; probes bring the port back."""
    wires = tb.veths(2, 1500, "100M")
    a, _, destination, observer, session = _pull(tb, wires, wires[:1])
    wait_for("the paths of the pulled port to be down", lambda: not _all_up(a), 30)
    wires[0].plug()
    wait_for("all paths to be up again", lambda: _all_up(a), 30)
    check_report(session.wait_completed())
    check_lives(destination)
    check_seen(observer)


def test_all_ports_go(tb):
    """All cables are pulled: the migration aborts, the guest stays."""
    wires = tb.veths(2, 1500, "100M")
    _, source, destination, observer, session = _pull(tb, wires, wires, ports_down_timeout_ms=2000)
    check(session.wait_end()["result"] in ("aborted", "failed"), "the session has ended")
    check_lives(source)
    check(destination.state() != "running", "the destination does not run the guest")
    check_equal(observer.finish()["moves"], [], "moves seen from outside")
