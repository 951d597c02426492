# SPDX-License-Identifier: BSD-3-Clause
"""Migrations that end before the commit point: the guest stays, nothing is left behind."""

import signal

from common import LOAD, check, check_equal, check_lives, check_stays, move
from procs import wait_for


def _under_way(tb, rate="100M", wires=None, **hosts):
    """A migration that is slow enough to be met in pre-copy."""
    a, b = tb.hosts(wires or tb.memifs(2, 1500, rate), **hosts)
    guest = tb.qemu("vm1", load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    wait_for("memory to arrive", lambda: destination.left_behind() > 1 << 20, 60)
    return a, b, guest, source, destination, session


def test_by_user(tb):
    """`abort` in pre-copy."""
    a, _, _, source, destination, session = _under_way(tb)
    a.call("abort", id=session.id, reason="a test")
    check_equal(session.wait_end()["result"], "aborted", "result")
    check_stays(source, destination, a)


def test_retry(tb):
    """A second migration after an abort succeeds."""
    a, b, guest, source, destination, session = _under_way(tb, rate="500M")
    a.call("abort", id=session.id)
    session.wait_end()
    check_stays(source, destination, a)
    destination.stop()
    move(guest, source, a, b)


def test_destination_daemon_dies(tb):
    """The destination's godwitd crashes in pre-copy; restarted, it gives back what had arrived."""
    a, b, guest, source, destination, session = _under_way(tb, wires=tb.veths(2, 1500, "200M"))
    b.daemon.kill()
    check(session.wait_end()["result"] in ("aborted", "failed"), "the session has ended")
    check_lives(source)
    check(destination.left_behind() > 0, "nobody has given back what arrived")
    b.start()
    check_stays(source, destination, a)
    destination.stop()
    a.wait_peer(b)
    move(guest, source, a, b)


def test_source_daemon_dies(tb):
    """The source's godwitd crashes in pre-copy: its guest never notices."""
    a, b, _, source, destination, _ = _under_way(tb)
    a.daemon.kill()
    check_lives(source)
    wait_for("the destination to give up", lambda: all(s["result"] for s in b.sessions()), 60)
    destination.wait_given_back()
    check(destination.state() != "running", "the destination does not run the guest")


def test_source_daemon_restarts(tb):
    """After a crash in pre-copy the restarted godwitd moves the guest."""
    a, b, guest, source, destination, _ = _under_way(tb, wires=tb.veths(2, 1500, "200M"))
    a.daemon.kill()
    wait_for("the destination to give up", lambda: all(s["result"] for s in b.sessions()), 60)
    destination.stop()
    a.start()
    a.wait_peer(b)
    move(guest, source, a, b)


def test_destination_hypervisor_dies(tb):
    """The destination's QEMU is killed in pre-copy."""
    a, _, _, source, destination, session = _under_way(tb)
    destination.process.kill()
    check(session.wait_end()["result"] in ("aborted", "failed"), "the session has ended")
    check_lives(source)


def test_source_hypervisor_dies(tb):
    """The source's QEMU is killed in pre-copy: the guest is gone, and not resurrected."""
    _, b, _, source, destination, session = _under_way(tb)
    source.process.kill()
    check(session.wait_end()["result"] in ("aborted", "failed"), "the session has ended")
    wait_for("the destination to give up", lambda: all(s["result"] for s in b.sessions()), 60)
    check(destination.state() != "running", "the destination does not run the guest")


def test_source_hypervisor_stalls(tb):
    """A QEMU that does not answer SYNC in time ends the session; the guest goes on afterwards."""
    a, _, _, source, destination, session = _under_way(tb, rate="300M", sync_timeout_ms=1000)
    source.process.signal(signal.SIGSTOP)
    check(session.wait_end()["result"] in ("aborted", "failed"), "the session has ended")
    source.process.signal(signal.SIGCONT)
    check_stays(source, destination, a)
