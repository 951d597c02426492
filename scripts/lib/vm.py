# SPDX-License-Identifier: BSD-3-Clause
"""Guests of the test bed: QEMU virtual machines and synthetic (native) guests.

A guest is what moves; an instance is one process that runs it, or waits to, on one host.
"""

import os
import shutil
import signal
import uuid

import places
from guestpage import GuestPage, data_bytes
from procs import Failed, wait_for
from qmp import Qmp

# As libvirt's guests are: without the parts that nobody has used for long.
MACHINE = "pc,usb=off,vmport=off,hpet=off"
# The last line leaves out a third of what a guest executes between its timer's interrupt and its
# program: under TCG the destination translates each block of that before the guest shows its life.
APPEND = ("console=ttyS0 quiet panic=1 tsc=reliable clocksource=tsc "
          "psi=0 mitigations=off cpuidle.off=1 idle=halt preempt=full")


class QemuGuest:
    """A virtual machine: its arguments, the same at both ends.

    backends: MiB of each memory backend (more than one: a NUMA node each)
    kind: file (tmpfs), memfd, private, disk-file, hugetlb; of all, or a list
    user: who runs it, and owns its disk
    prealloc: QEMU takes all of the memory when it starts
    attach: plugin, preload or none; disk: a virtio disk, disk_options: more for its -blockdev
    """

    def __init__(self, testbed, name, backends=(128,), kind="file", load="gw.rate=1000 gw.ram=40%",
                 qemu=None, attach="plugin", disk=True, disk_options="", balloon=False,
                 prealloc=False, extra=(), user=None):
        self.testbed = testbed
        self.name = name
        self.backends = list(backends)
        self.kind = kind
        self.kinds = [kind] * len(self.backends) if isinstance(kind, str) else list(kind)
        self.load = load
        self.argv = places.qemu_argv(qemu)
        self.attach = attach
        self.disk_options = disk_options
        self.balloon = balloon
        self.prealloc = prealloc
        self.extra = list(extra)
        self.user = user
        self.uuid = str(uuid.uuid4())
        self.page = None
        self.instances = 0
        self.disk = None
        if disk:
            # In memory: QEMU flushes it before it gives a guest away, which takes what this
            # machine's storage takes.
            self.disk = testbed.ram_directory / f"{name}.disk"
            with open(self.disk, "wb") as f:
                f.truncate(16 << 20)
            if user:
                shutil.chown(self.disk, user)

    def memory_args(self, files):
        """-object for each backend, and what refers to it."""
        args = ["-m", f"{sum(self.backends)}M"]
        for i, (mib, path) in enumerate(zip(self.backends, files)):
            common = f"id=m{i},size={mib}M" + (",prealloc=on" if self.prealloc else "")
            objects = {
                "file": f"memory-backend-file,{common},mem-path={path},share=on,align=2M",
                "disk-file": f"memory-backend-file,{common},mem-path={path},share=on",
                "private": f"memory-backend-file,{common},mem-path={path},share=off",
                "memfd": f"memory-backend-memfd,{common},share=on",
                "hugetlb": f"memory-backend-memfd,{common},share=on,hugetlb=on,hugetlbsize=2M",
            }
            args += ["-object", objects[self.kinds[i]]]
        if len(self.backends) == 1:
            return args + ["-machine", f"{MACHINE},memory-backend=m0"]
        args += ["-machine", MACHINE]
        for i in range(len(self.backends)):
            args += ["-numa", f"node,nodeid={i},memdev=m{i}"]
        return args

    def device_args(self):
        """The disk with image locking on, the balloon."""
        args = []
        if self.disk:
            file = f"driver=file,node-name=f0,filename={self.disk},locking=on"
            if self.disk_options:
                file += f",{self.disk_options}"
            args += ["-blockdev", file, "-blockdev", "driver=raw,node-name=d0,file=f0",
                     "-device", "virtio-blk-pci,drive=d0"]
        if self.balloon:
            args += ["-device", "virtio-balloon-pci,id=balloon0"]
        return args

    def start(self, host, incoming=False):
        """Starts it on a host; with incoming it waits to be migrated to."""
        if self.attach != "none":
            places.need(places.QEMU_PLUGIN)
        places.need(places.KERNEL, places.INITRAMFS)
        self.instances += 1
        return QemuInstance(self, host, incoming, self.instances)


