# SPDX-License-Identifier: BSD-3-Clause
"""What godwitd keeps to itself, and what it gives up."""

import os

import coredump
from common import check, check_equal, check_report, move
from procs import wait_for

NEEDLES = 16
NEEDLE_BYTES = 48
CAP_DAC_OVERRIDE, CAP_KILL = 1 << 1, 1 << 5


def _needles(path):
    """Bytes from the first pages of a guest's memory that cannot be anything else's."""
    found = []
    with open(path, "rb") as f:
        while len(found) < NEEDLES:
            piece = f.read(4096)[2048:2048 + NEEDLE_BYTES]
            check(piece, "there are enough pages to look for")
            if len(set(piece)) > NEEDLE_BYTES // 2:
                found.append(piece)
    return found


def _needles_there(path, needles):
    with open(path, "rb") as f:
        data = f.read(16 * NEEDLES * 4096)
    return all(n in data for n in needles)


def _holds(pid, needles, everything=False):
    """Names of the mappings that a core dump (or with everything, that the process) has them in."""
    return sorted({f"{m[0]:x}-{m[1]:x} {m[2]} {m[3]}"
                   for m, data in coredump.contents(pid, everything)
                   if any(n in data for n in needles)})


def test_no_guest_memory_in_core_dumps(tb):
    """In pre-copy neither end's godwitd would leave a page of the guest in its core dump."""
    a, b = tb.hosts(tb.memifs(1, 9000, "20M"))
    guest = tb.native("vm1", write_rate=0, extra=["--holes", 0, "--zero", 0, "--compressible", 0])
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    needles = _needles(source.ram_paths()[0])
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    wait_for("those pages to arrive",
             lambda: _needles_there(destination.ram_paths()[0], needles), 60)
    for host in (a, b):
        mapped = [m for m in coredump.mappings(host.daemon.pid) if ".m0" in m[3]]
        check(mapped and all("dd" in m[4] for m in mapped), f"the guest's file is marked: {mapped}")
        check_equal(coredump.filter_of(host.daemon.pid), 0x11, "no shared memory, no huge pages")
        check(_holds(host.daemon.pid, needles, everything=True), "they are found where they are")
        check_equal(_holds(host.daemon.pid, needles), [],
                    f"mappings of {host.name}'s godwitd with guest memory")
    check_equal(session.status()["result"], None, "it still ran when this was seen")
    a.call("set", port="p0", rate="5G")
    check_report(session.wait_completed())


def _threads(pid, key):
    """The value of a line of /proc/PID/task/TID/status, of each thread."""
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii", errors="replace") as f:
            found += [line.split()[1] for line in f if line.startswith(key + ":")]
    return found


def _check_confined(host, capabilities):
    """Every thread of the host's godwitd, DPDK's too."""
    for key, wanted in (("CapEff", capabilities), ("CapPrm", capabilities),
                        ("CapBnd", capabilities)):
        got = {int(v, 16) for v in _threads(host.daemon.pid, key)}
        check_equal(got, {wanted}, f"{key} of {host.name}'s threads")
    for key, wanted in (("NoNewPrivs", "1"), ("Seccomp", "2")):
        got = _threads(host.daemon.pid, key)
        check(len(got) >= 3, "there are several threads")
        check_equal(set(got), {wanted}, f"{key} of {host.name}'s threads")


def test_sandbox(tb):
    """A started godwitd has no capability but those that its configuration calls for."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    a.config["access"] = {"exporters": ["nobody"]}
    for host in (a, b):
        host.start()
    a.wait_peer(b)
    _check_confined(a, CAP_DAC_OVERRIDE | CAP_KILL)
    _check_confined(b, 0)
    check("capabilities kept: dac_override, kill" in a.daemon.log(), "they are named")
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    move(guest, source, a, b)
    _check_confined(a, CAP_DAC_OVERRIDE | CAP_KILL)


def test_sandbox_off(tb):
    """It can be switched off, and the log says so."""
    a, _ = tb.hosts(tb.memifs(1, 9000), start=False)
    a.config["sandbox"] = "off"
    a.start()
    check("sandbox: off" in a.daemon.log(), "it is logged")
    check_equal(set(_threads(a.daemon.pid, "Seccomp")), {"0"}, "no filter")
