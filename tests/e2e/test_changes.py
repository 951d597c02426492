# SPDX-License-Identifier: BSD-3-Clause
"""A guest that ends by itself while it is being moved."""

from common import LOAD, check, check_equal
from procs import wait_for


def _in_precopy(tb, load=LOAD, extra=()):
    """A migration whose limit cannot be met: it stays in pre-copy."""
    a, b = tb.hosts(tb.memifs(1, 9000))
    guest = tb.qemu("vm1", load=load, extra=extra)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    session = a.migrate("vm1", b, blackout_limit_ms=1)
    session.wait_phase("precopy")
    return a, source, destination, session


def test_shuts_down(tb):
    """The guest powers off: nothing is left to move, and nobody brings it back."""
    a, source, destination, session = _in_precopy(tb, LOAD + " gw.poweroff=10", ["-no-shutdown"])
    ended = session.wait_end()
    check(ended["result"] in ("aborted", "failed"), f"the session has ended: {ended}")
    check_equal(source.state(), "shutdown", "state of the source")
    check(destination.state() != "running", "the destination does not run the guest")
    wait_for("sessions to end", lambda: all(s["result"] for s in a.sessions()), 30)


def _goes_on(a, source, destination, session, why):
    """The session ended for that reason, and the guest never noticed."""
    ended = session.wait_end()
    check_equal(ended["result"], "failed", f"how the session ended: {ended}")
    check(why in ended["error"], f"the reason names it: {ended['error']}")
    source.wait_advance(100)
    check_equal(source.read()["errors"], 0, "errors that the guest found")
    check(destination.state() != "running", "the destination does not run the guest")
    check_equal([s["result"] for s in a.sessions()], ["failed"], "sessions")


def test_hot_plugs(tb):
    """A device that the destination lacks is found before the pause."""
    a, source, destination, session = _in_precopy(tb)
    source.call("device_add", driver="virtio-rng-pci", id="late")
    a.call("set", vm="vm1", blackout_limit_ms=10000)
    _goes_on(a, source, destination, session, "devices were plugged")


def test_block_job(tb):
    """A job that writes to the disk from now on cannot come along."""
    a, source, destination, session = _in_precopy(tb)
    copy = tb.directory / "copy.disk"
    with open(copy, "wb") as f:
        f.truncate(16 << 20)
    source.call("blockdev-add", **{"driver": "file", "node-name": "copy", "filename": str(copy)})
    source.call("blockdev-mirror", **{"job-id": "mirror", "device": "d0", "target": "copy",
                                      "sync": "full"})
    _goes_on(a, source, destination, session, "job")
