# SPDX-License-Identifier: BSD-3-Clause
"""Programs that are run before the pause, after the resume, and when a migration comes to nothing."""

import json
import os

from common import check, check_equal, check_lives, check_stays, move
from procs import wait_for


def _hook(folder, point, body):
    """A program that keeps what it was told, and then does as body says."""
    path = folder / point
    path.write_text(f"#!/bin/sh\ncat > {folder}/told-{point}.new && "
                    f"mv {folder}/told-{point}.new {folder}/told-{point}\n{body}\n",
                    encoding="ascii")
    path.chmod(0o755)


def _told(host, point):
    with open(host.hooks / f"told-{point}", encoding="utf-8") as f:
        return json.load(f)


def _hosts(tb, bodies=None, **options):
    """Two hosts with all three hooks; bodies: what a's do, by name."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    for host in (a, b):
        host.hooks = tb.directory / f"hooks-{host.name}"
        host.hooks.mkdir(mode=0o755)
        host.config["hooks"] = {"directory": str(host.hooks), **options}
        for point in ("before-pause", "after-resume", "on-abort"):
            _hook(host.hooks, point, (bodies or {}).get(point, "") if host is a else "")
        host.start()
    a.wait_peer(b)
    return a, b


def _guest(tb, a):
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    return guest, source


def test_told(tb):
    """Each runs on the right end, once it is time, with the session on stdin."""
    a, b = _hosts(tb, {"before-pause": "echo to the log"}, required=True)
    guest, source = _guest(tb, a)
    _, report = move(guest, source, a, b)
    told = _told(a, "before-pause")
    check_equal((told["vm"], told["role"], told["peer"], told["hook"], told["phase"]),
                ("vm1", "source", "b", "before-pause", "precopy"), "before-pause")
    check_equal(told["id"], report["id"], "the session's id")
    wait_for("after-resume", lambda: os.path.exists(b.hooks / "told-after-resume"), 30)
    told = _told(b, "after-resume")
    check_equal((told["vm"], told["role"], told["peer"], told["hook"], told["result"]),
                ("vm1", "destination", "a", "after-resume", None), "after-resume")
    for host, point in ((a, "after-resume"), (b, "before-pause"), (a, "on-abort"), (b, "on-abort")):
        check(not os.path.exists(host.hooks / f"told-{point}"), f"no {point} at {host.name}")
    check("hook before-pause: to the log" in a.daemon.log(), "what it prints is logged")


def _aborts(tb, body, why, **options):
    """A before-pause that fails: the guest stays, both ends are told."""
    a, b = _hosts(tb, {"before-pause": body}, required=True, **options)
    guest, source = _guest(tb, a)
    destination = guest.start(b, incoming=True)
    end = a.migrate("vm1", b).wait_end()
    check_equal(end["result"], "failed", "result")
    check_equal(end["error"], why, "error")
    check_stays(source, destination, a)
    for host, role in ((a, "source"), (b, "destination")):
        told = host.hooks / "told-on-abort"
        wait_for(f"on-abort at {host.name}", lambda path=told: os.path.exists(path), 30)
        told = _told(host, "on-abort")
        check_equal(told["role"], role, f"on-abort at {host.name}")
        check(told["error"] != "", "it says why")


def test_failing(tb):
    """One that fails aborts where it is required."""
    _aborts(tb, "exit 4", "hook before-pause failed with status 4")


def test_slow(tb):
    """One that takes too long is killed, and has failed."""
    _aborts(tb, "sleep 1000", "hook before-pause was killed after its limit of 300 ms",
            timeout_ms=300)


def test_failing_not_required(tb):
    """One that fails is logged, and the guest moves."""
    a, b = _hosts(tb, {"before-pause": "exit 4"})
    guest, source = _guest(tb, a)
    move(guest, source, a, b)
    check("hook before-pause failed with status 4" in a.daemon.log(), "it is logged")


def test_writable(tb):
    """One that others may write is not run; nor does godwitd start with it."""
    a, b = _hosts(tb, required=True)
    guest, source = _guest(tb, a)
    destination = guest.start(b, incoming=True)
    (a.hooks / "before-pause").chmod(0o757)
    end = a.migrate("vm1", b).wait_end()
    check(f"hooks: {a.hooks}/before-pause is writable by others (mode 0757)" in end["error"],
          end["error"])
    check(not os.path.exists(a.hooks / "told-before-pause"), "it was not run")
    check_stays(source, destination, a)
    a.daemon.stop()
    a.start(wait=False)
    wait_for("godwitd to refuse", lambda: "is writable by others" in a.daemon.log() and
             not a.daemon.running(), 30)


def test_attendant_killed(tb):
    """Without the attendant a required hook cannot be run, and the guest stays."""
    a, b = _hosts(tb, required=True)
    guest, source = _guest(tb, a)
    destination = guest.start(b, incoming=True)
    with open(f"/proc/{a.daemon.pid}/task/{a.daemon.pid}/children", encoding="ascii") as f:
        attendant = [int(pid) for pid in f.read().split()]
    check_equal(len(attendant), 1, "children of godwitd")
    os.kill(attendant[0], 9)
    wait_for("godwitd to notice", lambda: "the attendant process" in a.daemon.log(), 30)
    end = a.migrate("vm1", b).wait_end()
    check("the attendant process is gone" in end["error"], end["error"])
    check_stays(source, destination, a)
    check_lives(source)
