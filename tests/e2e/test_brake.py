# SPDX-License-Identifier: BSD-3-Clause
"""Guests that dirty their memory faster than it can be sent: slowed, and never left slowed."""

import os
import re
import signal

from common import check, check_equal, check_lives, check_report, check_seen, check_stays
from procs import wait_for


def _stunned(instance):
    """How much of its time a synthetic guest stands still, in percent."""
    instance.state()
    return int(re.findall(r"stunned=(\d+)", instance.process.log())[-1])


def _parent(pid):
    """The parent of a process, None where that has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _quotas(instance):
    """How many of a QEMU's threads are in a cgroup of godwit's."""
    tasks, n = f"/proc/{instance.process.pid}/task", 0
    for tid in os.listdir(tasks):
        with open(f"{tasks}/{tid}/cgroup", encoding="ascii") as f:
            n += "/godwit-" in f.read()
    return n


def _traced(instance):
    """How many of a QEMU's threads somebody can stop."""
    tasks, n = f"/proc/{instance.process.pid}/task", 0
    for tid in os.listdir(tasks):
        with open(f"{tasks}/{tid}/status", encoding="ascii", errors="replace") as f:
            n += any(x.startswith("TracerPid:") and int(x.split()[1]) for x in f)
    return n


# Runs what follows where no cgroup can be seen.
NO_CGROUPS = ["unshare", "--mount", "sh", "-c",
              "awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts | xargs -r umount --lazy; exec \"$@\"",
              "sh"]


def _start_qemu(tb, before=()):
    """A QEMU that writes as much as it can in half of its memory, and narrow ports."""
    a, b = tb.hosts(tb.memifs(2, 9000, "0.1G"), start=False)
    for host in (a, b):
        host.before = list(before)
        host.start()
    a.wait_peer(b)
    guest = tb.qemu("vm1", backends=(128,), load="gw.rate=20000 gw.ram=50% gw.check=20000")
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    return a, b, source, destination


def _start(tb):
    """A guest that writes as fast as it can, and two ports that take 20 MB/s together."""
    a, b = tb.hosts(tb.memifs(2, 9000, "0.1G"))
    guest = tb.native("vm1", write_rate="max", ram_mib=32)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    return a, b, source, destination


def test_converges(tb):
    """It ends with no time limit, and the guest runs freely at the destination."""
    a, b, source, destination = _start(tb)
    observer = tb.observe(source, destination)
    observer.wait_found()
    report = a.migrate("vm1", b, verify=True, max_slowdown_percent=99).wait_completed()
    check_report(report)
    check(report["slowdown"]["max_percent"] > 50, f"the guest was slowed: {report['slowdown']}")
    check(0 < report["slowdown"]["lost_ms"] < report["slowdown"]["duration_ms"],
          f"what that took from it: {report['slowdown']}")
    check(any(p["slowdown_percent"] for p in report["timeline"]), "the timeline has it")
    check_equal(_stunned(destination), 0, "percent by which it is slowed at the destination")
    check_lives(destination)
    check_seen(observer)


def test_killed_while_slowed(tb):
    """godwitd dies while the guest is slowed: it is not any more."""
    a, b, source, destination = _start(tb)
    session = a.migrate("vm1", b, max_slowdown_percent=50)
    wait_for("the guest to be slowed", lambda: session.status()["slowdown_percent"] > 0, 60)
    check(_stunned(source) > 0, "the guest says that it is slowed")
    a.daemon.kill()
    wait_for("the brake to be off", lambda: _stunned(source) == 0, 30)
    check_equal(source.state(), "running", "state at the source")
    a.start()
    check_stays(source, destination, a)


def test_not_enough(tb):
    """As much as allowed is not enough: it ends as asked, and the guest is not slowed any more."""
    a, b, source, destination = _start(tb)
    end = a.migrate("vm1", b, max_slowdown_percent=10, on_slowdown_limit="abort").wait_end()
    check_equal(end["result"], "failed", "result")
    check("does not converge" in end["error"] and "10 %" in end["error"], end["error"])
    check_equal(_stunned(source), 0, "percent by which it is slowed after the end")
    check_stays(source, destination, a)


