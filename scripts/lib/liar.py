# SPDX-License-Identifier: BSD-3-Clause
"""A hypervisor process that breaks the export contract in one chosen way, and keeps it otherwise.

usage: liar.py SOCKET MEMORY_FILE MIB [incoming:]LIE    (liar.py --list names the lies)

It stands on its own, as a native exporter with one region ram0; the contract is
dataplane/export/godwit_export.h. It writes what it does to its output.
"""

import fcntl
import mmap
import os
import signal
import socket
import struct
import sys

PAGE = 4096
(HELLO, START, STARTED, STOP, STOPPED, SYNC, SYNCED, PAUSE, PAUSED, RESUME, RESUMED, SAVE, SAVED,
 LOAD, LOADED, QUIT, ERROR) = range(1, 18)
TRACK, LIFECYCLE, IS_PAUSED, IS_INCOMING = 1, 2, 4, 0x80
ENTRIES = 64
RING_BYTES = 2 * PAGE
STATE = b"a state of no guest"

LIES = {
    "stall-hello": "never greets",
    "stall-start": "never says that tracking is on",
    "stall-sync": "never answers SYNC",
    "name": "greets as another VM than its socket says",
    "maker-ended": "serves a socket whose maker's process number may be anybody's",
    "flood": "sends answers without end that nobody asked for",
    "flood-hello": "greets without end",
    "babble": "sends bytes that are no message",
    "long": "sends a message that is longer than any",
    "ring-region": "names a page of a region that does not exist",
    "ring-page": "names a page behind the region's end",
    "ring-run": "names a run that leaves the region",
    "ring-head": "moves its cursor further than the ring is long",
    "ring-back": "moves its cursor back",
    "synced-ahead": "says heads that the ring has not reached",
    "synced-epoch": "answers for another epoch",
    "fd-none": "greets without its memory",
    "fd-pipe": "passes a pipe as memory",
    "fd-fifo": "passes a FIFO as memory",
    "fd-directory": "passes a directory as memory",
    "fd-device": "passes a device as memory",
    "fd-path": "passes a descriptor that opens nothing",
    "fd-readonly": "passes memory that is open for reading only",
    "fd-small": "passes memory that is smaller than it says",
    "fd-sealed": "passes memory that is sealed against writing",
    "fd-disk": "passes a file of a file system as memory, and says tmpfs",
    "fd-ring-unsealed": "passes rings that could shrink",
    "shrink": "cuts its memory off while it is read or written",
    "shrink-at-pause": "cuts its memory off when the guest pauses",
    "vanish": "ends while its memory is read or written",
    "state-size": "says a device state larger than its file",
    "state-pipe": "passes a pipe as device state",
    "state-huge": "says a device state beyond any limit",
    "refuse": "answers with an error that has no end",
}


