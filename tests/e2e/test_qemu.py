# SPDX-License-Identifier: BSD-3-Clause
"""QEMU guests that arrive whole, in the shapes that QEMU gives them."""

import os

import places
from common import LOAD, check, check_equal, check_lives, check_report, check_seen, move
from procs import wait_for
from runner import Skip


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


def test_two_backends(tb):
    """Two memory backends, a NUMA node each."""
    _move_once(tb, backends=(64, 96))


def test_above_4_gib(tb):
    """Guest addresses above the hole below 4 GiB; most of the memory was never touched."""
    destination, _ = _move_once(tb, backends=(5120,), load="gw.rate=500 gw.ram=64M gw.check=16000")
    check(destination.guest.page.offset > 3 << 30, "the load lies above the first 3 GiB")
    used = sum(os.stat(p).st_blocks * 512 for p in destination.ram_paths())
    check(used < 1 << 30, f"holes stayed holes at the destination ({used >> 20} MiB are used)")


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


def test_qemu_10(tb):
    """The newer QEMU that was unpacked beside this system, if any."""
    root = places.qemu10_root()
    if not root:
        raise Skip("no QEMU 10 (GODWIT_QEMU10, or debootstrap trixie /opt/trixie)")
    _move_once(tb, qemu=root)


def test_preload(tb):
    """Attached by LD_PRELOAD, as for a QEMU without plugins."""
    _move_once(tb, attach="preload")


def test_balloon_in_precopy(tb):
    """Pages that the guest gives back while they are being sent become holes at both ends."""
    a, b = tb.hosts(tb.memifs(2, 1500, "300M"))
    guest = tb.qemu("vm1", balloon=True, load="gw.rate=500 gw.ram=20% gw.check=8000 gw.free=64M")
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    source.call("balloon", value=72 << 20)
    report = session.wait_completed()
    check_report(report)
    check_lives(destination)
    check_seen(observer)
    used = sum(os.stat(p).st_blocks * 512 for p in destination.ram_paths())
    check(used < 120 << 20, f"ballooned pages are holes at the destination ({used >> 20} MiB used)")


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
