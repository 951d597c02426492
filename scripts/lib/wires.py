# SPDX-License-Identifier: BSD-3-Clause
"""Pairs of ports that join host A and host B on one machine."""

import os
import subprocess
import time


def address(family, net, side):
    """A port's address with its prefix length: host 1 or 2 of a subnet of its pair."""
    if family == 6:
        return f"fd00:{net.replace('.', ':')}::{side + 1}/64"
    return f"10.{net}.{side + 1}/24"


class MemifPair:
    """Shared memory: host A serves, host B is client (and receives without a copy)."""

    netns = None
    roles = ("server", "client")

    def __init__(self, directory, index, mtu=1500, rate="10G", family=4):
        self.name = f"p{index}"
        self.sockets = self._sockets(directory, index)
        # A frame must fit one buffer: memif may corrupt a chained frame after the ring wraps. Rings
        # of 2 to the rsize frames: about as many bytes, whatever the MTU.
        self.options = "bsize=2048,rsize=10" if mtu <= 1900 else "bsize=10240,rsize=8"
        self.sides = [
            {"name": self.name, "address": address(family, f"77.{index}", side), "mtu": mtu,
             "rate": rate, "device": f"net_memif{index},role={self.roles[side]},id={index},"
                       f"socket={self.sockets[side]},socket-abstract=no,{self.options}" +
                       (",zero-copy=yes" if side else "")}
            for side in (0, 1)]

    def _sockets(self, directory, index):
        return [directory / f"memif{index}.sock"] * 2

    def close(self):
        """Nothing stays but the socket, which is in the test bed's folder."""


class SwitchedPair(MemifPair):
    """The same through a switch (tests/net/flood.c), which serves both and starts first."""

    roles = ("client", "client")

    def _sockets(self, directory, index):
        return [directory / f"memif{index}{end}.sock" for end in "ab"]

    def cable(self):
        """The switch's argument."""
        ends = (s["address"].split("/")[0] for s in self.sides)
        return ",".join(map(str, (*self.sockets, *ends, self.options)))


