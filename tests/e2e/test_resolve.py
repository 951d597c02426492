# SPDX-License-Identifier: BSD-3-Clause
"""What a person may say of a guest whose other host does not come back, and what is refused."""

from arena import Arena
from common import check, check_equal, check_lives
from faults import ALL, DESTINATION, SOURCE, Hold
from procs import wait_for


def _lose_destination(tb):
    """A guest was handed over to a host that is off since; the arena and the session's status."""
    arena = Arena(tb)
    arena.ready()
    arena.hold(SOURCE).set("GONE")
    arena.begin()
    daemon = arena.host(SOURCE).daemon
    check(arena.hold(SOURCE).wait(daemon.pid, 60, lambda: False), "it stopped before GO")
    ALL["godwitd-destination"](arena)
    ALL["qemu-destination"](arena)
    daemon.signal(Hold.GO_ON)
    host = arena.host(SOURCE)
    status = wait_for("the source to miss the destination",
                      lambda: next((s for s in host.sessions() if s["error"]), None), 30)
    check("godwitctl resolve" in status["error"], f"the way out is named: {status['error']}")
    check_equal(status["result"], None, "result")
    return arena, host, status


def _resolve(host, session, *args):
    """(exit code, what it printed) of godwitctl resolve."""
    code, out, err = host.ctl("resolve", session, *args, check=False)
    return code, out + err


def _refused(host, session, args, code, words):
    got, text = _resolve(host, session, *args)
    check_equal(got, code, f"exit code of resolve {' '.join(args)}: {text}")
    # godwitctl wraps lines.
    check(words in " ".join(text.split()), f"{words!r} in {text!r}")


def test_running_here(tb):
    """The guest goes on at the source, once somebody is sure."""
    arena, host, status = _lose_destination(tb)
    vm = status["vm"]
    _refused(host, vm, ["--as", "running-here"], 4, "--sure")
    check_equal(arena.source.state() == "running", False, "the guest runs")
    _refused(host, vm, ["--as", "somewhere"], 2, "running-here, running-there or gone")
    _refused(host, vm, ["--as"], 2, "--as")
    _refused(host, "nobody", ["--as", "gone"], 5, "no such session")
    code, text = _resolve(host, vm, "--as", "running-here", "--sure")
    check_equal(code, 0, text)
    check_lives(arena.source)
    ended = wait_for("the session's end",
                     lambda: next((s for s in host.sessions() if s["result"]), None), 30)
    check("by a person" in ended["error"], f"the report says who: {ended['error']}")
    _refused(host, vm, ["--as", "gone"], 8, "has ended")
    check_equal(arena.records([host]), [], "records that are left at the source")


def test_running_there(tb):
    """The source lets go: its hypervisor ends."""
    arena, host, status = _lose_destination(tb)
    code, text = _resolve(host, status["id"], "--as", "running-there")
    check_equal(code, 0, text)
    wait_for("the source's hypervisor to end", lambda: arena.source.state() == "gone", 30)
    wait_for("the session's end", lambda: all(s["result"] for s in host.sessions()), 30)


def test_not_in_flight(tb):
    """Before the hand-over there is nothing to resolve; abort is named."""
    arena = Arena(tb)
    arena.ready()
    arena.hold(SOURCE).set("SENDING")
    arena.begin()
    daemon = arena.host(SOURCE).daemon
    check(arena.hold(SOURCE).wait(daemon.pid, 60, lambda: False), "it stopped in pre-copy")
    for wire in arena.wires:
        wire.pull()
    daemon.signal(Hold.GO_ON)
    vm = arena.source.guest.name
    _refused(arena.host(SOURCE), vm, ["--as", "running-here", "--sure"], 8, "godwitctl abort")
    wait_for("the destination's session", lambda: arena.host(DESTINATION).sessions(), 30)
    _refused(arena.host(DESTINATION), vm, ["--as", "gone"], 8, "resolve at the source")
    check_lives(arena.source)


def test_kept_outcome(tb):
    """What a destination keeps for a source that never says END is dropped on a person's word."""
    arena = Arena(tb)
    arena.ready()
    arena.hold(SOURCE).set("QUITTING")
    arena.begin()
    daemon = arena.host(SOURCE).daemon
    check(arena.hold(SOURCE).wait(daemon.pid, 60, lambda: False), "it stopped before the end")
    daemon.kill()
    host = arena.host(DESTINATION)
    wait_for("the destination's session to end",
             lambda: all(s["result"] for s in host.sessions()), 30)
    session = host.sessions()[0]["id"]
    # The source's own record is there, too: it would ask.
    check_equal(sorted(arena.records()), ["go", "running"], "records")
    _refused(host, session, ["--as", "gone"], 8, "only running-here is true")
    code, text = _resolve(host, session, "--as", "running-here")
    check_equal(code, 0, text)
    check_equal(arena.records(), ["go"], "records that are left")
    check_lives(arena.destination)
