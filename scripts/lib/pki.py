# SPDX-License-Identifier: BSD-3-Clause
"""A throw-away certificate authority, by scripts/pki."""

import subprocess

import places
from procs import Failed


class Pki:
    """An authority in a folder of its own; a host's files are below it."""

    def __init__(self, directory):
        self.directory = directory

    def run(self, *args):
        """scripts/pki with these arguments; {} is the folder."""
        argv = [str(places.TOP / "scripts" / "pki"),
                *(str(self.directory) if a == "{}" else str(a) for a in args)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{' '.join(argv)}: {done.stderr.strip()}")

    def hosts(self, *names):
        """Certificates for hosts, which are all on the loopback interface."""
        self.run("{}", *(f"{n}:127.0.0.1" for n in names))

    def files(self, name):
        """A configuration's section `tls` for this host."""
        d = self.directory / name
        return {"ca": str(d / "ca.pem"), "certificate": str(d / "host.pem"),
                "key": str(d / "host.key"), "crl": str(d / "crl.pem")}