class VethPair:
    """Two ports on a switch (a bridge) in a network namespace of their own, by af_packet or af_xdp.

    Unlike a memif it can be cut. Both ends stay up then, as with a switch that fails behind the
    first cable: what is sent is lost without a word.
    """

    def __init__(self, netns, index, mtu=1500, rate="1G", driver="af_packet", family=4):
        self.netns = netns
        self.family = family
        self.name = f"p{index}"
        self.switch = f"sw{index}"
        self.plugs = [f"sa{index}", f"sb{index}"]
        run(netns, "ip", "link", "add", self.switch, "type", "bridge", "mcast_snooping", "0")
        links = [f"ga{index}", f"gb{index}"]
        # af_packet names its fanout groups by process id xor interface index: near ids of two
        # daemons must not meet.
        for link, plug, ifindex in zip(links, self.plugs, (1024 + index, 16384 + index)):
            run(netns, "ip", "link", "add", link, "index", ifindex, "mtu", mtu, "type", "veth",
                "peer", "name", plug, "mtu", mtu)
        self.links = links
        self.plug()
        for link in (self.switch, *links, *self.plugs):
            # The kernel must not answer or add packets of its own to what is measured.
            run(netns, "sysctl", "-qw", f"net.ipv6.conf.{link}.disable_ipv6=1", check=False)
            run(netns, "ip", "link", "set", link, "up")
        frame = 2048 if mtu <= 1900 else 16384
        options = {
            "af_packet": f"qpairs=1,framesz={frame},blocksz={frame * 64},framecnt=512",
            "af_xdp": "start_queue=0,queue_count=1",
        }[driver]
        self.sides = [
            {"name": self.name, "address": address(family, f"78.{index}", side), "mtu": mtu,
             "rate": rate, "device": f"net_{driver}{index},iface={link},{options}"}
            for side, link in enumerate(links)]

    def pull(self):
        """The way is cut."""
        for plug in self.plugs:
            run(self.netns, "ip", "link", "set", plug, "nomaster")

    def plug(self):
        """The way is there again."""
        for plug in self.plugs:
            run(self.netns, "ip", "link", "set", plug, "master", self.switch)

    def down(self):
        """Both ends lose their carrier, as when the cable itself goes."""
        for plug in self.plugs:
            run(self.netns, "ip", "link", "set", plug, "down")

    def up(self):
        """Both ends have a carrier again."""
        for plug in self.plugs:
            run(self.netns, "ip", "link", "set", plug, "up")

    def route(self):
        """In place of the switch the kernel routes between the sides, which get a subnet each; over
        IPv6 they know its link-local address only."""
        self.pull()
        for side, plug in enumerate(self.plugs):
            if self.family == 4:
                run(self.netns, "ip", "address", "replace", f"10.79.{side}.9/24", "dev", plug)
                self.sides[side].update(address=f"10.79.{side}.1/24", gateway=f"10.79.{side}.9")
                continue
            run(self.netns, "sysctl", "-qw", *(f"net.ipv6.conf.{plug}.{s}"
                                               for s in ("disable_ipv6=0", "forwarding=1")))
            for own in ("fe80::1/64", f"fd00:79:{side}::9/64"):
                run(self.netns, "ip", "address", "replace", own, "dev", plug, "nodad")
            self.sides[side].update(address=f"fd00:79:{side}::1/64", gateway="fe80::1")
        run(self.netns, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def snoop(self):
        """The switch asks who listens to which group, and passes a group's packets to nobody else."""
        run(self.netns, "sysctl", "-qw", f"net.ipv6.conf.{self.switch}.disable_ipv6=0")
        run(self.netns, "ip", "address", "replace", "fe80::5/64", "dev", self.switch, "nodad")
        run(self.netns, "ip", "link", "set", self.switch, "type", "bridge", "mcast_snooping", "1",
            "mcast_querier", "1")

    def inject(self, side, frame):
        """A frame that a side receives."""
        run(self.netns, "/usr/bin/python3", "-c", "import socket; s = socket.socket("
            f"socket.AF_PACKET, socket.SOCK_RAW); s.bind(('{self.plugs[side]}', 0)); "
            f"s.send(bytes.fromhex('{frame.hex()}'))")

    def listeners(self):
        """(plug, group) that the switch has heard of."""
        out = subprocess.run(in_netns(self.netns, ["bridge", "mdb", "show", "dev", self.switch]),
                             check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        return {(out[i + 1], out[i + 3]) for i, word in enumerate(out) if word == "port"}

    def neighbour(self, side):
        """The MAC of a side's port, as the kernel finds it from the switch; IPv6 only."""
        ip = self.sides[side]["address"].split("/")[0]
        run(self.netns, "sysctl", "-qw", f"net.ipv6.conf.{self.switch}.disable_ipv6=0")
        run(self.netns, "ip", "address", "replace", address(6, f"78.{self.name[1:]}", 8), "dev",
            self.switch, "nodad")
        # What is sent there waits for the answer.
        run(self.netns, "/usr/bin/python3", "-c", "import socket; socket.socket("
            f"socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'', ('{ip}', 9))")
        for _ in range(50):
            found = subprocess.run(in_netns(self.netns, ["ip", "neighbour", "show", ip]),
                                   check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            if "lladdr" in found:
                return found[found.index("lladdr") + 1]
            time.sleep(0.1)
        return None

    def close(self):
        """The namespace takes the links along."""


def run(netns, *argv, check=True):
    """Runs a command inside the namespace."""
    subprocess.run(in_netns(netns, argv), check=check, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE if check else subprocess.DEVNULL)


def in_netns(netns, argv):
    """The command line that runs argv there. Not `ip netns exec`: that hides part of /sys."""
    argv = [str(a) for a in argv]
    return ["nsenter", f"--net=/run/netns/{netns}", *argv] if netns else argv


def make_netns(name):
    """A network namespace with loopback up."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    run(name, "ip", "link", "set", "lo", "up")


def remove_netns(name):
    """Removes it where it is."""
    if os.path.exists(f"/run/netns/{name}"):
        subprocess.run(["ip", "netns", "delete", name], check=False)
