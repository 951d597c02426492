# SPDX-License-Identifier: BSD-3-Clause
"""Processes that never outlive the program that started them, and waiting for states."""

import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """Something that was to happen did not; the text is for a person."""


class Skip(Failed):
    """Why this machine cannot run a test."""


def wait_for(what, test, timeout_s=60.0, interval_s=0.02):
    """Calls test() until it returns something true, and returns that."""
    end = time.monotonic() + timeout_s
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(interval_s)


def end_with_parent(number=signal.SIGTERM):
    """This process gets the signal when its parent ends, however that comes about."""
    _libc.prctl(_PR_SET_PDEATHSIG, number)


def end_with_parent_at_once():
    """The same as a preexec_fn: for children that have nothing to clean up."""
    end_with_parent(signal.SIGKILL)


class Process:
    """A child with its output in a log file, in its own process group."""

    def __init__(self, name, argv, log_path, env=None, stdin=subprocess.DEVNULL, stdout=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log_path = log_path
        with open(log_path, "ab") as log:
            log.write(f"+ {' '.join(self.argv)}\n".encode())
            log.flush()
            # Its own group: Ctrl-C reaches the program that cleans up, and that one alone.
            self.popen = subprocess.Popen(
                self.argv, stdin=stdin, stdout=stdout or log, stderr=log,
                env={**os.environ, **(env or {})}, start_new_session=True,
                preexec_fn=end_with_parent_at_once)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        """Whether it has not ended yet."""
        return self.popen.poll() is None

    def log(self):
        """All it has printed."""
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def check(self):
        """Raises if it has ended."""
        if not self.running():
            tail = "\n".join(self.log().splitlines()[-15:])
            raise Failed(f"{self.name} ended with code {self.popen.returncode}:\n{tail}")

    def wait(self, timeout_s=30.0):
        """Waits for its end; its exit code."""
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} does not end within {timeout_s:g} s") from None

    def signal(self, number):
        """Sends a signal, to a stopped process too."""
        if self.running():
            self.popen.send_signal(number)

    def kill(self):
        """As a crash would: no chance to clean up."""
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, timeout_s=10.0):
        """Asks it to end, then insists. Its exit code."""
        if self.running():
            self.popen.terminate()
            self.popen.send_signal(signal.SIGCONT)
            try:
                self.popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.popen.returncode
