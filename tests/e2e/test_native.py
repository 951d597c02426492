# SPDX-License-Identifier: BSD-3-Clause
"""Synthetic guests (native hypervisor): moved there and back, two at once, and writing at save."""

from common import check, check_equal, check_lives, check_report, check_seen, move
from rpc import RpcError


def _start(tb, host, name="vm1", **options):
    guest = tb.native(name, **options)
    source = guest.start(host)
    source.wait_ready()
    return guest, source


def test_moves(tb):
    """A to B."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest, source = _start(tb, a)
    move(guest, source, a, b)


def test_there_and_back_and_there(tb):
    """A to B to A to B: no state of an earlier move is in the way."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest, at = _start(tb, a)
    b.wait_peer(a)
    for here, there in ((a, b), (b, a), (a, b)):
        at, _ = move(guest, at, here, there)


def test_two_at_once(tb):
    """Two sessions between the same hosts share the ports."""
    a, b = tb.hosts(tb.memifs(2, 9000, "2G"))
    pairs = []
    for name in ("vm1", "vm2"):
        guest, source = _start(tb, a, name)
        destination = guest.start(b, incoming=True)
        observer = tb.observe(source, destination)
        observer.wait_found()
        pairs.append((guest, destination, observer))
    sessions = [a.migrate(guest.name, b) for guest, _, _ in pairs]
    for session, (_, destination, observer) in zip(sessions, pairs):
        check_report(session.wait_completed())
        check_lives(destination)
        check_seen(observer)


def test_opposite_ways(tb):
    """One guest goes from A to B while another goes from B to A."""
    a, b = tb.hosts(tb.memifs(2, 9000, "2G"))
    b.wait_peer(a)
    moves = []
    for name, here, there in (("vm1", a, b), ("vm2", b, a)):
        guest, source = _start(tb, here, name)
        destination = guest.start(there, incoming=True)
        observer = tb.observe(source, destination)
        observer.wait_found()
        moves.append((guest, here, there, destination, observer))
    sessions = [here.migrate(guest.name, there) for guest, here, there, _, _ in moves]
    for session, (_, _, _, destination, observer) in zip(sessions, moves):
        check_report(session.wait_completed())
        check_lives(destination)
        check_seen(observer)


def test_writes_at_save(tb):
    """A guest that writes its memory while its device state is saved arrives whole."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest, source = _start(tb, a, extra=["--save-writes", 64])
    move(guest, source, a, b)


def test_push_source(tb):
    """A guest that tells its writes itself instead of being write-protected."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest, source = _start(tb, a, extra=["--source", "push"])
    move(guest, source, a, b)


def test_holes_and_zeros(tb):
    """Pages that were never touched, and pages that become zero and something again."""
    a, b = tb.hosts(tb.memifs(2, 1500))
    guest, source = _start(tb, a, extra=["--holes", 30, "--zero", 30])
    move(guest, source, a, b)


def test_several_regions(tb):
    """Memory in four files."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest, source = _start(tb, a, regions=4)
    move(guest, source, a, b)


def test_source_process_dies(tb):
    """The exporting process is killed in pre-copy: the session ends, the next guest can move."""
    a, b = tb.hosts(tb.memifs(2, 1500, "200M"))
    guest, source = _start(tb, a)
    destination = guest.start(b, incoming=True)
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    source.process.kill()
    check(session.wait_end()["result"] in ("aborted", "failed"), "the session has ended")
    check(destination.state() != "running", "the destination does not run the guest")
    guest, source = _start(tb, a, "vm2")
    move(guest, source, a, b)


def test_second_session_refused(tb):
    """One session for a VM at a time."""
    a, b = tb.hosts(tb.memifs(1, 1500, "100M"))
    guest, source = _start(tb, a)
    guest.start(b, incoming=True)
    session = a.migrate("vm1", b)
    try:
        a.migrate("vm1", b)
        raise AssertionError("a second session was admitted")
    except RpcError as e:
        check_equal(e.code, 3, "the code of a conflict")
    a.call("abort", id=session.id)
    check(session.wait_end()["result"] == "aborted", "aborted")
    check_lives(source)


def test_limit_that_cannot_be_met(tb):
    """Round trips and state alone take longer than the limit: said, and decided by the policy."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    a.config["migration"].update(on_slowdown_limit="switchover")
    for host in (a, b):
        host.start()
    a.wait_peer(b)
    guest, _ = _start(tb, a)
    guest.start(b, incoming=True)
    a.migrate("vm1", b, blackout_limit_ms=1).wait_completed()
    check("cannot be met" in a.daemon.log(), "the log says why")
