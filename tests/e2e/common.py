# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end tests share: how a migration is judged."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))

from procs import wait_for  # noqa: E402  pylint: disable=wrong-import-position

# Small and quick to check as a whole, so that a test can wait for full checks.
LOAD = "gw.rate=1000 gw.ram=40% gw.check=20000"


def check(true, what):
    """An assertion with words."""
    if not true:
        raise AssertionError(what)


def check_equal(got, expected, what):
    """An assertion that shows both sides."""
    check(got == expected, f"{what}: got {got!r}, expected {expected!r}")


def check_report(report):
    """A completed migration whose digests agree."""
    verify = report["verify"]
    check(verify["enabled"], "verify was on")
    check_equal(verify["mismatched"], 0, "pages that differ")


def check_lives(instance):
    """The guest runs here and finds nothing wrong in two more full checks."""
    instance.wait_advance()
    checks = instance.read()["checks"]
    wait_for("two more full checks by the guest",
             lambda: instance.read()["checks"] >= checks + 2, 60, 0.1)
    check_equal(instance.read()["errors"], 0, "errors that the guest counts")
    check("ERROR" not in instance.serial_text(), "the guest printed an error")


def check_seen(observer):
    """One move, and never two running guests; the observer's report."""
    seen = observer.finish()
    check_equal([m["to"] for m in seen["moves"]], ["destination"], "moves seen from outside")
    check_equal(seen["both_ran"], 0, "advances of a guest that had moved away")
    check(seen["destination"]["runs"], "the guest runs at the destination")
    check(not seen["source"]["runs"], "the guest does not run at the source")
    return seen


def move(guest, source, a, b, **params):
    """Moves a running guest and judges all of it; the instance at b and the report."""
    destination = guest.start(b, incoming=True)
    observer = guest.testbed.observe(source, destination)
    observer.wait_found()
    report = a.migrate(guest.name, b, **params).wait_completed()
    check_report(report)
    check_lives(destination)
    check_seen(observer)
    wait_for("the source's process to end", lambda: source.state() == "gone", 30)
    return destination, report


def check_stays(source, destination, a):
    """After an abort: the guest lives at the source, nothing is left at the destination."""
    check_lives(source)
    destination.wait_given_back()
    check(destination.state() != "running", "the destination does not run the guest")
    check_equal([s for s in a.sessions() if not s["result"]], [], "sessions that go on")
