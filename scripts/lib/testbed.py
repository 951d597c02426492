# SPDX-License-Identifier: BSD-3-Clause
"""Two hosts on one machine, their ports, their guests; leaves nothing behind."""

import os
import pathlib
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys

import places
from host import Host
from observer import Observer
from pki import Pki
from procs import Failed, Process, Skip
from vm import NativeGuest, QemuGuest
from wires import MemifPair, SwitchedPair, VethPair, make_netns, remove_netns

ROOTS = (pathlib.Path("/tmp"), pathlib.Path("/dev/shm"))
PREFIX = "godwit-tb"
ENDING = (signal.SIGTERM, signal.SIGHUP)


def free_huge_pages():
    """2 MiB pages that nobody has taken."""
    path = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
    try:
        return int(pathlib.Path(path).read_text())
    except OSError:
        return 0


def _owner_lives(name):
    try:
        return pathlib.Path(f"/proc/{int(name.split('-')[2])}").exists()
    except (ValueError, IndexError):
        return True


def _unmount_below(folder):
    mounts = pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for path in (line.split()[1] for line in mounts):
        if path.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", path], check=False)


def sweep():
    """Removes what test beds left that were killed without a chance to clean up."""
    for root in ROOTS:
        for d in root.glob(f"{PREFIX}-*-*"):
            if not _owner_lives(d.name):
                _unmount_below(d)
                shutil.rmtree(d, ignore_errors=True)
    for ns in pathlib.Path("/run/netns").glob(f"{PREFIX}-*-*"):
        if not _owner_lives(ns.name):
            remove_netns(ns.name)


def _interrupted(number, _frame):
    # Once: by whoever cannot wait, neither the cleaning nor the end after it is interrupted.
    for other in (*ENDING, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


class Testbed:
    """A context manager; whatever was started through it ends with it."""

    def __init__(self, **migration):
        self.migration = migration  # for each host's configuration
        self.name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(3)}"
        self.directory = ROOTS[0] / self.name
        self.pki = Pki(self.directory / "pki")
        self.ram_directory = ROOTS[1] / self.name
        self.processes = []
        self.netns = None
        self.closers = []

    def __enter__(self):
        # SIGINT too: a shell's background jobs start with it ignored.
        for number in (*ENDING, signal.SIGINT):
            signal.signal(number, _interrupted)
        sweep()
        self.directory.mkdir(mode=0o755)
        self.ram_directory.mkdir()
        (self.directory / "logs").mkdir()
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not stop the cleaning.
        old = {n: signal.signal(n, signal.SIG_IGN) for n in (*ENDING, signal.SIGINT)}
        try:
            self.close()
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def close(self):
        """Ends every process, newest first, and removes every file."""
        for p in reversed(self.processes):
            p.stop()
        self.processes.clear()
        for close in self.closers:
            close()
        if self.netns:
            remove_netns(self.netns)
        for d in (self.ram_directory, self.directory):
            shutil.rmtree(d, ignore_errors=True)

    def logs(self):
        """Folder of all logs, for who keeps them."""
        return self.directory / "logs"

    def process(self, name, argv, **options):
        """Starts a process that ends with the test bed."""
        used = sum(1 for p in self.processes if p.name == name)
        log = self.logs() / (f"{name}.log" if not used else f"{name}.{used + 1}.log")
        p = Process(name, argv, log, **options)
        self.processes.append(p)
        return p

    def memif(self, index, mtu=1500, rate="10G", family=4):
        """One pair of memif ports, with IPv4 or IPv6 addresses."""
        return MemifPair(self.directory, index, mtu, rate, family)

    def memifs(self, count, mtu=1500, rate="10G", family=4):
        """Pairs of memif ports."""
        return [self.memif(i, mtu, rate, family) for i in range(count)]

    def switched(self, count, mtu=1500, rate="10G"):
        """Pairs of memif ports, to be joined by a switch."""
        return [SwitchedPair(self.directory, i, mtu, rate) for i in range(count)]

    def veths(self, count, mtu=1500, rate="1G", driver="af_packet", family=4):
        """Pairs of ports over virtual cables, in this test bed's own namespace."""
        if not self.netns:
            self.netns = self.name
            make_netns(self.netns)
        return [VethPair(self.netns, i, mtu, rate, driver, family) for i in range(count)]

    def hosts(self, wires, names=("a", "b"), start=True, security="on", **migration):
        """Host A and host B, joined by wires, each knowing the other, and started."""
        self.check_memory()
        if security == "on":
            self.pki.hosts(*names)
        pair = [Host(self, n, side, [w.sides[side] for w in wires], wires[0].netns)
                for side, n in enumerate(names)]
        for host, other in (pair, pair[::-1]):
            host.add_peer(other)
            host.secure(security)
            host.config["migration"].update({**self.migration, **migration})
        if start:
            for host in pair:
                host.start()
            pair[0].wait_peer(pair[1])
        return pair

    def check_memory(self):
        """Says in time what godwitd would say in DPDK's words."""
        need = 160
        if free_huge_pages() < need:
            raise Failed(f"{free_huge_pages()} huge pages of 2 MiB are free, two daemons take up "
                         f"to {need}: run scripts/setup, or end what holds them")

    def reachable(self, path, user):
        """The file, or for another user a copy where that one can reach it."""
        if not user:
            return path
        copy = self.directory / "bin" / pathlib.Path(path).name
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists():
            shutil.copy(path, copy)
            copy.chmod(0o755)
        return copy

    def become(self, user):
        """The start of a command line that runs as the user, who may write in the test bed.

        Without any capability, and without userfaultfd(2).
        """
        if not user:
            return []
        entry = pwd.getpwnam(user)
        for d in (self.directory, self.logs(), self.ram_directory):
            os.chown(d, entry.pw_uid, entry.pw_gid)
        return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups",
                "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--", "/usr/bin/python3",
                self.reachable(places.CONFINE, user)]

    def native(self, name, **options):
        """A synthetic guest, not started yet."""
        return NativeGuest(self, name, **options)

    def qemu(self, name, **options):
        """A QEMU guest, not started yet."""
        release = os.uname().release
        if tuple(int(n) for n in re.findall(r"\d+", release)[:2]) < (6, 7):
            raise Skip(f"kernel {release} cannot track a QEMU's memory, 6.7 or newer can")
        return QemuGuest(self, name, **options)

    def observe(self, source, destination):
        """Watches a guest's move from outside."""
        return Observer(self, source, destination)
