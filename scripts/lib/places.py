# SPDX-License-Identifier: BSD-3-Clause
"""Where things are: this tree, its build, and the QEMUs of this machine."""

import os
import pathlib
import shutil

from procs import Failed

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GODWIT_BUILD", TOP / "build"))
GODWITD = BUILD / "control" / "godwitd"
GODWITCTL = BUILD / "control" / "ctl" / "godwitctl"
GODWIT_BENCH = BUILD / "control" / "bench" / "godwit-bench"
GODWIT_GUEST = BUILD / "dataplane" / "export" / "godwit-guest"
QEMU_PLUGIN = BUILD / "dataplane" / "export" / "godwit-qemu.so"
CONFINE = TOP / "scripts" / "lib" / "confine.py"
OBSERVE = BUILD / "tests" / "guest" / "observe"
FLOOD = BUILD / "tests" / "net" / "flood"
STALLS = BUILD / "tests" / "trace" / "stalls"
SIMULATOR = BUILD / "tests" / "sim" / "simulator"
KERNEL = BUILD / "guest" / "vmlinux"
INITRAMFS = BUILD / "guest" / "initramfs.gz"


def need(*paths):
    """Raises for the first that is missing, naming the remedy."""
    for path in paths:
        if not pathlib.Path(path).exists():
            raise Failed(f"{path} is missing: run scripts/setup")


def qemu_argv(where=None):
    """The start of a QEMU command line.

    where: None (this machine's own), a program, or the root folder of another Debian that was
    unpacked there (debootstrap), whose QEMU then runs with that system's own libraries.
    """
    if where is None:
        found = shutil.which("qemu-system-x86_64")
        if not found:
            raise Failed("qemu-system-x86_64 is missing: run scripts/setup")
        return [found]
    root = pathlib.Path(where)
    if not root.is_dir():
        found = shutil.which(str(where))
        if not found:
            raise Failed(f"--qemu {where}: no such program")
        return [found]
    program = root / "usr/bin/qemu-system-x86_64"
    loader = root / "lib64/ld-linux-x86-64.so.2"
    if not program.exists() or not loader.exists():
        raise Failed(f"{root} has no QEMU: chroot {root} apt-get install qemu-system-x86")
    libraries = f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib"
    return [str(loader), "--library-path", libraries, str(program), "-L",
            str(root / "usr/share/qemu"), "-L", str(root / "usr/share/seabios")]


def qemu10_root():
    """The folder with a QEMU 10, or None: GODWIT_QEMU10, else where scripts/qemu10 puts it."""
    root = pathlib.Path(os.environ.get("GODWIT_QEMU10", "/var/cache/godwit/qemu10"))
    if root.is_file() or (root / "usr/bin/qemu-system-x86_64").exists():
        return root
    return None