def test_not_enough_switches_over(tb):
    """As much as allowed is not enough, and the blackout may be as long as it is then."""
    a, b, source, destination = _start(tb)
    observer = tb.observe(source, destination)
    observer.wait_found()
    report = a.migrate("vm1", b, verify=True, max_slowdown_percent=10,
                       on_slowdown_limit="switchover").wait_completed()
    check_report(report)
    check(report["slowdown"]["max_percent"] <= 10, f"slowed: {report['slowdown']}")
    check_lives(destination)
    check_seen(observer)


def test_qemu_converges(tb):
    """A QEMU's vCPUs get a share of a CPU each until the rest is small enough."""
    a, b, source, destination = _start_qemu(tb)
    observer = tb.observe(source, destination)
    observer.wait_found()
    report = a.migrate("vm1", b, verify=True, max_slowdown_percent=99).wait_completed()
    check_report(report)
    check(report["slowdown"]["max_percent"] > 20, f"the guest was slowed: {report['slowdown']}")
    check_equal(_quotas(destination), 0, "threads with a quota at the destination")
    check_lives(destination)
    check_seen(observer)


def _slowed_qemu(tb, *options):
    """A migration that does not converge with what it may slow the guest by, which it does."""
    a, b, source, destination = _start_qemu(tb, *options)
    session = a.migrate("vm1", b, blackout_limit_ms=100, max_slowdown_percent=30)
    wait_for("the guest to be slowed", lambda: session.status()["slowdown_percent"] > 0, 90)
    return a, source, destination, session


def test_qemu_killed_while_slowed(tb):
    """godwitd dies while vCPUs have quotas: they have none any more."""
    a, source, destination, _ = _slowed_qemu(tb)
    check(_quotas(source) > 0, "a vCPU has a quota")
    a.daemon.kill()
    wait_for("the quotas to be lifted", lambda: _quotas(source) == 0, 30)
    check_equal(source.state(), "running", "state at the source")
    a.start()
    check_stays(source, destination, a)


def test_qemu_converges_by_turns(tb):
    """Without cgroups a QEMU's vCPUs stand still by turns until the rest is small enough."""
    a, b, source, destination = _start_qemu(tb, NO_CGROUPS)
    observer = tb.observe(source, destination)
    observer.wait_found()
    session = a.migrate("vm1", b, verify=True, max_slowdown_percent=99)
    wait_for("a vCPU to stand still by turns", lambda: _traced(source) > 0, 90)
    check_equal(_quotas(source), 0, "threads with a quota")
    report = session.wait_completed()
    check_report(report)
    check(report["slowdown"]["max_percent"] > 20, f"the guest was slowed: {report['slowdown']}")
    check_lives(destination)
    check_seen(observer)


def test_qemu_killed_while_it_stands_by_turns(tb):
    """godwitd and its attendant die while vCPUs stand still by turns: they run."""
    a, source, destination, _ = _slowed_qemu(tb, NO_CGROUPS)
    check(_traced(source) > 0, "a vCPU stands still by turns")
    attendants = [int(p) for p in os.listdir("/proc") if p.isdigit() and
                  _parent(p) == a.daemon.pid]
    check_equal(len(attendants), 1, "children of godwitd")
    a.daemon.signal(signal.SIGSTOP)  # it has no time to notice
    os.kill(attendants[0], signal.SIGKILL)
    a.daemon.kill()
    wait_for("the vCPUs to run freely", lambda: _traced(source) == 0, 30)
    check_equal(source.state(), "running", "state at the source")
    a.start()
    check_stays(source, destination, a)


def test_qemu_stopped_while_it_stands_by_turns(tb):
    """A person stops a guest whose vCPUs stand still by turns: no turn starts it again."""
    a, source, destination, session = _slowed_qemu(tb, NO_CGROUPS)
    source.call("stop")
    counter = source.read()["counter"]
    check_equal(session.wait_end()["result"], "completed", "result")
    check(source.state() in ("paused", "postmigrate", "gone"), f"source: {source.state()}")
    check_equal(destination.state(), "paused", "state at the destination")
    check_equal(destination.read()["counter"], counter, "the guest's counter")
