# SPDX-License-Identifier: BSD-3-Clause
"""What cannot be moved safely is refused by name, before anything has happened."""

import os
import socket
import struct

import places
from common import LOAD, check, check_equal, check_lives
from procs import Skip
from rpc import RpcError

PAUSE, RESUME, SAVE = 8, 10, 12  # requests of dataplane/export/godwit_export.h
VIRTIO_MEM = {
    "backends": (256,), "load": "gw.rate=500 gw.ram=10%",
    "extra": ["-m", "256M,maxmem=1G", "-object",
              "memory-backend-file,id=vm0,size=64M,mem-path=/dev/shm,share=on", "-device",
              "virtio-mem-pci,memdev=vm0"]}


def _refused(tb, *codes, seen=True, **options):
    """Starts a guest with these options at both ends; the refusal must name all codes.

    seen: the guest's memory can be read from outside
    """
    a, b = tb.hosts(tb.memifs(1, 9000))
    guest = tb.qemu("vm1", **{"load": LOAD, **options})
    source = guest.start(a)
    source.wait_ready(seen=seen)
    destination = guest.start(b, incoming=True)
    found = a.call("check", vm="vm1", host="b")
    check(not found["ok"], "check finds something")
    named = {r["code"] for r in found["reasons"]}
    check(all(r.get("message") and r.get("remedy") for r in found["reasons"]),
          f"every reason has a message and a remedy: {found['reasons']}")
    try:
        a.migrate("vm1", b)
        raise AssertionError("the migration was admitted")
    except RpcError as e:
        check(e.code == 2, f"the code of a refusal: {e}")
        named &= set(e.reasons())
    for code in codes:
        check(code in named, f"{code} is among the reasons {sorted(named)}")
    check(destination.state() != "running", "the destination does not run the guest")
    if seen:
        source.wait_advance()
    check_equal(source.state(), "running", "state of the source")
    return found["reasons"]


def test_direct_disk(tb):
    """A disk past the host's page cache can write guest memory behind the tracking."""
    _refused(tb, "direct_io", disk_options="cache.direct=on")


def test_private_memory(tb):
    """Memory that nobody else can map."""
    found = _refused(tb, kind="private", seen=False)
    check(any("share=on" in r["message"] + r["remedy"] for r in found), f"share=on in {found}")


def test_private_memory_beside_shared(tb):
    """One of two memory backends cannot be mapped."""
    _refused(tb, "memory_private", backends=(128, 64), kind=("file", "private"), seen=False)


def test_memory_on_disk(tb):
    """A memory file on a disk file system cannot be write-protected."""
    if os.stat(tb.directory).st_dev == os.stat("/dev/shm").st_dev:
        raise Skip("/tmp is a tmpfs here")
    _refused(tb, "memory_on_disk", kind="disk-file")


def test_hugetlb(tb):
    """Huge pages would be tracked 2 MiB coarse."""
    _refused(tb, "memory_hugetlb", kind="hugetlb")


def test_memfd_on_qemu_10(tb):
    """QEMU 10 would put memory without a name into its own stream."""
    root = places.qemu10_root()
    if not root:
        raise Skip("no QEMU 10: scripts/qemu10 gets it")
    _refused(tb, "memory_in_stream", kind="memfd", qemu=root)


def test_virtio_mem(tb):
    """A device that plugs memory in and out by itself."""
    _refused(tb, "virtio_mem", **VIRTIO_MEM)


def test_several_at_once(tb):
    """All reasons come together, not one per attempt."""
    _refused(tb, "direct_io", "virtio_mem", disk_options="cache.direct=on", **VIRTIO_MEM)


def test_forbidden_and_more(tb):
    """What this host may not send is still looked at; the other one does not hear of it."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    a.config["peers"][0]["allow"] = {"send": ["web-*"]}
    for host in (a, b):
        host.start()
    a.wait_peer(b)
    source = tb.qemu("vm1", load=LOAD, disk_options="cache.direct=on").start(a)
    source.wait_ready()
    found = a.call("check", vm="vm1", host="b")
    check_equal([r["code"] for r in found["reasons"]], ["not_allowed", "direct_io"], "reasons")
    check_equal(b.sessions(), [], "sessions that B has heard of")


def test_unreachable_and_more(tb):
    """The other host is down: that is a reason among others."""
    a, _ = tb.hosts(tb.memifs(1, 9000), start=False)
    a.start()
    source = tb.qemu("vm1", load=LOAD, disk_options="cache.direct=on").start(a)
    source.wait_ready()
    code, out, _ = a.ctl("check", "vm1", "b", check=False)
    check_equal(code, 4, "exit code of check")
    check("b: " in out and "cache.direct=off" in out, f"both reasons: {out}")
    code, _, _ = a.ctl("migrate", "vm1", "b", check=False)
    check_equal(code, 7, "exit code of migrate")
    source.wait_advance()


def _ask(socket_path, *requests):
    """A client of its exporter, which asks and hangs up; each answer is the next type."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(str(socket_path))
        s.recv(65536)
        for request in requests:
            s.send(struct.pack("=II", request, 8))
            answer, fds, _, _ = socket.recv_fds(s, 65536, 1)
            for fd in fds:
                os.close(fd)
            check_equal(struct.unpack("=I", answer[:4])[0], request + 1, "the answer's type")


def test_paused_is_not_waiting(tb):
    """A native guest that is only paused is no destination, and nothing happens to it."""
    a, b = tb.hosts(tb.memifs(1, 9000))
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    other = tb.native("vm1").start(b)
    other.wait_ready()
    exporter = b.vm_dir / "vm1.export"
    _ask(exporter, PAUSE, SAVE)  # after SAVED it stays so
    check_equal(other.state(), "paused", "state of the other guest")
    found = a.call("check", vm="vm1", host="b")
    check_equal([r["code"] for r in found["reasons"]], ["not_incoming"], "what check finds")
    try:
        a.migrate("vm1", b)
        raise AssertionError("the migration was admitted")
    except RpcError as e:
        check_equal((e.code, e.reasons()), (2, ["not_incoming"]), "the refusal")
    check_lives(source)
    check_equal(other.state(), "paused", "state of the other guest")
    _ask(exporter, RESUME)
    check_lives(other)


def test_unknown_names(tb):
    """A VM and a host that do not exist."""
    a, b = tb.hosts(tb.memifs(1, 9000))
    for vm, host in (("nobody", b.name), ("nobody", "nowhere")):
        try:
            a.call("migrate", vm=vm, host=host)
            raise AssertionError("the migration was admitted")
        except RpcError as e:
            check(e.code == 1, f"not found: {e}")


def test_nobody_waits(tb):
    """No hypervisor waits at the destination."""
    a, b = tb.hosts(tb.memifs(1, 9000))
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    try:
        a.migrate("vm1", b)
        raise AssertionError("the migration was admitted")
    except RpcError as e:
        check(e.code in (1, 2), f"refused: {e}")
    check_lives(source)
