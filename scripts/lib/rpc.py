# SPDX-License-Identifier: BSD-3-Clause
"""godwitd's JSON-RPC 2.0, one object per line over a unix socket."""

import json
import socket


class RpcError(Exception):
    """An answer that is an error; data holds what came with it."""

    def __init__(self, error):
        self.code = error.get("code")
        self.message = error.get("message", "")
        self.data = error.get("data") or {}
        super().__init__(f"{self.message} (code {self.code}, {json.dumps(self.data)})")

    def reasons(self):
        """The codes of all reasons of a refusal."""
        return sorted({r.get("code", "") for r in self.data.get("reasons", [])})


def call(path, method, params=None, timeout_s=60.0):
    """One call on a connection of its own."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(timeout_s)
        s.connect(str(path))
        s.sendall(json.dumps(request).encode() + b"\n")
        with s.makefile("rb") as f:
            line = f.readline()
    if not line:
        raise ConnectionError(f"{path}: closed without an answer to {method}")
    answer = json.loads(line)
    if "error" in answer:
        raise RpcError(answer["error"])
    return answer["result"]
