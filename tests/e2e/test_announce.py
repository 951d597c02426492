# SPDX-License-Identifier: BSD-3-Clause
"""The network learns where a guest is whose hypervisor does not announce it."""

import os
import socket
import subprocess
from pathlib import Path

from common import check, check_equal, check_lives, move
from procs import wait_for
from rpc import RpcError

MAC = "52:54:00:47:11:01"
BYTES = bytes.fromhex(MAC.replace(":", ""))
ALL = b"\xff" * 6
KINDS = {b"\x80\x35": "RARP", b"\x08\x06": "ARP", b"\x86\xdd": "NA"}


def _veth(tb):
    """A pair of interfaces of this test's own, and a listener at the far end."""
    near, far = f"gwn{os.getpid()}", f"gwf{os.getpid()}"
    subprocess.run(["ip", "link", "add", near, "type", "veth", "peer", "name", far], check=True)
    tb.closers.append(lambda: subprocess.run(["ip", "link", "del", near], check=False))
    for name in (near, far):
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
    for name in (near, far):  # before, it drops what it is given
        wait_for("its carrier", lambda path=f"/sys/class/net/{name}/operstate":
                 Path(path).read_text(encoding="ascii") == "up\n", 30)
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    listener.bind((far, 0))
    listener.setblocking(False)
    tb.closers.append(listener.close)
    return near, listener


def _seen(listener, frames):
    """Kinds of the guest's frames so far; frames keeps them."""
    try:
        while True:
            frame = listener.recv(2048)
            if frame[6:12] == BYTES:
                frames.append(frame)
    except BlockingIOError:
        pass
    return [KINDS[f[12:14]] for f in frames]


def _hosts(tb, interface=None, **options):
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    if interface:
        b.config["announce"] = {"interface": interface, **options}
    for host in (a, b):
        host.start()
    a.wait_peer(b)
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    return a, b, guest, source


def test_native(tb):
    """The destination announces a native guest, as often as said, and nothing else."""
    near, listener = _veth(tb)
    a, b, guest, source = _hosts(tb, near, rounds=3, initial_ms=1, step_ms=1, max_ms=2)
    move(guest, source, a, b, announce=[f"{MAC},192.0.2.7,2001:db8::7"])
    frames = []
    wait_for("three rounds", lambda: len(_seen(listener, frames)) >= 9, 30)
    check_equal(_seen(listener, frames), ["RARP", "ARP", "NA"] * 3, "frames")
    check_equal(frames[0], ALL + BYTES + bytes.fromhex("8035 0001 0800 0604 0003") +
                (BYTES + bytes(4)) * 2 + bytes(18), "a RARP")
    check("cannot announce" not in b.daemon.log(), "nothing went wrong")
    check("sandbox: system call" not in b.daemon.log(), "it is allowed to")


def test_refused(tb):
    """A destination without an interface for it says so, with all else that is against it, before
    anything is sent; bad addresses too."""
    a, b, _, source = _hosts(tb)
    try:
        a.migrate("vm1", b, announce=[MAC])
        raise AssertionError("it was admitted")
    except RpcError as e:
        check_equal(e.reasons(), ["no_announce", "vm_unavailable"], "reasons")
    for bad in ("53:54:00:47:11:01", f"{MAC},ff02::1", "x"):
        code, _, err = a.ctl("migrate", "vm1", "b", "--announce", bad, check=False)
        check(code != 0 and "announce: a list of up to 8" in " ".join(err.split()), f"{bad}: {err}")
    check_lives(source)