class Instance:
    """What both kinds of guests' processes have: a guest, a host, a process, state()."""

    guest = host = process = None

    def read(self):
        """The guest's page as this end's memory holds it, or None."""
        return self.guest.page.read(self.ram_paths())

    def left_behind(self):
        """Bytes of data in its memory; 0 when its process has ended."""
        return 0 if self.state() == "gone" else sum(data_bytes(p) for p in self.ram_paths())

    def wait_given_back(self):
        """Waits until nothing of a migration is left in its memory."""
        wait_for("the destination's memory to be given back", lambda: self.left_behind() == 0, 30)

    def wait_advance(self, by=20, timeout_s=60):
        """Until the guest runs here: its counter grows, and the hypervisor says running."""
        wait_for(f"{self.guest.name} to run at {self.host.name}",
                 lambda: self.state() == "running" and self.read(), timeout_s)
        start = self.read()["counter"]
        wait_for(f"{self.guest.name}'s counter to advance at {self.host.name}",
                 lambda: self.read()["counter"] >= start + by, timeout_s)


class QemuInstance(Instance):
    """One QEMU process."""

    def __init__(self, guest, host, incoming, number):
        self.guest = guest
        self.host = host
        tb = guest.testbed
        label = f"{guest.name}-{host.name}-{number}"
        folder = tb.directory if guest.kind == "disk-file" else tb.ram_directory
        self.files = [folder / f"{label}.m{i}" for i in range(len(guest.backends))]
        self.serial = tb.logs() / f"{label}.serial"
        self.monitor = tb.directory / f"{label}.mon"
        export = host.vm_dir / f"{guest.name}.export"
        control = host.vm_dir / f"{guest.name}.qmp"
        kernel, initramfs, plugin = (tb.reachable(f, guest.user) for f in (
            places.KERNEL, places.INITRAMFS, places.QEMU_PLUGIN))
        argv = tb.become(guest.user) + guest.argv + ["-name", guest.name, "-uuid", guest.uuid, "-nodefaults",
                             "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot", "-smp", "1"]
        argv += guest.memory_args(self.files) + guest.device_args()
        argv += ["-kernel", kernel, "-initrd", initramfs,
                 "-append", f"{APPEND} {guest.load}", "-serial", f"file:{self.serial}",
                 "-qmp", f"unix:{control},server=on,wait=off",
                 "-qmp", f"unix:{self.monitor},server=on,wait=off"]
        env = {}
        if guest.attach == "plugin":
            argv += ["-plugin", f"{plugin},socket={export},name={guest.name}"]
        elif guest.attach == "preload":
            env = {"LD_PRELOAD": str(plugin), "GODWIT_EXPORT_SOCKET": str(export),
                   "GODWIT_NAME": guest.name}
        argv += guest.extra
        if incoming:
            argv += ["-incoming", "defer", "-S"]
        self.process = tb.process(label, argv, env=env)
        self.qmp = None
        if guest.attach != "none":
            wait_for(f"{label} to export its memory", lambda: self._up(export))
        self.call("query-status")  # answered once all of the machine is there

    def _up(self, export):
        self.process.check()
        return os.path.exists(export)

    def ram_paths(self):
        """The files behind its memory, in the order of the backends."""
        if self.guest.kind in ("file", "disk-file"):
            return [str(f) for f in self.files]
        fds = f"/proc/{self.process.pid}/fd"
        found = {}
        for fd in os.listdir(fds):
            name = os.readlink(f"{fds}/{fd}")
            if "memory-backend-memfd" in name:
                found[os.stat(f"{fds}/{fd}").st_ino] = f"{fds}/{fd}"
        return [found[inode] for inode in sorted(found)]

    def call(self, command, **arguments):
        """A QMP command, over a monitor of the test bed's own."""
        if not self.qmp:
            self.qmp = Qmp(self.monitor)
        return self.qmp.call(command, **arguments)

    def wait_event(self, *names):
        """The next event of one of these names since the last one that was waited for."""
        return self.qmp.wait_event(*names)

    def state(self):
        """QEMU's run state; 'gone' when the process has ended."""
        if not self.process.running():
            return "gone"
        try:
            return self.call("query-status")["status"]
        except (ConnectionError, OSError):
            return "gone"

    def wait_ready(self, timeout_s=120, seen=True):
        """Until the guest's load runs, and with seen its page has been found."""
        def ready():
            self.process.check()
            text = self.serial_text()
            if "GODWIT-FAILED" in text:
                raise Failed(text)
            return "GODWIT-READY" in text
        wait_for(f"guest {self.guest.name} to boot", ready, timeout_s)
        if seen:
            self.guest.page = wait_for("the guest's page",
                                       lambda: GuestPage.find(self.ram_paths()), 30)

    def serial_text(self):
        """What the guest printed at this end."""
        if not self.serial.exists():
            return ""
        return self.serial.read_text(errors="replace")

    def stop(self):
        """Ends the process and lets go of its files."""
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        self.process.stop()


