# SPDX-License-Identifier: BSD-3-Clause
"""A small QMP client for the tests' own monitor of a QEMU."""

import json
import socket
import time


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """One connection, negotiated; one command at a time."""

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
        self.lines = self.socket.makefile("rb")
        self.lines.readline()  # the greeting
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        """Sends a command and returns what it returned; events on the way are dropped."""
        message = {"execute": command, "arguments": arguments}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            line = self.lines.readline()
            if not line:
                raise ConnectionError("QEMU closed its monitor")
            answer = json.loads(line)
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error'].get('desc')}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        """Closes the connection."""
        self.lines.close()
        self.socket.close()
