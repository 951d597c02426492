# SPDX-License-Identifier: BSD-3-Clause
"""A host of the test bed: one godwitd with its folders, its configuration and its RPC."""

import json
import os
import re
import socket
import subprocess

import places
import rpc
from procs import Failed, wait_for
from wires import in_netns


def free_port():
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_plan():
    """(worker, control) CPUs of host A and of host B. Two pollers on one CPU starve each other."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) >= 4:
        return [(cpus[0], cpus[2]), (cpus[1], cpus[3])]
    first, last = cpus[0], cpus[-1]
    return [(first, last), (last, first)]


def to_yaml(value, indent=0):
    """Plain maps, lists and scalars; JSON strings are YAML strings."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, v in value.items():
            if isinstance(v, dict):
                lines.append(f"{pad}{key}:\n{to_yaml(v, indent + 1)}")
            elif isinstance(v, list) and v and isinstance(v[0], dict):
                lines.append(f"{pad}{key}:")
                for item in v:
                    body = to_yaml(item, indent + 2).split("\n")
                    body[0] = f"{pad}  - {body[0].lstrip()}"
                    lines.append("\n".join(body))
            else:
                lines.append(f"{pad}{key}: {json.dumps(v)}")
        return "\n".join(lines)
    raise TypeError(value)


class Host:
    """One godwitd. `config` may be changed until start()."""

    def __init__(self, testbed, name, side, ports, netns=None):
        self.testbed = testbed
        self.name = name
        self.netns = netns
        self.directory = testbed.directory / name
        self.vm_dir = self.directory / "vms"
        # Memory, as /run is: on a disk file system replacing a record takes a millisecond.
        self.run_dir = testbed.ram_directory / f"{name}.run"
        for d in (self.vm_dir, self.run_dir, self.directory / "reports"):
            d.mkdir(parents=True)
        self.port = free_port()
        self.daemon = None
        self.env = {}  # of the daemon, beside this program's own
        self.before = []  # a program that becomes the daemon, with its arguments
        worker, control = cpu_plan()[side]
        self.config = {
            "name": name,
            "run_dir": str(self.run_dir),
            "vm_dir": str(self.vm_dir),
            "report_dir": str(self.directory / "reports"),
            "log_level": "debug",
            "control": {"listen": f"127.0.0.1:{self.port}", "cpu": control},
            "dataplane": {"workers": [worker], "memory_mib": 128},
            "ports": ports,
            "peers": [],
            "migration": {"verify": True},
        }

    def add_peer(self, other):
        """Makes another host known here."""
        self.config["peers"].append({"name": other.name, "address": f"127.0.0.1:{other.port}"})

    def secure(self, security="on", pki=None):
        """Says whether connections need certificates, and whose they are."""
        self.config["security"] = security
        if security == "on":
            self.config["tls"] = (pki or self.testbed.pki).files(self.name)

    def write_config(self):
        """The configuration file, written anew."""
        path = self.directory / "godwitd.yaml"
        path.write_text(to_yaml(self.config) + "\n")
        return path

    def start(self, wait=True):
        """Starts the daemon; with wait, until it answers."""
        places.need(places.GODWITD)
        self._remove_stale_sockets()
        argv = in_netns(self.netns, [*self.before, places.GODWITD, "--config", self.write_config()])
        self.daemon = self.testbed.process(f"godwitd-{self.name}", argv, env=self.env)
        if wait:
            self.wait_answer()

    def wait_answer(self):
        """Until the daemon that was started answers."""
        wait_for(f"godwitd {self.name} to answer", self._answers, 60)

    def _remove_stale_sockets(self):
        """What a killed memif server left: memif itself does not replace it."""
        for port in self.config["ports"]:
            found = re.search(r"role=server.*socket=([^,]+)", port["device"])
            if found and os.path.exists(found[1]):
                os.remove(found[1])

    def _answers(self):
        self.daemon.check()
        try:
            return self.call("version")
        except (FileNotFoundError, ConnectionError):
            return None

    def call(self, method, **params):
        """An RPC; raises rpc.RpcError."""
        return rpc.call(self.run_dir / "control.sock", method, params)

    def ctl(self, *args, check=True, timeout_s=120):
        """Runs godwitctl; (exit code, output, error output)."""
        places.need(places.GODWITCTL)
        argv = [str(places.GODWITCTL), "--socket", str(self.run_dir / "control.sock"), *args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(argv)}: exit code {done.returncode}: {done.stderr.strip()}")
        return done.returncode, done.stdout, done.stderr

    def wait_peer(self, other, paths_up=None, timeout_s=30):
        """Until the peer is connected and all its paths (or that many) are up."""
        def up():
            self.daemon.check()
            return any(p["paths_up"] >= (p["paths"] if paths_up is None else paths_up)
                       for p in self.call("peers")["peers"]
                       if p["name"] == other.name and p.get("connected") and p.get("paths"))
        wait_for(f"{self.name} to reach {other.name}", up, timeout_s)

    def migrate(self, vm, to, **params):
        """Starts a migration of the VM called vm; a Session."""
        return Session(self, self.call("migrate", vm=vm, host=to.name, **params)["id"])

    def sessions(self):
        """Status of every session that this host knows."""
        return self.call("list")["sessions"]


class Session:
    """A migration, seen from one host."""

    def __init__(self, host, ident):
        self.host = host
        self.id = ident

    def status(self):
        """What `show` says now."""
        return self.host.call("show", id=self.id)

    def wait_phase(self, *phases, timeout_s=60):
        """Until it is in one of the phases; fails where it has ended before."""
        def there():
            s = self.status()
            if s["phase"] in phases:
                return s
            if s["result"]:
                raise Failed(f"session ended as {s['result']} ({s['error']}) before {phases}")
            return None
        return wait_for(f"phase {' or '.join(phases)}", there, timeout_s, 0.005)

    def wait_end(self, timeout_s=120):
        """Until it has a result; the last status."""
        return wait_for("the session's end", lambda: self._ended(), timeout_s)

    def _ended(self):
        s = self.status()
        return s if s["result"] else None

    def wait_completed(self, timeout_s=120):
        """Until it has completed; the report."""
        s = self.wait_end(timeout_s)
        if s["result"] != "completed":
            raise Failed(f"migration {s['result']}: {s['error']}")
        return self.report()

    def report(self):
        """The report of an ended session."""
        return self.host.call("report", id=self.id)