def _memfd(size, seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW):
    fd = os.memfd_create("liar", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if seals:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


class Liar:
    """One client's view of the lie."""

    def __init__(self, path, memory, mib, lie):
        self.lie = lie
        self.path = path
        self.size = mib << 20
        self.memory = memory
        self.fd = os.open(memory, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self.fd, self.size)
        self.paused = self.incoming = False
        self.syncs = 0
        self.head = 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.path.exists(path):
            os.unlink(path)
        self.listener.bind(path)
        self.listen()

    def listen(self):
        """From here on the socket is known as made by the process that calls it."""
        if self.lie != "maker-ended":
            self.listener.listen(8)
            return
        child = os.fork()
        if child == 0:
            self.listener.listen(8)
            os._exit(0)
        os.waitpid(child, 0)

    def fill(self):
        """Data in every page, so that there is something to send."""
        for at in range(0, self.size, 1 << 20):
            os.pwrite(self.fd, os.urandom(1 << 20), at)

    def region_fd(self):
        """The memory, or what is passed for it."""
        lie = self.lie
        if lie == "fd-pipe":
            return os.pipe()[0]
        if lie == "fd-fifo":
            os.mkfifo(self.memory + ".fifo")
            return os.open(self.memory + ".fifo", os.O_RDWR)
        if lie == "fd-directory":
            return os.open("/dev/shm", os.O_RDONLY | os.O_DIRECTORY)
        if lie == "fd-device":
            return os.open("/dev/zero", os.O_RDWR)
        if lie == "fd-path":
            return os.open(self.memory, os.O_PATH)
        if lie == "fd-readonly":
            return os.open(self.memory, os.O_RDONLY)
        if lie == "fd-small":
            return _memfd(self.size - PAGE)
        if lie == "fd-sealed":
            return _memfd(self.size, fcntl.F_SEAL_WRITE)
        if lie == "fd-disk":
            fd = os.open(os.environ["LIAR_DISK"], os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(fd, self.size)
            return fd
        return self.fd

    def name(self):
        """Of the VM: what its socket is called."""
        name = os.path.basename(self.path).removesuffix(".export")
        return ("another" if self.lie == "name" else name).encode()

    def send(self, kind, body=b"", fds=()):
        """One message."""
        packet = struct.pack("=II", kind, 8 + len(body)) + body
        if fds:
            socket.send_fds(self.sock, [packet], list(fds))
        else:
            self.sock.send(packet)

    def hello(self):
        """The greeting, with new rings."""
        ring_fd = _memfd(PAGE + RING_BYTES, 0 if self.lie == "fd-ring-unsealed" else
                         fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        self.ring = mmap.mmap(ring_fd, PAGE + RING_BYTES)
        self.ring[:24] = struct.pack("=IIIIQ", 0x676f6477, 1, 1, ENTRIES, RING_BYTES)
        region = struct.pack("=QQIiIB3x64s", self.size, 0, PAGE, -1, 2, 0, b"ram0")
        caps = TRACK | LIFECYCLE | (IS_PAUSED if self.paused else 0) | (
            IS_INCOMING if self.incoming else 0)
        body = struct.pack("=II16s64siIII256s", 1, caps, b"", self.name(), os.getpid(), 1, 1, ENTRIES,
                           b"") + region.ljust(16 * 96, b"\0")
        fds = [ring_fd] if self.lie == "fd-none" else [ring_fd, self.region_fd()]
        self.send(HELLO, body, fds)

    def push(self, page, count=1, region=0):
        """A run of dirty pages."""
        entry = page & (1 << 40) - 1 | count - 1 << 40 | region << 52
        at = PAGE + 128 + self.head % ENTRIES * 8
        self.ring[at:at + 8] = struct.pack("=Q", entry)
        self.set_head(self.head + 1)

    def set_head(self, head):
        """The ring's producer cursor."""
        self.head = head
        self.ring[PAGE:PAGE + 8] = struct.pack("=Q", head)

    def sync(self, epoch):
        """Answers SYNC, or lies."""
        self.syncs += 1
        pages = self.size // PAGE
        said = None
        if self.lie == "stall-sync":
            return
        if self.lie == "ring-region":
            self.push(0, region=77)
        elif self.lie == "ring-page":
            self.push(pages)
        elif self.lie == "ring-run":
            self.push(pages - 1, count=2)
        elif self.lie == "ring-head":
            self.set_head(self.head + ENTRIES + 1)
        elif self.lie == "ring-back" and self.syncs > 1:
            self.set_head(self.head - 1)
        elif self.lie == "synced-ahead":
            said = self.head + 5
        elif self.lie == "synced-epoch":
            epoch += 1
        else:
            self.push(self.syncs % pages)
        heads = [self.head if said is None else said] + 15 * [0]
        self.send(SYNCED, struct.pack("=QQ16Q", epoch, 1, *heads))

    def save(self):
        """The device state, or what is passed for it."""
        fd = _memfd(len(STATE), 0)
        os.pwrite(fd, STATE, 0)
        size = len(STATE)
        if self.lie == "state-size":
            size += 1
        elif self.lie == "state-huge":
            size = 1 << 62
        elif self.lie == "state-pipe":
            fd = os.pipe()[0]
        self.send(SAVED, struct.pack("=Q", size), [fd])

    def serve(self, kind, body):
        """One request."""
        if kind == START:
            if self.lie != "stall-start":
                self.send(STARTED)
            while self.lie == "flood":
                self.send(STARTED)
        elif kind == STOP:
            self.send(STOPPED)
        elif kind == SYNC:
            self.sync(struct.unpack("=Q", body[:8])[0])
        elif kind == PAUSE:
            if self.lie == "shrink-at-pause":
                self.shrink()
            self.paused = True
            self.send(PAUSED)
        elif kind == RESUME:
            self.paused = False
            self.send(RESUMED)
        elif kind == SAVE:
            self.save()
        elif kind == LOAD:
            self.incoming = False
            self.send(LOADED)
        elif kind == QUIT:
            sys.exit(0)

    def greet(self):
        """What a new client gets."""
        if self.lie == "stall-hello":
            return
        if self.lie == "babble":
            self.sock.send(os.urandom(600))
        elif self.lie == "long":
            self.sock.send(struct.pack("=II", HELLO, 65000).ljust(65000, b"\1"))
        elif self.lie == "refuse":
            self.send(ERROR, struct.pack("=Ii256s", HELLO, -5, b"x" * 256))
        else:
            self.hello()
        while self.lie == "flood-hello":
            self.hello()

    def shrink(self):
        """The memory, but a page of it, is gone."""
        print("shrinks", flush=True)
        os.ftruncate(self.fd, PAGE)

    def client(self):
        """Serves one client until it is gone."""
        self.greet()
        while True:
            packet, fds, _, _ = socket.recv_fds(self.sock, 65536, 17)
            for fd in fds:
                os.close(fd)
            if not packet:
                return
            kind, _ = struct.unpack("=II", packet[:8])
            print(f"request {kind}", flush=True)
            self.serve(kind, packet[8:])

    def run(self):
        """Clients, one after the other."""
        while True:
            self.sock, _ = self.listener.accept()
            try:
                self.client()
            except OSError as e:
                print(f"client: {e}", flush=True)
            self.sock.close()


def main():
    """Never returns by itself."""
    if sys.argv[1:] == ["--list"]:
        for name, what in LIES.items():
            print(f"{name:18} {what}")
        return
    path, memory, mib, lie = sys.argv[1:]
    incoming = lie.startswith("incoming:")
    lie = lie.removeprefix("incoming:")
    if lie not in LIES and lie != "none":
        sys.exit(f"liar: no lie '{lie}'")
    liar = Liar(path, memory, int(mib), lie)
    liar.paused = liar.incoming = incoming
    if not incoming:
        liar.fill()
    if lie in ("shrink", "vanish"):
        # When somebody says so: in the middle of the copying.
        signal.signal(signal.SIGUSR2, lambda *_: liar.shrink() if lie == "shrink" else os._exit(1))
    print("liar: ready", flush=True)
    liar.run()


if __name__ == "__main__":
    main()
