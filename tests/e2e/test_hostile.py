# SPDX-License-Identifier: BSD-3-Clause
"""Hypervisor processes that do not mean well: their session ends, others go on to their end."""

import os
import signal

import places
from common import check, check_equal, check_lives, check_report, check_seen
from procs import Skip, wait_for
from rpc import RpcError

MIB = 32
LIAR = places.TOP / "scripts" / "lib" / "liar.py"


class Honest:
    """A session between the same hosts, slow as long as it is told, that must not be touched."""

    def __init__(self, tb, a, b):
        self.a = a
        self.guest = tb.native("honest")
        self.source = self.guest.start(a)
        self.source.wait_ready()
        self.destination = self.guest.start(b, incoming=True)
        self.observer = tb.observe(self.source, self.destination)
        self.observer.wait_found()
        self.session = a.migrate("honest", b, rate="20M")
        self.session.wait_phase("precopy")

    def finish(self):
        """It still runs; now it may go as fast as it can, and must arrive whole."""
        check_equal(self.session.status()["result"], None, "the honest session's result so far")
        self.a.call("set", vm="honest", rate=0)
        check_report(self.session.wait_completed())
        check_lives(self.destination)
        check_seen(self.observer)


def _hosts(tb):
    a, b = tb.hosts(tb.memifs(1, 9000, "300M"), sync_timeout_ms=1000)
    b.wait_peer(a)
    return a, b, Honest(tb, a, b)


def _liar(tb, host, name, lie):
    memory = tb.ram_directory / f"{name}-{host.name}"
    argv = ["/usr/bin/python3", LIAR, host.vm_dir / f"{name}.export", memory, MIB, lie]
    process = tb.process(f"{name}-{host.name}", argv,
                         env={"LIAR_DISK": str(tb.directory / f"{name}-{host.name}.disk")})
    wait_for(f"{name} to listen", lambda: process.check() or "ready" in process.log())
    return process


def _guest(tb, host, name, incoming):
    guest = tb.native(name, ram_mib=MIB, write_rate=0)
    return guest.start(host, incoming=incoming)


def _outcome(a, b, name, act=None):
    """What became of a migration, in words: a refusal, or a session that did not complete."""
    try:
        session = a.migrate(name, b)
    except RpcError as e:
        check(e.code in (1, 2), f"{name}: refused: {e}")
        return f"{e} {e.data}"
    if act:
        act(session)
    status = session.wait_end(60)
    check(status["result"] in ("aborted", "failed"), f"{name}: {status['result']}")
    return status["error"]


def _source_lies(tb, a, b, lie, words, act=None):
    """Words must be in what is said of the session's end."""
    name = f"liar-{lie}"
    process = _liar(tb, a, name, lie)
    honest_end = _guest(tb, b, name, incoming=True)
    said = _outcome(a, b, name, (lambda session: act(session, process)) if act else None)
    check(words in said, f"{lie}: {words!r} is in {said!r}")
    check(honest_end.state() != "running", f"{lie}: the destination does not run")
    for host in (a, b):
        host.daemon.check()
    process.kill()
    honest_end.stop()


def _destination_lies(tb, a, b, lie, words, act=None):
    name = f"liar-{lie}"
    source = _guest(tb, a, name, incoming=False)
    process = _liar(tb, b, name, f"incoming:{lie}")
    said = _outcome(a, b, name, (lambda session: act(session, process)) if act else None)
    check(words in said, f"{lie}: {words!r} is in {said!r}")
    wait_for(f"{lie}: the source's guest to run", lambda: source.state() == "running", 30)
    for host in (a, b):
        host.daemon.check()
    process.kill()
    source.stop()


def _in_mid_copy(session, process):
    """Pages go, and many are left."""
    session.wait_phase("precopy")
    wait_for("pages to go", lambda: session.status()["remaining_bytes"] < MIB << 20, 60, 0.005)
    process.signal(signal.SIGUSR2)


