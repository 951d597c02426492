# SPDX-License-Identifier: BSD-3-Clause
"""Crashes around the commit point: exactly one host runs the guest afterwards, whichever it is."""

import random
import signal
import time

from common import LOAD, check, check_lives
from procs import wait_for


def _start(tb, **migration):
    a, b = tb.hosts(tb.memifs(2, 9000), **migration)
    guest = tb.qemu("vm1", load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    return a, b, source, destination, observer


def _runners(*instances):
    return [i for i in instances if i.state() == "running"]


def _settled(a, b, source, destination, observer):
    """Waits until one end runs the guest and no session goes on; judges it there."""
    wait_for("the guest to run somewhere", lambda: _runners(source, destination), 90, 0.1)
    wait_for("sessions to end",
             lambda: all(s["result"] for h in (a, b) for s in h.sessions()), 90, 0.1)
    runners = _runners(source, destination)
    check(len(runners) == 1, f"{len(runners)} ends run the guest")
    check_lives(runners[0])
    check(len(_runners(source, destination)) == 1, "exactly one end runs the guest")
    seen = observer.finish()
    check(seen["both_ran"] == 0, "the guest never ran twice")
    return runners[0]


def _held_in_switchover(tb):
    """The destination's QEMU does not answer, so that the switchover waits for its READY."""
    a, b, source, destination, observer = _start(tb)
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    destination.process.signal(signal.SIGSTOP)
    session.wait_phase("switchover")
    wait_for("the guest to be paused", lambda: source.state() != "running", 30)
    return a, b, source, destination, observer


def test_destination_dies_before_ready(tb):
    """The destination's godwitd crashes before READY: the source goes on, with its disk."""
    a, b, source, destination, observer = _held_in_switchover(tb)
    b.daemon.kill()
    destination.process.signal(signal.SIGCONT)
    b.start()
    check(_settled(a, b, source, destination, observer) is source, "the guest is at the source")


def test_source_dies_before_go(tb):
    """The source's godwitd crashes before GO: restarted, it resumes its guest."""
    a, b, source, destination, observer = _held_in_switchover(tb)
    a.daemon.kill()
    destination.process.signal(signal.SIGCONT)
    a.start()
    check(_settled(a, b, source, destination, observer) is source, "the guest is at the source")


def test_destination_hypervisor_dies_before_ready(tb):
    """The destination's QEMU is killed in the switchover: the source goes on."""
    a, b, source, destination, observer = _held_in_switchover(tb)
    destination.process.kill()
    check(_settled(a, b, source, destination, observer) is source, "the guest is at the source")


def test_load_fails(tb):
    """The destination's QEMU never answers in the switchover: the source goes on."""
    a, b, source, destination, observer = _held_in_switchover(tb)
    wait_for("the source to be resumed", lambda: source.state() == "running", 60, 0.1)
    destination.process.signal(signal.SIGCONT)
    check(_settled(a, b, source, destination, observer) is source, "the guest is at the source")


def _dies_somewhere(tb, host_index):
    a, b, source, destination, observer = _start(tb)
    session = a.migrate("vm1", b)
    session.wait_phase("switchover", "done")
    host = (a, b)[host_index]
    host.daemon.kill()
    host.start()
    _settled(a, b, source, destination, observer)


def test_source_dies_in_switchover(tb):
    """The source's godwitd crashes at any point of the switchover and comes back."""
    _dies_somewhere(tb, 0)


def test_destination_dies_in_switchover(tb):
    """The destination's godwitd crashes at any point of the switchover and comes back."""
    _dies_somewhere(tb, 1)


def _crash_round(tb, name, hosts, victim, phase, delay_s):
    """A native guest moves while hosts[victim] crashes and comes back; whether it has moved."""
    a, b = hosts
    guest = tb.native(name)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    session = a.migrate(name, b)
    session.wait_phase(phase, "done")
    time.sleep(delay_s)
    hosts[victim].daemon.kill()
    hosts[victim].start()
    runner = _settled(a, b, source, destination, observer)
    for instance in (source, destination):
        instance.stop()
    return runner is destination


def test_crashes_at_random(tb):
    """Either godwitd crashes, in pre-copy or around the commit: one end runs the guest."""
    seed = int(time.time())
    chance = random.Random(seed)
    hosts = tb.hosts(tb.veths(1, 1500, "2G"))
    moved = 0
    for i in range(8):
        victim = i % 2
        phase = "precopy" if i < 2 else "switchover"
        delay_s = chance.uniform(0, 0.04)
        what = f"round {i}: {'ab'[victim]} crashes {delay_s:.3f} s into {phase}, seed {seed}"
        print(f"    {what}")
        try:
            moved += _crash_round(tb, f"vm{i}", hosts, victim, phase, delay_s)
        except Exception as e:
            raise AssertionError(f"{what}: {e}") from e
        hosts[0].wait_peer(hosts[1])
    print(f"    {moved} of 8 had moved")
