# SPDX-License-Identifier: BSD-3-Clause
"""QEMU guests that arrive whole, in the shapes that QEMU gives them."""

import os

import places
from common import LOAD, check, check_equal, check_lives, check_report, check_seen, move
from procs import Skip, wait_for


def _move_once(tb, hosts=None, **options):
    a, b = hosts or tb.hosts(tb.memifs(2, 9000))
    guest = tb.qemu("vm1", **{"load": LOAD, **options})
    source = guest.start(a)
    source.wait_ready()
    return move(guest, source, a, b)


def test_one_backend(tb):
    """The plain case, with a disk whose image is locked."""
    destination, _ = _move_once(tb)
    steps = destination.serial_text().rsplit("disk=", 1)
    wait_for("the guest to use its disk at the destination",
             lambda: int(destination.serial_text().rsplit("disk=", 1)[-1].split()[0]) >= 5
             if "disk=" in destination.serial_text() else False, 30, 0.1)
    check(steps, "disk steps are printed")


def test_there_and_back_and_there(tb):
    """A to B to A to B, over four ports with a small MTU."""
    a, b = tb.hosts(tb.memifs(4, 1500))
    guest = tb.qemu("vm1", load=LOAD)
    at = guest.start(a)
    at.wait_ready()
    b.wait_peer(a)
    for here, there in ((a, b), (b, a), (a, b)):
        at, _ = move(guest, at, here, there)


def test_two_backends(tb):
    """Two memory backends, a NUMA node each."""
    _move_once(tb, backends=(64, 96))


def test_above_4_gib(tb):
    """Guest addresses above the hole below 4 GiB; most of the memory was never touched."""
    destination, _ = _move_once(tb, backends=(5120,), load="gw.rate=500 gw.ram=64M gw.check=16000")
    check(destination.guest.page.offset > 3 << 30, "the load lies above the first 3 GiB")
    used = sum(os.stat(p).st_blocks * 512 for p in destination.ram_paths())
    check(used < 1 << 30, f"holes stayed holes at the destination ({used >> 20} MiB are used)")


def test_large_state(tb):
    """Device state that no pipe holds at once: a card's ROM, which QEMU saves with it."""
    rom = tb.directory / "rom.bin"
    rom.write_bytes(os.urandom(3 << 20))
    _, report = _move_once(tb, extra=["-device", f"virtio-rng-pci,romfile={rom}"])
    check(report["state_bytes"] > 3 << 20, f"the ROM went along ({report['state_bytes']} bytes)")


def test_dirty_destination_file(tb):
    """What lay in the destination's RAM file before is gone: holes of the source read as zero."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest = tb.qemu("vm1", load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    with open(tb.ram_directory / "vm1-b-2.m0", "wb") as f:
        for _ in range(128):
            f.write(b"\xaa" * (1 << 20))
    destination, _ = move(guest, source, a, b)
    check("Kernel panic" not in destination.serial_text(), "the guest's kernel is well")


def _can_gather():
    """Whether this kernel has huge pages for shared memory (MADV_COLLAPSE, Linux 6.1)."""
    try:
        with open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", encoding="ascii") as f:
            return "[deny]" not in f.read()
    except OSError:
        return False


def _huge_mib(instance):
    """Guest memory that its QEMU maps in huge pages."""
    with open(f"/proc/{instance.process.pid}/smaps", encoding="ascii") as f:
        return sum(int(x.split()[1]) for x in f if x.startswith("ShmemPmdMapped:")) >> 10


def test_preallocated(tb):
    """Memory that QEMU took when it started arrives in place, and stays taken."""
    destination, _ = _move_once(tb, prealloc=True)
    used = sum(os.stat(p).st_blocks * 512 for p in destination.ram_paths())
    check_equal(used, 128 << 20, "bytes of the destination's file that are there")


def test_preallocated_is_gathered(tb):
    """Memory that QEMU takes when it starts is in huge pages before anybody comes."""
    if not _can_gather():
        raise Skip("this kernel gathers no huge pages in shared memory")
    a, b = tb.hosts(tb.memifs(1, 9000))
    guest = tb.qemu("vm1", backends=(64, 64), prealloc=True, load=LOAD)
    running, waiting = guest.start(a), guest.start(b, incoming=True)
    for instance in (running, waiting):
        wait_for("the memory to be gathered", lambda i=instance: _huge_mib(i) == 128, 30, 0.1)
    running.wait_ready()
    waiting.stop()
    move(guest, running, a, b)


def _qemu10():
    root = places.qemu10_root()
    if not root:
        raise Skip("no QEMU 10: scripts/qemu10 gets it")
    return root


def test_qemu_10(tb):
    """The newer QEMU that was unpacked beside this system, if any."""
    _move_once(tb, qemu=_qemu10())


def test_preload(tb):
    """Attached by LD_PRELOAD, as for a QEMU without plugins."""
    _move_once(tb, attach="preload")


def test_qemu_10_preload(tb):
    """Both: the newer QEMU, with what the preloaded library finds in it by name."""
    _move_once(tb, qemu=_qemu10(), attach="preload")


def test_balloon_in_precopy(tb):
    """A guest that gives memory back while it is being sent arrives whole."""
    a, b = tb.hosts(tb.memifs(2, 1500, "300M"))
    guest = tb.qemu("vm1", backends=(256,), balloon=True,
                    load="gw.rate=500 gw.ram=20% gw.check=12000 gw.free=96M")
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    source.call("balloon", value=144 << 20)
    check_report(session.wait_completed())
    check_lives(destination)
    check_seen(observer)
    # And takes it again: what it finds there is checked by the guest's own kernel and load.
    destination.call("balloon", value=256 << 20)
    wait_for("the balloon to deflate",
             lambda: destination.call("query-balloon")["actual"] == 256 << 20, 60, 0.1)
    check_lives(destination)


def _used_mib(instance):
    return sum(os.stat(p).st_blocks * 512 for p in instance.ram_paths()) >> 20


def test_balloon_after_sending(tb):
    """Pages that were sent and are holes now, which no tracking tells, are holes at both ends."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    # Without init_on_alloc the guest does not write a page before it gives it away.
    guest = tb.qemu("vm1", backends=(256,), balloon=True,
                    load="init_on_alloc=0 gw.rate=500 gw.ram=20% gw.check=12000 gw.free=96M")
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    # A limit that cannot be met keeps it in pre-copy.
    session = a.migrate("vm1", b, blackout_limit_ms=1)
    wait_for("memory to be sent", lambda: session.status()["epoch"] >= 2, 60)
    before = _used_mib(source)
    source.call("balloon", value=144 << 20)
    wait_for("pages to be given back", lambda: _used_mib(source) < before - 40, 60)
    a.call("set", id=session.id, blackout_limit_ms=5000)
    check_report(session.wait_completed())
    check_lives(destination)
    check_seen(observer)
    check(_used_mib(destination) < before - 32,
          f"ballooned pages are holes: {_used_mib(destination)} MiB used, {before} before")


def test_paused_stays_paused(tb):
    """A guest found paused is moved and not resumed."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest = tb.qemu("vm1", load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    source.call("stop")
    before = source.read()
    destination = guest.start(b, incoming=True)
    check_report(a.migrate("vm1", b).wait_completed())
    check_equal(destination.state(), "paused", "state at the destination")
    check_equal(destination.read(), before, "the guest's page, unchanged")
    destination.call("cont")
    check_lives(destination)