def test_borrowed_identity(tb):
    """Another's sockets under a name of one's own, or his process number: he is not touched."""
    a, b, honest = _hosts(tb)
    victim = _guest(tb, a, "victim", incoming=False)
    (a.vm_dir / "link.export").symlink_to(a.vm_dir / "victim.export")
    os.link(a.vm_dir / "victim.export", a.vm_dir / "hard-link.export")
    for name, words in (("link", "link.export is a symbolic link; allowed: a socket"),
                        ("hard-link", "HELLO is of VM 'victim'; allowed: 'hard-link'")):
        destination = _guest(tb, b, name, incoming=True)
        said = _outcome(a, b, name)
        check(words in said, f"{words!r} is in {said!r}")
        check_equal(victim.state(), "running", f"the victim after {name}")
        check(destination.state() != "running", f"{name}: the destination does not run")
        destination.stop()
    for lie, words in (("name", "HELLO is of VM 'another'; allowed: 'liar-name'"),
                       ("maker-ended", "which made it, has ended; allowed: a socket whose maker")):
        _source_lies(tb, a, b, lie, words)
        _destination_lies(tb, a, b, lie, words)
    honest.finish()


def test_lying_rings(tb):
    """Impossible entries, cursors and heads."""
    a, b, honest = _hosts(tb)
    for lie in ("ring-region", "ring-page", "ring-run", "ring-head", "ring-back",
                "synced-ahead"):
        _source_lies(tb, a, b, lie, "ring")
    _source_lies(tb, a, b, "synced-epoch", "SYNCED for epoch")
    _source_lies(tb, a, b, "fd-ring-unsealed", "not sealed")
    honest.finish()


def test_wrong_descriptors(tb):
    """What is no memory is not mapped, at either end."""
    a, b, honest = _hosts(tb)
    wrong = {"fd-none": "1 descriptors", "fd-pipe": "not a file", "fd-fifo": "not a file",
             "fd-directory": "not a file", "fd-device": "not a file",
             "fd-path": "reading and writing", "fd-readonly": "reading and writing",
             "fd-small": "do not fit"}
    for lie, words in wrong.items():
        _source_lies(tb, a, b, lie, words)
        _destination_lies(tb, a, b, lie, words)
    _destination_lies(tb, a, b, "fd-sealed", "cannot be mapped")
    honest.finish()


def test_memory_on_disk(tb):
    """A file whose pages somebody else may keep back, whatever is said of it."""
    if os.stat(tb.directory).st_dev == os.stat("/dev/shm").st_dev:
        raise Skip("/tmp is a tmpfs here")
    a, b, honest = _hosts(tb)
    _source_lies(tb, a, b, "fd-disk", "neither tmpfs nor hugetlbfs")
    _destination_lies(tb, a, b, "fd-disk", "neither tmpfs nor hugetlbfs")
    honest.finish()


def test_shrinking_memory(tb):
    """A memory file is cut off while poll cores and helper threads are in it."""
    a, b, honest = _hosts(tb)
    words = "memory file shrank"
    _source_lies(tb, a, b, "shrink", words, _in_mid_copy)
    _source_lies(tb, a, b, "shrink-at-pause", words)
    _destination_lies(tb, a, b, "shrink", words, _in_mid_copy)
    honest.finish()


def test_vanishing(tb):
    """The process is gone from one moment to the next."""
    a, b, honest = _hosts(tb)
    _source_lies(tb, a, b, "vanish", "the exporter is gone", _in_mid_copy)
    _destination_lies(tb, a, b, "vanish", "the exporter is gone", _in_mid_copy)
    honest.finish()


def test_stalls(tb):
    """It takes what it is asked, and does not answer."""
    a, b, honest = _hosts(tb)
    for lie, words in (("stall-hello", "does not say HELLO"),
                       ("stall-start", "did not start tracking in time"),
                       ("stall-sync", "did not give all dirty pages within 1000 ms")):
        _source_lies(tb, a, b, lie, words)
    _destination_lies(tb, a, b, "stall-hello", "does not say HELLO")
    honest.finish()


def test_floods(tb):
    """It sends more than it was asked for, or no messages at all."""
    a, b, honest = _hosts(tb)
    _source_lies(tb, a, b, "flood", "nobody asked for")
    for lie, words in (("flood-hello", "unexpected message"), ("babble", "a packet of 600 bytes"),
                       ("long", "a packet longer"), ("refuse", "not terminated text")):
        _source_lies(tb, a, b, lie, words)
        _destination_lies(tb, a, b, lie, words)
    honest.finish()


def test_lying_state(tb):
    """A device state that is not there, or larger than any."""
    a, b, honest = _hosts(tb)
    for lie, words in (("state-size", "do not fit the descriptor"),
                       ("state-pipe", "do not fit the descriptor"), ("state-huge", "the limit is")):
        _source_lies(tb, a, b, lie, words)
    honest.finish()
