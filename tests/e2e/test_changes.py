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
