# SPDX-License-Identifier: BSD-3-Clause
"""Certificates between hosts: who is refused and what both ends say, rotation, expiry, floods."""

import ipaddress
import json
import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import time

from common import LOAD, check, check_equal, check_report, move
from pki import Pki
from procs import wait_for
from rpc import RpcError
from wires import in_netns

# Writes the payloads of large UDP packets that it hears to a file, up to a number of bytes, and says
# how many frames those were.
LISTENER = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
s.settimeout(2)
print("ready", flush=True)
left, frames, quiet = int(sys.argv[2]), 0, time.monotonic() + 20
with open(sys.argv[1], "wb") as f:
    while left > 0 and time.monotonic() < quiet:
        try:
            frame = s.recv(65536)
        except TimeoutError:
            continue
        if len(frame) > 1000:
            f.write(frame[42:])
            left -= len(frame)
            frames += 1
print("frames", frames, flush=True)
"""
LISTENED_BYTES = 4 << 20
IN_CLEAR = "`security` is off there and on here"


def _hosts(tb, change=None, **options):
    """Two hosts, changed before they start, each on its own."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False, **options)
    if change:
        change(a, b)
    for host in (a, b):
        host.start()
    return a, b


def _error(host, peer):
    """What `peers` says of another host; None where it is connected."""
    found = [p for p in host.call("peers")["peers"] if p["name"] == peer.name]
    check_equal(len(found), 1, "entries of the peer")
    return None if found[0]["connected"] else found[0].get("error", "")


def _both_say(a, b, a_says, b_says):
    """A cannot reach B; A's `peers` and B's log have the reasons."""
    error = _error(a, b)
    check(error and a_says in error, f"{a_says!r} in {error!r}")
    wait_for(f"{b_says!r} in the log of {b.name}", lambda: b_says in b.daemon.log(), 10)


def _other(tb):
    return Pki(tb.directory / "other-pki")


