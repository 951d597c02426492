# SPDX-License-Identifier: BSD-3-Clause
"""One move of the same QEMU guest by QEMU itself, and one by godwit."""

import subprocess
import time

from host import free_port
from procs import Failed
from testbed import Testbed

VM = "compare"
CHANNELS = 8
UNLIMITED = 10 ** 12  # bytes per second: QEMU's own default is 128 MiB/s
SETTLE_S = 2  # after the boot, so that the guest does what it is told to and no more
WORK_S = 3  # for the guest's undisturbed rate


class Ends:
    """The guest, running at one end and awaited at the other."""

    def __init__(self, tb, hosts, o, **options):
        guest = tb.qemu(VM, backends=(o.ram,), load=o.load, qemu=o.qemu, disk=o.disk,
                        prealloc=o.prealloc, **options)
        self.source = guest.start(hosts[0])
        self.destination = guest.start(hosts[1], incoming=True)
        self.source.wait_ready()
        self.version = self.source.call("query-version")["qemu"]
        self.observer = None
        if o.observed:
            self.observer = tb.observe(self.source, self.destination)
            self.observer.wait_found()
        time.sleep(SETTLE_S)
        self.work_rate = self._work_rate() if o.rate_bps else None
        self.destination.call("query-status")  # takes what events there were until now
        self.begin()

    def _work_rate(self):
        """What the guest does in a second when nobody disturbs it."""
        before, began = self.source.read()["work"], time.time()
        time.sleep(WORK_S)
        return (self.source.read()["work"] - before) / (time.time() - began)

    def begin(self):
        """Now its move is asked for."""
        self.work = self.source.read()["work"]
        self.began = time.time()

    def moved(self):
        """Waits until the guest runs at the destination; total and blackout in ms from outside.

        By the time stamps of QEMU's own events, STOP at the source and RESUME at the destination
        (still_ms); check() puts what the observer saw in place of the blackout, where there is one.
        """
        def at(event):
            return event["timestamp"]["seconds"] + event["timestamp"]["microseconds"] / 1e6
        stopped = at(self.source.wait_event("STOP"))
        resumed = at(self.destination.wait_event("RESUME"))
        still_ms = (resumed - stopped) * 1e3
        seen = {"total_ms": (resumed - self.began) * 1e3, "still_ms": still_ms,
                "blackout_ms": still_ms}
        if self.work_rate:
            took_s, done = time.time() - self.began, self.destination.read()["work"] - self.work
            seen["work_rate"] = self.work_rate
            seen["lost_pages"] = self.work_rate * took_s - done
        return seen

    def check(self, seen):
        """The guest lives where it was moved to; what the observer saw goes into seen."""
        self.destination.wait_advance(100)
        errors = self.destination.read()["errors"]
        if errors:
            raise Failed(f"the guest found {errors} errors in its memory after the move")
        if self.observer:
            seen["blackout_ms"] = self.observer.finish()["moves"][-1]["gap_ms"]


def credentials(tb):
    """Folders of a server's and a client's certificate of a throw-away authority, as QEMU wants."""
    ca = tb.directory / "qemu-pki"
    ca.mkdir()

    def openssl(*argv):
        done = subprocess.run(["openssl", *map(str, argv)], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise Failed(f"openssl {argv[0]}: {done.stderr.strip()}")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl("req", "-x509", *key, "-subj", "/CN=compare-qemu", "-keyout", ca / "ca-key.pem",
            "-out", ca / "ca-cert.pem", "-addext", "keyUsage=critical,keyCertSign")
    for end in ("server", "client"):
        openssl("req", "-x509", *key, "-subj", f"/CN={end}", "-keyout", ca / f"{end}-key.pem",
                "-out", ca / f"{end}-cert.pem", "-CA", ca / "ca-cert.pem",
                "-CAkey", ca / "ca-key.pem", "-addext", "subjectAltName=DNS:localhost",
                "-addext", f"extendedKeyUsage={end}Auth",
                "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "keyUsage=critical,digitalSignature")
    return ca


def set_up_qemu(end, incoming, o, tls):
    """QEMU's own migration: multifd without a limit of bandwidth, or one stream with one.

    With a limit it slows the guest where it has to, as its defaults say (auto-converge).
    """
    on = ("events", "auto-converge") if o.rate_bps else ("events", "multifd")
    end.call("migrate-set-capabilities",
             capabilities=[{"capability": c, "state": True} for c in on])
    parameters = {} if o.rate_bps else {"multifd-channels": CHANNELS}
    if not incoming:
        parameters |= {"max-bandwidth": o.rate_bps // 8 or UNLIMITED, "downtime-limit": o.limit}
    if tls:
        end.call("object-add", **{"qom-type": "tls-creds-x509", "id": "tls0", "dir": str(tls),
                                  "endpoint": "server" if incoming else "client",
                                  "verify-peer": True})
        parameters["tls-creds"] = "tls0"
        if not incoming:
            parameters["tls-hostname"] = "localhost"
    end.call("migrate-set-parameters", **parameters)


def run_qemu(o):
    """One move by QEMU itself, over loopback TCP."""
    with Testbed() as tb:
        hosts = tb.hosts([tb.memif(0)], start=False, security="off")
        ends = Ends(tb, hosts, o, attach="none")
        tls = credentials(tb) if o.encrypted else None
        uri = f"tcp:127.0.0.1:{free_port()}"
        set_up_qemu(ends.destination, True, o, tls)
        set_up_qemu(ends.source, False, o, tls)
        ends.destination.call("migrate-incoming", uri=uri)
        ends.destination.call("cont")  # once it has arrived: what autostart would do
        ends.begin()
        ends.source.call("migrate", uri=uri)
        seen = ends.moved()
        status = None
        while status not in ("completed", "failed", "cancelled"):
            status = ends.source.wait_event("MIGRATION")["data"]["status"]
        info = ends.source.call("query-migrate")
        if status != "completed":
            raise Failed(f"QEMU's migration {status}: {info.get('error-desc', 'it does not say')}")
        ends.check(seen)
        return {"side": "qemu", **seen, "own_total_ms": info["total-time"],
                "own_blackout_ms": info["downtime"], "own_gbps": info["ram"]["mbps"] / 1e3,
                "setup_ms": info["setup-time"], "version": ends.version}


def run_godwit(o):
    """One move by two godwitd over memif ports, with a cap or without."""
    rate = o.rate_bps // o.ports
    with Testbed() as tb:
        a, b = tb.hosts([tb.memif(i, 9000, str(rate)) for i in range(o.ports)], start=False,
                        verify=False, blackout_limit_ms=o.limit,
                        security="on" if o.encrypted else "off")
        for host in (a, b):
            host.config["log_level"] = "warning"
            host.config["dataplane"]["integrity"] = o.integrity
            host.start()
        a.wait_peer(b)
        ends = Ends(tb, (a, b), o)
        ends.begin()
        session = a.migrate(VM, b)
        seen = ends.moved()
        report = session.wait_completed()
        ends.check(seen)
        return {"side": "godwit", **seen, "own_total_ms": report["total_ms"],
                "own_blackout_ms": report["blackout_ms"]["total"],
                "own_gbps": report["epochs"][0]["bps"] / 1e9, "integrity": report["integrity"],
                "phases": {p["name"]: p["duration_ms"] for p in report["phases"]},
                "epochs": [[e["duration_ms"], e["pages"]] for e in report["epochs"]],
                "slowdown": report["slowdown"], "blackout_parts": report["blackout_parts"],
                "version": ends.version}
