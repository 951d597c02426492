# SPDX-License-Identifier: BSD-3-Clause
"""A small QMP client for the tests' own monitor of a QEMU."""

import collections
import json
import socket
import time


class QmpError(Exception):
    """QEMU refused a command."""


KEPT_EVENTS = 1000


class Qmp:
    """One connection, negotiated; one command at a time. Events that come meanwhile are kept."""

    def __init__(self, path, timeout_s=30.0):
        end = time.monotonic() + timeout_s
        while True:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                self.socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.socket.settimeout(timeout_s)
        self.events = collections.deque(maxlen=KEPT_EVENTS)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()  # the greeting
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        """Sends a command and returns what it returned."""
        message = {"execute": command, "arguments": arguments}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = self._read()
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error'].get('desc')}")
            if "return" in answer:
                return answer["return"]
            self.events.append(answer)

    def _read(self):
        line = self.lines.readline()
        if not line:
            raise ConnectionError("QEMU closed its monitor")
        return json.loads(line)

    def wait_event(self, *names):
        """The next event of one of these names; those before it are dropped."""
        while True:
            event = self.events.popleft() if self.events else self._read()
            if event.get("event") in names:
                return event

    def close(self):
        """Closes the connection."""
        self.lines.close()
        self.socket.close()
