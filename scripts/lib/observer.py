# SPDX-License-Identifier: BSD-3-Clause
"""The host-side observer of a test guest, as a process."""

import json

import places
from procs import Failed, wait_for


class Observer:
    """Started when made; finish() gives its report."""

    def __init__(self, testbed, source, destination):
        places.need(places.OBSERVE)
        argv = [places.OBSERVE]
        for from_path, to_path in zip(source.ram_paths(), destination.ram_paths()):
            argv += ["--source", from_path, "--destination", to_path]
        self.out = testbed.directory / f"observe-{source.guest.name}-{len(testbed.processes)}.json"
        with open(self.out, "wb") as out:
            self.process = testbed.process("observe", argv, stdout=out)

    def lines(self):
        """What it has printed so far."""
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def wait_found(self, timeout_s=60):
        """Until it watches."""
        def found():
            if not self.process.running():
                raise Failed(f"the observer ended: {self.process.log()}")
            return self.lines()
        wait_for("the observer to find the guest's page", found, timeout_s)

    def finish(self):
        """Ends it; its report."""
        self.process.stop()
        lines = self.lines()
        if len(lines) < 2:
            raise Failed(f"the observer has no report: {self.process.log()}")
        return lines[-1]