class NativeGuest:
    """A synthetic guest: godwit-guest, whose profile the options give."""

    def __init__(self, testbed, name, ram_mib=64, write_rate=2000, check_rate=40000, regions=1,
                 extra=(), user=None):
        self.testbed = testbed
        self.name = name
        self.regions = regions
        self.user = user
        self.profile = ["--ram", f"{ram_mib}M", "--regions", regions, "--write-rate", write_rate,
                        "--check-rate", check_rate, "--counter", *extra]
        self.page = None
        self.instances = 0

    def start(self, host, incoming=False):
        """Starts it on a host; with incoming it waits to be migrated to."""
        places.need(places.GODWIT_GUEST)
        self.instances += 1
        return NativeInstance(self, host, incoming, self.instances)


class NativeInstance(Instance):
    """One godwit-guest process."""

    def __init__(self, guest, host, incoming, number):
        self.guest = guest
        self.host = host
        tb = guest.testbed
        label = f"{guest.name}-{host.name}-{number}"
        self.file = tb.ram_directory / f"{label}.m0"
        argv = tb.become(guest.user) + [
            tb.reachable(places.GODWIT_GUEST, guest.user), "--socket",
            host.vm_dir / f"{guest.name}.export", "--name", guest.name, "--mem-path", self.file,
            *guest.profile]
        self.process = tb.process(label, argv + (["--incoming"] if incoming else []))
        wait_for(f"{label} to be ready", self._ready)

    def _ready(self):
        self.process.check()
        return ": ready" in self.process.log()

    def ram_paths(self):
        """The files behind its memory."""
        n = self.guest.regions
        return [str(self.file)] if n == 1 else [f"{self.file}.{i}" for i in range(n)]

    def wait_ready(self, timeout_s=60):
        """Until its page has been found."""
        self.guest.page = wait_for("the guest's page", lambda: GuestPage.find(self.ram_paths()),
                                   timeout_s)

    def serial_text(self):
        """What it printed."""
        return self.process.log()

    def state(self):
        """running, paused, or gone."""
        before = self.process.log().count("state=")
        self.process.signal(signal.SIGUSR1)

        def told():
            lines = [x for x in self.process.log().splitlines() if "state=" in x]
            if not self.process.running():
                return "gone"
            return lines[-1].split("state=")[1].split()[0] if len(lines) > before else None
        return wait_for(f"{self.guest.name} to tell its state", told, 20, 0.005)

    def stop(self):
        """Ends it."""
        self.process.stop()
