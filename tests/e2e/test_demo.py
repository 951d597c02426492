# SPDX-License-Identifier: BSD-3-Clause
"""scripts/demo ends as it should, however it ends, leaves nothing behind, and runs again."""

import os
import pathlib
import signal
import time

import places
import rpc
from common import check, check_equal
from procs import wait_for
from testbed import Testbed

# The guest's memory takes minutes over such a port: the demo stays in pre-copy.
SLOW = ["--ports", "1", "--rate", "10M", "--ram", "128M"]


class Demo:
    """scripts/demo as a process, and whom and what it has made."""

    def __init__(self, tb, *options, stdout=None):
        plot = tb.directory / "demo" / "migration.svg"
        self.out = tb.directory / f"demo-{len(tb.processes)}.out"
        with open(self.out, "wb") as out:
            self.process = tb.process("demo", [places.TOP / "scripts" / "demo", "--plot", plot,
                                               *options], stdout=stdout or out)
        self.mark = f"godwit-tb-{self.process.pid}-"
        self.made = {}

    def wait_precopy(self):
        """Until pages are being sent."""
        def sending():
            self.process.check()
            for control in pathlib.Path("/dev/shm").glob(f"{self.mark}*/a.run/control.sock"):
                try:
                    return any(s["phase"] == "precopy"
                               for s in rpc.call(control, "list")["sessions"])
                except (FileNotFoundError, ConnectionError):
                    return False
            return False
        wait_for("the demo to send pages", sending, 120, 0.1)
        self.made = _offspring(self.process.pid)
        names = sorted(_words(pid)[0].rsplit("/", 1)[-1] for pid in self.made)
        for name, count in (("godwitd", 2), ("qemu-system-x86_64", 2), ("observe", 1),
                            ("godwitctl", 1)):
            check_equal(names.count(name), count, f"{name} among the demo's processes {names}")

    def find(self, ending):
        """The process of the demo's that has a word with this ending in its command line."""
        return next(pid for pid in self.made if any(w.endswith(ending) for w in _words(pid)))

    def end(self, timeout_s=90):
        """Its exit code, with nothing of it left."""
        code = self.process.wait(timeout_s)
        self.wait_nobody()
        check_equal(_left(self.mark), [], "left by the demo")
        check("Traceback" not in self.errors(), f"it ends in words: {self.errors()}")
        return code

    def wait_nobody(self):
        """Until no process of it is left: an attendant ends when it sees that its godwitd has."""
        wait_for("the demo's processes to end", lambda: not _alive(self.mark, self.made), 5)

    def output(self):
        """What it told."""
        return self.out.read_text(errors="replace")

    def errors(self):
        """What it complained of."""
        return self.process.log()


def _words(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        words = ""
    return words.split("\0")


def _stat(pid):
    """(state, parent, start time) of a process, or None."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rsplit(")", 1)[1].split()
    return fields[0], int(fields[1]), int(fields[19])


def _pids():
    return [int(d.name) for d in pathlib.Path("/proc").iterdir() if d.name.isdigit()]


def _offspring(pid):
    """Every process below that one: when it was started, by its id."""
    stats = {p: _stat(p) for p in _pids()}
    found = {}
    new = {pid}
    while new:
        new = {p for p, s in stats.items() if s and s[1] in new}
        found.update((p, stats[p][2]) for p in new)
    return found


def _alive(mark, made):
    """Processes that were made, or have the mark in their command line. Not those that have ended
    and whose parent, by now init, has not looked yet."""
    alive = []
    for pid in _pids():
        stat = _stat(pid)
        if not stat or stat[0] == "Z":
            continue
        if made.get(pid) == stat[2] or any(mark in w for w in _words(pid)):
            alive.append(f"{pid}: {' '.join(_words(pid))}")
    return alive


def _left(mark):
    """Files, sockets, mounts and namespaces with the mark in their names."""
    left = []
    for root in ("/tmp", "/dev/shm", "/run", "/run/netns", "/run/dpdk", "/dev/hugepages"):
        left += [str(p) for p in pathlib.Path(root).glob(f"*{mark}*")]
    for table in ("/proc/net/unix", "/proc/self/mounts"):
        lines = pathlib.Path(table).read_text(encoding="utf-8", errors="replace").splitlines()
        left += [f"{table}: {line}" for line in lines if mark in line]
    return left


def _completes(tb):
    demo = Demo(tb, "--ram", "128M")
    code = demo.end(120)
    check_equal(code, 0, f"exit code of the next run\n{demo.output()}{demo.errors()}")
    check("demo: all is well" in demo.output(), "the next run moves its guest")


def test_interrupted(tb):
    """Ctrl-C while pages are sent; the next run begins at once and completes."""
    demo = Demo(tb, *SLOW)
    demo.wait_precopy()
    # A terminal tells all of its foreground: godwitctl too, which aborts.
    os.killpg(demo.process.pid, signal.SIGINT)
    check_equal(demo.end(), 130, "exit code")
    check("demo: interrupted; everything is cleaned up" in demo.errors(), "it says so")
    _completes(tb)


def test_interrupted_often(tb):
    """More Ctrl-C by who cannot wait do not stop the cleaning, and change nothing of its end."""
    demo = Demo(tb, *SLOW)
    demo.wait_precopy()
    while demo.process.running():
        os.killpg(demo.process.pid, signal.SIGINT)
        time.sleep(0.002)
    check_equal(demo.end(), 130, "exit code")


def test_terminated(tb):
    """SIGTERM, by who knows its process id only."""
    demo = Demo(tb, *SLOW)
    demo.wait_precopy()
    demo.process.signal(signal.SIGTERM)
    check_equal(demo.end(), 128 + signal.SIGTERM, "exit code")


def test_killed(tb):
    """Nobody is left to clean up: its processes end with it, its files go when the next begins."""
    demo = Demo(tb, *SLOW)
    demo.wait_precopy()
    demo.process.kill()
    demo.wait_nobody()
    check(_left(demo.mark), "files of a demo that was killed are seen")
    with Testbed():
        check_equal(_left(demo.mark), [], "left by the demo when another test bed is there")


def test_reader_leaves(tb):
    """As with `scripts/demo | head -n 1`."""
    read_end, write_end = os.pipe()
    demo = Demo(tb, *SLOW, stdout=write_end)
    os.close(write_end)
    with open(read_end, encoding="utf-8") as lines:
        # What comes before is of scripts/setup, which has its own ways.
        check(any(line.startswith("demo: ") for line in lines), "the demo begins")
    check_equal(demo.end(), 1, "exit code")
    check("demo: failed: " in demo.errors(), "it says so")


def _dies(tb, ending):
    demo = Demo(tb, *SLOW)
    demo.wait_precopy()
    os.kill(demo.find(ending), signal.SIGKILL)
    check_equal(demo.end(), 1, "exit code")
    check("demo: failed: the migration did not complete" in demo.errors(), "it says so")


def test_hypervisor_dies(tb):
    """The QEMU that waits at the destination is gone."""
    _dies(tb, "-incoming")


def test_daemon_dies(tb):
    """The source's godwitd is gone."""
    _dies(tb, "/a/godwitd.yaml")
