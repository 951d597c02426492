# SPDX-License-Identifier: BSD-3-Clause
"""Where scripts/chaos strikes: two hosts, a guest that moves to and fro, and the judgement."""

import json
import subprocess
import threading
import time

import places
import rpc
from faults import DESTINATION, SOURCE, Hold
from procs import Failed, wait_for

# All of the memory is checked twice a second, on a machine that is not loaded.
LOAD = "gw.rate=1000 gw.ram=25% gw.check=20000"
RAM_MIB = 128
VM = "vm"
# A tmpfs of its own for the records, so that it can be filled.
RUN_DIR_SIZE = "256k"
HOLD_LIBRARY = places.BUILD / "tests" / "e2e" / "godwit-hold.so"
IN_FLIGHT = ("pausing", "go", "prepared", "loading", "starting")
BY_HAND = "resolve by hand"
ANSWER_S = 0.5
NOBODY_S = 4.0  # so long nobody runs the guest before that is the end


class Lost(Failed):
    """Not one running, intact guest."""


class Arena:
    """Hosts that stay, guests that come and go."""

    def __init__(self, testbed):
        places.need(HOLD_LIBRARY)
        self.testbed = testbed
        self.wires = testbed.veths(2, 1500, "1G")
        self.netns = self.wires[0].netns
        self.hosts = testbed.hosts(self.wires, start=False, peer_timeout_ms=2000,
                                   ports_down_timeout_ms=2000, sync_timeout_ms=5000)
        self.holds = [Hold(testbed.directory / f"hold-{h.name}") for h in self.hosts]
        for host, hold in zip(self.hosts, self.holds):
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={RUN_DIR_SIZE},mode=755", "godwit",
                            host.run_dir], check=True)
            testbed.closers.append(lambda d=host.run_dir: subprocess.run(
                ["umount", "--lazy", d], check=False))
            host.env = {"LD_PRELOAD": str(HOLD_LIBRARY), "GODWIT_HOLD": str(hold.path)}
            host.start(wait=False)
        self.at = 0  # the host that has the guest
        self.source = self.destination = self.observer = None
        self.killed = set()
        self.healers = []
        self.migration = None
        self.refusal = None
        self.session = None
        self.guests = 0

    def host(self, side):
        """The host of that side."""
        return self.hosts[self.at if side == SOURCE else 1 - self.at]

    def hold(self, side):
        """What stops that side's godwitd."""
        return self.holds[self.at if side == SOURCE else 1 - self.at]

    def instance(self, side):
        """The guest's process of that side."""
        return self.source if side == SOURCE else self.destination

    def on_heal(self, repair):
        """What undoes a fault."""
        self.healers.append(repair)

    # ---- before ----

    def _drop(self, instance):
        """Ends a guest's process and gives back its memory."""
        if instance is None:
            return
        instance.stop()
        for path in instance.files:
            path.unlink(missing_ok=True)
        self.forget(instance.process)

    def forget(self, process):
        """The test bed need not end it any more."""
        if process in self.testbed.processes:
            self.testbed.processes.remove(process)

    def _fresh_sockets(self, host):
        for path in host.vm_dir.iterdir():
            path.unlink()

    def ready(self):
        """A guest runs at one host and is awaited at the other."""
        for host in self.hosts:
            if not host.daemon.running():
                host.start(wait=False)
        for host, other in (self.hosts, self.hosts[::-1]):
            host.wait_answer()
            host.wait_peer(other)
        if self.source is None:
            self.guests += 1
            guest = self.testbed.qemu(f"{VM}{self.guests}", backends=(RAM_MIB,), load=LOAD)
            self._fresh_sockets(self.host(SOURCE))
            self.source = guest.start(self.host(SOURCE))
            self.source.wait_ready()
        self._fresh_sockets(self.host(DESTINATION))
        self.destination = self.source.guest.start(self.host(DESTINATION), incoming=True)
        self.observer = self.testbed.observe(self.source, self.destination)
        self.observer.wait_found()
        self.killed = set()

    # ---- the migration ----

    def begin(self):
        """Starts the migration; its answer may never come."""
        self.refusal = self.session = None
        host, to, vm = self.host(SOURCE), self.host(DESTINATION), self.source.guest.name

        def ask():
            try:
                self.session = host.migrate(vm, to)
            except (rpc.RpcError, OSError, ValueError) as e:
                self.refusal = e
        self.migration = threading.Thread(target=ask, daemon=True)
        self.migration.start()

    def ended(self):
        """Whether nothing more will happen in this migration."""
        if self.migration.is_alive():
            return False
        if self.session is None:
            return True
        try:
            return bool(rpc.call(self.session.host.run_dir / "control.sock", "show",
                                 {"id": self.session.id}, ANSWER_S)["result"])
        except TimeoutError:
            return False  # it is being stopped
        except (rpc.RpcError, OSError, ValueError):
            return True

    def heal(self):
        """Undoes what lasts and starts daemons that were killed."""
        for repair in reversed(self.healers):
            repair()
        self.healers.clear()
        for host, hold in zip(self.hosts, self.holds):
            hold.clear()
            if not host.daemon.running():
                self.forget(host.daemon)
                host.start(wait=False)
        for host in self.hosts:
            host.wait_answer()

    # ---- after ----

    def records(self, hosts=None):
        """Steps of the sessions on disk, of these hosts or all."""
        steps = []
        for host in hosts or self.hosts:
            for path in (host.run_dir / "sessions").glob("*.json"):
                try:
                    steps.append(json.loads(path.read_text())["step"])
                except (OSError, ValueError):
                    pass  # replaced just now
        return steps

    def open_sessions(self):
        """(those that go on, those that wait for a person)."""
        going = [s for h in self.hosts for s in h.sessions() if not s["result"]]
        by_hand = [s for s in going if BY_HAND in (s["error"] or "")]
        return [s for s in going if s not in by_hand], by_hand

    def runners(self):
        """Sides where the hypervisor says that the guest runs."""
        return [side for side in (SOURCE, DESTINATION) if self.instance(side).state() == "running"]

    def settled(self):
        """(runners, sessions that wait for a person) when all has come to rest."""
        since = time.monotonic()
        end, impatient = since + 120, since + 6
        while time.monotonic() < end:
            for host in self.hosts:
                host.daemon.check()
            going, by_hand = self.open_sessions()
            runners = self.runners()
            if len(runners) > 1:
                raise Lost("both ends run the guest")
            restless = going or any(r in IN_FLIGHT for r in self.records() if not by_hand)
            if restless or self.migration.is_alive():
                since = time.monotonic()
                if since > impatient and runners == [SOURCE]:
                    self._give_up_there()
            elif runners or time.monotonic() - since > NOBODY_S:
                return runners, by_hand
            time.sleep(0.05)
        raise Lost(f"no rest: sessions {going}, records {self.records()}, runners {runners}")

    def _give_up_there(self):
        """The source has its guest back and cannot tell; the destination would wait for 30 s."""
        host = self.host(DESTINATION)
        for s in host.sessions():
            if not s["result"]:
                try:
                    host.call("abort", id=s["id"], reason="the source has given up")
                except rpc.RpcError:
                    pass  # it ended just now, or is on its way

    def judge(self):
        """moved, stayed or died, after all has come to rest; Lost where the guest was lost."""
        runners, by_hand = self.settled()
        if runners:
            self._judge_guest(self.instance(runners[0]))
            if self.runners() != runners:
                raise Lost(f"first {runners[0]} ran the guest, then {self.runners()}")
        seen = self.observer.finish()
        self.forget(self.observer.process)
        if seen["both_ran"]:
            raise Lost(f"both ends ran the guest: {seen}")
        ran_there = any(m["to"] == "destination" for m in seen["moves"])
        if by_hand and runners:
            raise Lost(f"the guest runs at the {runners[0]}, yet a person is asked: {by_hand}")
        if not runners:
            self._judge_death(ran_there, by_hand)
        elif runners == [SOURCE]:
            self.destination.wait_given_back()
        self._clear(runners, by_hand)
        return {(): "died", (SOURCE,): "stayed", (DESTINATION,): "moved"}[tuple(runners)]

    def _judge_guest(self, instance):
        """It runs, and two more full checks by the guest find nothing."""
        instance.wait_advance(timeout_s=60)
        checks = instance.read()["checks"]
        wait_for("two more full checks by the guest",
                 lambda: instance.read()["checks"] >= checks + 2, 60, 0.05)
        if instance.read()["errors"] or "ERROR" in instance.serial_text():
            raise Lost(f"the guest finds errors: {instance.read()}, {instance.serial_text()[-300:]}")

    def _judge_death(self, ran_there, by_hand):
        """A guest may only be gone with the hypervisor that had it, and that is reported."""
        if DESTINATION in self.killed and (ran_there or by_hand or self._handed_over()):
            return
        if SOURCE in self.killed and not ran_there:
            return
        raise Lost(f"nobody runs the guest: source {self.source.state()}, destination "
                   f"{self.destination.state()}, sessions {[h.sessions()[:1] for h in self.hosts]}")

    def _handed_over(self):
        """The source's session has completed: the guest died later."""
        return any(s["result"] == "completed" and s["vm"] == self.source.guest.name
                   for s in self.host(SOURCE).sessions())

    def _clear(self, runners, by_hand):
        """Keeps the process that runs the guest, at the side that is the next source."""
        for s in by_hand:
            # What a person would say of a guest that is known to have died.
            self.host(SOURCE).call("resolve", id=s["id"], **{"as": "gone"})
        kept = self.instance(runners[0]) if runners else None
        for instance in (self.source, self.destination):
            if instance is not kept:
                self._drop(instance)
        if runners == [DESTINATION]:
            self.at = 1 - self.at
        self.source, self.destination = kept, None