def _on_the_wire(tb, security):
    """Moves a guest over a cable that is listened to; whether its memory could be read there."""
    a, b = tb.hosts(tb.veths(1), security=security)
    guest = tb.native("vm1", ram_mib=16, extra=["--zero", "0", "--holes", "0"])
    source = guest.start(a)
    source.wait_ready()
    memory = source.file.read_bytes()
    tap = tb.directory / "tap"
    listener = tb.process("listener", in_netns(tb.netns, [
        sys.executable, "-c", LISTENER, tap, str(LISTENED_BYTES)]))
    wait_for("the listener", lambda: "ready" in listener.log(), 10)
    guest.start(b, incoming=True)
    report = a.migrate("vm1", b).wait_completed()
    check_report(report)
    check_equal(listener.wait(30), 0, "the listener's end")
    heard = tap.read_bytes()
    # Nothing is found in nothing: the pages did pass, and the pieces are of this guest.
    frames = int(listener.log().rsplit("frames ", 1)[1].split()[0])
    check(frames >= LISTENED_BYTES // 9000, f"frames that were heard: {frames}")
    check(len(heard) >= LISTENED_BYTES * 9 // 10, f"bytes that were heard: {len(heard)}")
    # Pieces of pages as they were before the guest wrote on.
    pieces = [memory[at:at + 64] for at in range(2048, len(memory), 65536)]
    check(len({p for p in pieces if len(set(p)) > 16}) > 100, "pieces that are nobody else's")
    found = sum(1 for p in pieces if p in heard)
    check_equal(report["integrity"], "aes-128-gcm" if security == "on" else "crc32c", "integrity")
    return found


def test_pages_are_encrypted(tb):
    """What crosses a cable is of no use to who listens."""
    check_equal(_on_the_wire(tb, "on"), 0, "pieces of guest memory on the wire")


def test_pages_in_the_clear(tb):
    """The same without security: the listener of the test above does hear what is to be heard."""
    check(_on_the_wire(tb, "off") > 10, "pieces of guest memory on the wire")


def test_cipher(tb):
    """AES-256 where it is configured; it must be at both ends."""
    def change(a, b):
        for host in (a, b):
            host.config["dataplane"]["cipher"] = "aes-256-gcm"
    a, b = _hosts(tb, change)
    a.wait_peer(b)
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    _, report = move(guest, source, a, b)
    check_equal((report["integrity"], report["security"]), ("aes-256-gcm", "on"), "report")
    b.daemon.stop()
    b.config["dataplane"]["cipher"] = "aes-128-gcm"
    b.start()
    a.call("peers")
    found = [p for p in a.call("peers")["peers"] if p["name"] == "b"][0]
    check("aes-256-gcm here, aes-128-gcm at the peer" in found.get("error", ""), f"{found}")


def test_wrong_authority(tb):
    """A certificate of an authority that the other end does not have."""
    other = _other(tb)
    other.hosts("b")

    def change(_a, b):
        b.secure(pki=other)
    a, b = _hosts(tb, change)
    _both_say(a, b, "is refused: unable to get local issuer certificate",
              "its tls.ca does not have the authority that issued it")


def test_expired(tb):
    """A certificate that has ended; its owner knows it from the start."""
    def change(_a, _b):
        tb.pki.run("--force", "--until", "2 days ago", "{}", "b:127.0.0.1")
    a, b = _hosts(tb, change)
    _both_say(a, b, "its certificate (for b, 127.0.0.1) is refused: certificate has expired",
              "it refuses this host's certificate: expired")
    check("peers will refuse it: certificate has expired" in b.daemon.log(), b.daemon.log())
    _, out, _ = b.ctl("peers")
    check("tls.certificate: has ended on" in out, out)


def test_wrong_name(tb):
    """B has the certificate of another host."""
    def change(_a, b):
        tb.pki.hosts("c")
        b.config["tls"] = tb.pki.files("c")
    a, b = _hosts(tb, change)
    _both_say(a, b, "its certificate is for c, 127.0.0.1, not for 'b'",
              "it is not for the name that the peer expects here")
    check("it is for c, 127.0.0.1, not for this host's name 'b'" in b.daemon.log(),
          b.daemon.log())
    # And where it connects, its hello is not believed.
    _both_say(b, a, "it calls itself 'b', its certificate is for c", "it calls itself 'b'")


def test_revoked(tb):
    """A revoked certificate, at both ends of a connection."""
    def change(_a, b):
        tb.pki.run("--revoke", "b", "{}")
        del b.config["tls"]["crl"]
    a, b = _hosts(tb, change)
    _both_say(a, b, "is refused: certificate revoked", "refuses this host's certificate: revoked")
    _both_say(b, a, "it refuses this host's certificate: revoked",
              "is refused: certificate revoked")


def _s_client(host, *args):
    """What `openssl s_client` has to say."""
    # Until the other end is done, not until there is nothing more to say.
    argv = ["openssl", "s_client", "-ign_eof", "-connect", f"127.0.0.1:{host.port}", *args]
    done = subprocess.run(argv, input="x\n", capture_output=True, text=True, timeout=20,
                          check=False)
    return done.stdout + done.stderr


def test_old_tls(tb):
    """TLS 1.2 is not spoken."""
    _, b = _hosts(tb)
    files = tb.pki.files("a")
    said = _s_client(b, "-tls1_2", "-cert", files["certificate"], "-key", files["key"])
    check("protocol version" in said, said)
    wait_for("the log", lambda: "it wants a TLS older than 1.3" in b.daemon.log(), 10)


def test_no_certificate(tb):
    """Everybody shows a certificate."""
    _, b = _hosts(tb)
    said = _s_client(b, "-tls1_3")
    check("certificate required" in said, said)
    wait_for("the log", lambda: "it has no certificate" in b.daemon.log(), 10)


def test_other_setting(tb):
    """Security is on at one end and off at the other: both ends say so, in both directions."""
    def change(_a, b):
        b.secure("off")
        del b.config["tls"]
    a, b = _hosts(tb, change)
    _both_say(a, b, IN_CLEAR, "it speaks TLS: `security` is on there and off here")
    _both_say(b, a, "you speak in the clear: `security` is on here and off there", IN_CLEAR)


def test_off_is_loud(tb):
    """Labs may do without; nobody can overlook it."""
    a, b = tb.hosts(tb.memifs(1, 9000), security="off")
    check("security: off: nothing is encrypted" in a.daemon.log(), a.daemon.log())
    check_equal(a.call("peers")["security"], "off", "security")
    _, out, _ = a.ctl("peers")
    check("security: OFF: nothing is encrypted" in out, out)
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    _, report = move(guest, source, a, b)
    check_equal(report["security"], "off", "security in the report")
    _, out, _ = a.ctl("show", "vm1")
    check("security            OFF" in out, out)


def _off(tb):
    """Host B without security, and a connection to it as that of a made-up host A."""
    _, b = tb.hosts(tb.memifs(1, 9000), security="off")
    return b, socket.create_connection(("127.0.0.1", b.port), 10)


def _hello(*addresses):
    return _frame({"v": 2, "type": "hello", "version": "0.0.9", "name": "a", "abi": 1, "protocol": 2,
                   "host": {"integrity": "crc32c", "cores": 1, "ports": [
                       {"ipv4": int(ipaddress.ip_address(a)), "prefix": 24, "mtu": 9000}
                       for a in addresses]}})


def test_off_stays_private(tb):
    """Without security pages leave to private addresses only, whatever a peer says of its ports."""
    b, stream = _off(tb)
    with stream:
        stream.sendall(_hello("10.0.0.1", "198.51.100.7"))
        bye = _hear(stream)
        check_equal(bye["type"], "bye", "its answer")
        check("its port 1 has the address 198.51.100.7: with `security: off` only private" in
              bye["reason"], bye["reason"])
    check(b.daemon.running(), "B lives on")


def test_off_paths_of_others(tb):
    """A peer proposes paths from its own ports only."""
    b, stream = _off(tb)
    to = b.call("ports")["ports"][0]["address"].split("/")[0]
    with stream:
        stream.sendall(_hello("10.0.0.1"))
        check_equal(_hear(stream)["type"], "hello", "its answer")
        path = [int(ipaddress.ip_address(ip)) for ip in ("10.0.0.2", to)] + [0, 0, 0, 0, 9000]
        stream.sendall(_frame({"v": 2, "type": "paths", "paths": [path]}))
        wait_for("B to part", lambda: "its message 'paths' is not valid here" in b.daemon.log(), 10)


def test_unlisted(tb):
    """A host of the same authority that has no entry is not welcome, unless '*' says so."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    b.config["peers"] = []
    for host in (a, b):
        host.start()
    _both_say(a, b, "'a' has no entry under peers in the configuration of godwitd 'b'",
              "'a' has no entry under peers")
    b.daemon.stop()
    b.config["peers"] = [{"name": "*"}]
    b.start()
    a.wait_peer(b)


def _refused(call):
    try:
        call()
    except RpcError as e:
        check_equal(e.code, 2, "code of a refusal")
        return e.reasons()
    raise AssertionError("it was admitted")


def test_allow(tb):
    """Which VM may go where is said at both ends, by patterns."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    a.config["peers"][0]["allow"] = {"send": ["web-*", "db"]}
    b.config["peers"][0]["allow"] = {"receive": ["web-?"], "send": []}
    for host in (a, b):
        host.start()
    a.wait_peer(b)
    guests = {name: tb.native(name) for name in ("web-1", "db", "mail")}
    instances = {name: g.start(a) for name, g in guests.items()}
    for i in instances.values():
        i.wait_ready()
    for name in ("db", "mail"):
        guests[name].start(b, incoming=True)
        check("not_allowed" in _refused(lambda n=name: a.migrate(n, b)), f"{name} is refused")
        found = a.call("check", vm=name, host="b")
        where = [r["where"] for r in found["reasons"] if r["code"] == "not_allowed"]
        check_equal(where, ["destination" if name == "db" else "source"], "who forbids it")
    move(guests["web-1"], instances["web-1"], a, b)
    # B may send nothing to A.
    check("not_allowed" in _refused(lambda: b.migrate("web-1", a)), "B sends nothing")


def test_rotation(tb):
    """New certificates while a guest moves; connections that exist go on."""
    a, b = tb.hosts(tb.memifs(1, 9000, "1G"))
    guest = tb.qemu("vm1", backends=(256,), load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    session = a.migrate("vm1", b)
    session.wait_phase("precopy", "switchover")
    for host in (a, b):
        tb.pki.run("--renew", "--days", "90", "{}", f"{host.name}:127.0.0.1,new.example")
        host.ctl("reload")
        check("new credentials are in use: for " + host.name in host.daemon.log(), "the log")
    session.wait_completed()
    destination.wait_advance()
    # A connection that is made now shows the new ones: B has none to A yet.
    peer = [p for p in b.call("peers")["peers"] if p["name"] == "a"][0]
    check(peer["connected"] and peer["certificate_days_left"] in (89, 90), f"days left: {peer}")


def test_bad_rotation(tb):
    """A file of no use leaves the old credentials in use, and both logs and peers say so."""
    a, b = tb.hosts(tb.memifs(1, 9000))
    path = tb.pki.directory / "b" / "host.pem"
    good = path.read_text()
    path.write_text(good[:200])
    code, _, err = b.ctl("reload", check=False)
    check(code != 0 and "tls.certificate: " in err, err)
    check("credentials from before stay in use" in b.daemon.log(), b.daemon.log())
    check("tls.certificate" in b.call("peers")["error"], "peers tells")
    a.daemon.stop()
    a.start()
    check_equal(_error(a, b), None, "A reaches B")
    path.write_text(good)
    wait_for("the file to be noticed", lambda: "error" not in b.call("peers"), 30, 0.5)
    # SIGHUP says the same as godwitctl reload.
    before = b.daemon.log().count("new credentials are in use")
    b.daemon.signal(1)
    wait_for("SIGHUP", lambda: b.daemon.log().count("new credentials are in use") > before, 10)


def test_revoked_later(tb):
    """Who is revoked is out at once, unless a guest is on its way."""
    a, b = tb.hosts(tb.memifs(1, 9000))
    check_equal(_error(a, b), None, "A reaches B")
    tb.pki.run("--revoke", "b", "{}")
    a.ctl("reload")
    wait_for("A to close the connection", lambda: "certificate revoked" in a.daemon.log(), 20)
    wait_for("B to hear why", lambda: "it refuses this host: certificate revoked" in
             b.daemon.log(), 10)
    check("certificate revoked" in (_error(a, b) or ""), "A does not reach B any more")


def _revoked_on_the_way(tb, revoked, who_sees):
    """One of two hosts is revoked while a guest moves: it arrives, and no other begins to."""
    a, b = tb.hosts(tb.memifs(1, 9000, "200M"))
    for name, ram_mib in (("vm1", 64), ("vm2", 16)):
        guest = tb.native(name, ram_mib=ram_mib, extra=["--zero", "0", "--holes", "0"])
        guest.start(a).wait_ready()
        guest.start(b, incoming=True)
    first = a.migrate("vm1", b)
    first.wait_phase("precopy")
    tb.pki.run("--revoke", revoked, "{}")
    judge = {"a": a, "b": b}[who_sees]
    judge.ctl("reload")
    check("is not accepted any more: certificate revoked" in judge.daemon.log(), "the log")
    try:
        a.migrate("vm2", b)
        raise AssertionError("it was admitted")
    except RpcError as e:
        refusal = e
    check_report(first.wait_completed())
    wait_for("the connection to be closed", lambda: _error(a, b) is not None, 20)
    return refusal


def test_revoked_source(tb):
    """Nothing more is taken from a host that was revoked while it sends a guest."""
    check_equal(_revoked_on_the_way(tb, "a", "b").reasons(), ["not_trusted"], "why")


def test_revoked_destination(tb):
    """Nothing more is sent to a host that was revoked while a guest goes there."""
    refusal = _revoked_on_the_way(tb, "b", "a")
    check("certificate revoked" in refusal.message, refusal.message)


def test_other_name(tb):
    """A host that has an entry does not come under '*' by another name of its certificate."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    tb.pki.run("--renew", "{}", "a:127.0.0.1,a.example")
    b.config["peers"] = [{"name": "a", "address": f"127.0.0.1:{a.port}", "allow": {"receive": []}},
                         {"name": "*"}]
    for name in ("a.example", "A"):
        a.config["name"] = name
        for host in (a, b):
            host.start()
        _both_say(a, b, "it refuses this host: it calls itself",
                  f"it calls itself '{name}', its certificate is that of peer 'a'")
        for host in (a, b):
            host.daemon.stop()


def test_expiry_is_announced(tb):
    """30 days ahead: own certificate and the peer's, in logs and in peers."""
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    tb.pki.run("--renew", "--until", "9 days 12 hours", "{}", "b:127.0.0.1")
    for host in (a, b):
        host.start()
    a.wait_peer(b)
    check("host.pem: ends on " in b.daemon.log(), b.daemon.log())
    wait_for("A's warning", lambda: "its certificate ends in 9 days" in a.daemon.log(), 10)
    _, out, _ = b.ctl("peers")
    check("tls.certificate: ends on " in out, out)
    _, out, _ = a.ctl("peers")
    check("b: its certificate ends in 9 days" in out, out)
    check_equal(a.daemon.log().count("its certificate ends in"), 1, "warnings a day")


def test_flood(tb):
    """Many who never say who they are cost little, and an honest host gets in."""
    a, b = _hosts(tb)
    crowd = []
    try:
        for _ in range(200):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", b.port))
            crowd.append(s)
        wait_for("some to be turned away", lambda: "turned away: too many" in b.daemon.log(), 20)
        with open(f"/proc/{b.daemon.pid}/net/tcp", encoding="ascii") as f:
            port = f"{b.port:04X}"
            rows = [line.split() for line in f]
        held = [r for r in rows if r[1].endswith(f":{port}") and r[3] == "01" and r[9] != "0"]
        check(len(held) <= 40, f"connections held: {len(held)}")
    finally:
        for s in crowd:
            s.close()
    wait_for("A to get in", lambda: _error(a, b) is None, 30, 0.2)


def _free_descriptor(pid):
    """The lowest that the process does not use, or uses for a moment only."""
    def now():
        used = {int(n) for n in os.listdir(f"/proc/{pid}/fd")}
        return min(set(range(len(used) + 1)) - used)

    lowest = now()
    for _ in range(50):
        time.sleep(0.01)
        lowest = min(lowest, now())
    return lowest


def test_no_descriptors(tb):
    """A connection for which there is no descriptor left is looked at once a second."""
    a, b = _hosts(tb)
    old = resource.prlimit(b.daemon.pid, resource.RLIMIT_NOFILE)
    free = _free_descriptor(b.daemon.pid)
    resource.prlimit(b.daemon.pid, resource.RLIMIT_NOFILE, (free, old[1]))
    with socket.create_connection(("127.0.0.1", b.port)):
        time.sleep(2.5)
        said = b.daemon.log().count("control.listen: cannot take a connection: Too many open files")
    check(1 <= said <= 4, f"times that it was said: {said}")
    resource.prlimit(b.daemon.pid, resource.RLIMIT_NOFILE, old)
    wait_for("A to get in", lambda: _error(a, b) is None, 30, 0.2)


def _frame(message):
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def _hear(stream):
    """The next message that is no heartbeat."""
    while True:
        head = stream.recv(4)
        size = struct.unpack(">I", head)[0]
        body = b""
        while len(body) < size:
            body += stream.recv(size - len(body))
        message = json.loads(body)
        if message["type"] != "ping":
            return message


def test_version_before(tb):
    """A made-up peer that speaks the version before this one, over TLS."""
    _, b = _hosts(tb)
    files = tb.pki.files("a")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files["ca"])
    context.load_cert_chain(files["certificate"], files["key"])
    with socket.create_connection(("127.0.0.1", b.port), 10) as raw, \
            context.wrap_socket(raw, server_hostname="b") as stream:
        check_equal(stream.version(), "TLSv1.3", "version of TLS")
        stream.sendall(_frame({
            "v": 1, "type": "hello", "version": "0.0.9", "name": "a", "abi": 1,
            "host": {"integrity": "crc32c", "cores": 1, "ports": []}}))
        hello = _hear(stream)
        check_equal((hello["type"], hello["v"], hello["name"]), ("hello", 1, "b"), "its hello")
        stream.sendall(_frame({"v": 1, "type": "ping", "t": 5}))
        pong = _hear(stream)
        check_equal((pong["type"], pong["v"], pong["t"]), ("pong", 1, 5), "its answer")
        check(any(p["version"] == "0.0.9" for p in b.call("peers")["peers"]) or
              "version 0.0.9" in b.daemon.log(), "it is known")
    time.sleep(0.1)
    check(b.daemon.running(), "B lives on")
