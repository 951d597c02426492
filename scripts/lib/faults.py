# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/chaos breaks, and how it is made whole again."""

import os
import signal
import time

from wires import run

# The sides of a migration.
SOURCE, DESTINATION = "source", "destination"


def _daemons(*sides):
    def strike(arena):
        for side in sides:
            arena.host(side).daemon.kill()
    return strike


def _hypervisor(side):
    def strike(arena):
        arena.killed.add(side)
        arena.instance(side).process.kill()
    return strike


def _stall(side):
    def strike(arena):
        process = arena.host(side).daemon
        process.signal(signal.SIGSTOP)
        arena.on_heal(lambda: process.signal(signal.SIGCONT))
    return strike


def _control(arena):
    """Nothing but control connections uses the loopback of the hosts' own namespace."""
    run(arena.netns, "ip", "link", "set", "lo", "down")
    arena.on_heal(lambda: run(arena.netns, "ip", "link", "set", "lo", "up"))


def _data(arena):
    for wire in arena.wires:
        wire.pull()
        arena.on_heal(wire.plug)


def fill(folder):
    """Takes up all room of the file system there; gives it back when called."""
    path = os.path.join(folder, "filler")
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        while os.write(fd, bytes(1 << 14)) > 0:
            pass
    except OSError:
        pass  # full
    finally:
        os.close(fd)
    return lambda: os.path.exists(path) and os.remove(path)


def _disk(side):
    def strike(arena):
        arena.on_heal(fill(arena.host(side).run_dir))
    return strike


# Of the matrix: what a strike does. Those that last are healed after a while.
FAULTS = {
    "godwitd-source": _daemons(SOURCE),
    "godwitd-destination": _daemons(DESTINATION),
    "godwitd-both": _daemons(SOURCE, DESTINATION),
    "qemu-source": _hypervisor(SOURCE),
    "qemu-destination": _hypervisor(DESTINATION),
    "control-link": _control,
    "data-links": _data,
    "disk-source": _disk(SOURCE),
    "disk-destination": _disk(DESTINATION),
}

# Besides, at random only.
STALLS = {
    "stall-source": _stall(SOURCE),
    "stall-destination": _stall(DESTINATION),
}

ALL = {**FAULTS, **STALLS}


class Hold:
    """Stops a godwitd where a session enters a state (tests/e2e/hold.c)."""

    BYTES = 64
    GO_ON = signal.SIGCONT

    def __init__(self, path):
        self.path = path
        self.clear()

    def clear(self):
        """Nothing is waited for."""
        self._write("")

    def _write(self, state):
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, state.encode().ljust(self.BYTES, b"\0"), 0)
        finally:
            os.close(fd)

    def set(self, state):
        """The next entry of this state stops the daemon."""
        self._write(state)

    @staticmethod
    def stopped(pid):
        """Whether it is stopped."""
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "T"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def wait(self, pid, limit_s, ended):
        """Whether it stopped there before the time was over or ended() came true."""
        end = time.monotonic() + limit_s
        asked = time.monotonic()
        while time.monotonic() < end and not self.stopped(pid):
            if time.monotonic() > asked + 0.05:
                if ended():
                    break
                asked = time.monotonic()
            time.sleep(0.001)
        return self.stopped(pid)
