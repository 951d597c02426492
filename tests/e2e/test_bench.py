# SPDX-License-Identifier: BSD-3-Clause
"""godwit-bench: each mode over ports that every machine has, and other ends that are not godwit."""

import json
import os
import signal
import socket
import threading
import time

import places
from common import check, check_equal
from host import cpu_plan, free_port
from procs import wait_for
from wires import in_netns

QUICK = ["--ram", "64", "--time", "0.3", "--warmup", "0.1"]
NO_PEER = 7


class Run:
    """One godwit-bench, its output kept apart."""

    def __init__(self, tb, *argv, netns=None, env=None):
        places.need(places.GODWIT_BENCH)
        tb.check_memory()
        used = len(list(tb.directory.glob("bench*.out")))
        self.out = tb.directory / f"bench{used}.out"
        self.started = time.monotonic()
        with open(self.out, "wb") as out:
            self.process = tb.process("bench", in_netns(netns, [places.GODWIT_BENCH, *argv]),
                                      env={"TMPDIR": str(tb.directory), **(env or {})}, stdout=out)

    def wait(self, timeout_s=60):
        """Exit code."""
        return self.process.wait(timeout_s)

    def done(self):
        """Waits for success; the JSON object it printed."""
        code = self.wait()
        check_equal(code, 0, f"exit code; {self.process.log()}")
        return json.loads(self.out.read_text())

    def seconds(self):
        """From its start until now."""
        return time.monotonic() - self.started


def _files(tb):
    return [p.name for p in tb.directory.glob("godwit-bench-*")]


def _check_rates(result, ports):
    """Something arrived, and the figures fit together."""
    median = result["median"]
    check(median["payload_bps"] > 0, "pages arrived")
    check_equal(len(median["queues"]), ports, "queues")
    for q in median["queues"]:
        check(q["packets"] > 0 and q["l1_bps"] > q["payload_bps"], f"a queue's figures: {q}")
    for side in ("source", "destination"):
        check(median[side]["cycles_per_page"] > 0, f"{side}: cycles a page")
        check(median[side]["cycles_per_packet"] > 0, f"{side}: cycles a packet")
    return median


def test_loopback(tb):
    """Two pairs of memif ports, both halves started by one command; nothing is left behind."""
    d = Run(tb, "loopback", "--memif", "2", "--json", *QUICK).done()
    median = _check_rates(d["protocol"], 2)
    check(all(0 < q["rtt_us"]["p50"] <= q["rtt_us"]["p99"] <= q["rtt_us"]["max"]
              for q in median["queues"]), "round trips in order")
    check_equal(d["integrity"], "none", "integrity")
    check_equal([p["line_rate_bps"] for p in d["ports"]], [0, 0], "a memif has no line rate")
    check_equal(_files(tb), [], "files left")


def test_loopback_cap(tb):
    """A capped port does not send more than its cap, and its share is told."""
    d = Run(tb, "loopback", "--memif", "1", "--rate", "200M", "--mtu", "1500", "--integrity",
            "crc32c", "--json", "--ram", "64", "--time", "1").done()
    q = _check_rates(d["protocol"], 1)["queues"][0]
    # After a pause the pacer lets 4 ms at once.
    check(q["l1_bps"] <= 200e6 * 1.03, f"the cap holds: {q['l1_bps']}")
    check_equal(round(d["ports"][0]["payload_share"], 6), round(4096 / 4402, 6), "payload share")
    check(abs(q["line_share"] - q["l1_bps"] / 200e6) < 1e-3, "share of the line")
    check_equal([f["name"] for f in d["findings"] if f["name"].startswith("small MTU")],
                ["small MTU p0"] * 2, "the small MTU is pointed out at both ends")


def test_loopback_encrypted(tb):
    """Both ciphers, named in both outputs; the tag counts where the theoretical payload does."""
    for cipher in ("aes-128-gcm", "aes-256-gcm"):
        d = Run(tb, "loopback", "--memif", "1", "--rate", "1G", "--integrity", cipher, "--json",
                *QUICK).done()
        _check_rates(d["protocol"], 1)
        check_equal(d["integrity"], cipher, "integrity")
        check_equal(round(d["ports"][0]["payload_share"], 6), round(8192 / 8306, 6),
                    "payload share")
        for side in ("source", "destination"):
            check_equal([n for n in d["drops"][side] if n in ("rx_forged", "rx_stale_key")], [],
                        f"packets refused by the {side}")


def test_loopback_bound(tb):
    """Protocol and bound in turn, and their quotient."""
    d = Run(tb, "loopback", "--memif", "1", "--bound", "--rounds", "3", "--json", *QUICK).done()
    _check_rates(d["protocol"], 1)
    _check_rates(d["bound"], 1)
    check_equal([len(d[k]["rounds"]) for k in ("protocol", "bound")], [3, 3], "rounds")
    quotients = sorted(p["payload_bps"] / b["payload_bps"] for p, b in
                       zip(d["protocol"]["rounds"], d["bound"]["rounds"]))
    check(abs(d["protocol_of_bound"] - quotients[1]) < 1e-6, "the median of the quotients")
    check_equal(d["bound"]["median"]["queues"][0]["rtt_samples"], 0, "ACKs of the bound")


def test_loopback_fresh(tb):
    """Every page of untouched memory arrives, and a plain loop is there to compare with."""
    d = Run(tb, "loopback", "--memif", "1", "--fresh", "--rounds", "2", "--json", "--ram",
            "64").done()
    for r in d["fresh"]["rounds"]:
        check_equal(round(r["payload_bps"] * r["seconds"] / 8), 64 << 20, "bytes that arrived")
    check(d["plain_bps"] > 0 and d["fresh_of_plain"] > 0, "the plain loop")


def test_loopback_search(tb):
    """The highest rate without loss was one that was tried, and lost nothing."""
    d = Run(tb, "loopback", "--memif", "1", "--search", "--rate", "500M", "--json", *QUICK).done()
    trials = d["search"]["trials"]
    check_equal(trials[0]["rate_bps"], 500e6, "the full rate is tried first")
    best = max((t["rate_bps"] for t in trials if t["lossless"]), default=None)
    check_equal(d["search"]["rate_bps"], best, "the answer")


def test_loopback_pattern(tb):
    """Zero pages travel as runs: hardly a byte crosses."""
    d = Run(tb, "loopback", "--memif", "1", "--pattern", "zero=100", "--json", *QUICK).done()
    check_equal(d["protocol"]["median"]["queues"][0]["payload_bps"], 0.0, "raw pages sent")


def test_two_at_once(tb):
    """Two benchmarks started together do not disturb each other."""
    runs = [Run(tb, "loopback", "--memif", "1", "--json", *QUICK) for _ in range(2)]
    for r in runs:
        _check_rates(r.done()["protocol"], 1)
    check_equal(_files(tb), [], "files left")


def test_interrupt(tb):
    """Ctrl-C: what was measured until then is printed, nothing is left behind."""
    r = Run(tb, "loopback", "--memif", "1", "--time", "600", "--json", "--ram", "64")
    wait_for("it to measure", lambda: "protocol 1/1  2." in r.process.log(), 60)
    r.process.signal(signal.SIGINT)
    check_equal(r.wait(), 130, "exit code")
    result = json.loads(r.out.read_text())["protocol"]["rounds"][0]
    check(result["cut"] and result["payload_bps"] > 0, "what was measured is there")
    check_equal(_files(tb), [], "files left")


def test_table_and_picture(tb):
    """The table for people, and an SVG."""
    picture = tb.directory / "bench.svg"
    r = Run(tb, "loopback", "--memif", "1", "--svg", str(picture), *QUICK)
    check_equal(r.wait(), 0, "exit code")
    text = r.out.read_text()
    for word in ("protocol, integrity none", "RTT us", "source", "destination", "cycles a page"):
        check(word in text, f"{word!r} in the table:\n{text}")
    check("<svg" in picture.read_text(), "the picture")


def _memif(tb, role):
    return (f"net_memif0,role={role},id=0,socket={tb.directory}/two.sock,socket-abstract=no,"
            "bsize=10240,rsize=7")


def _two_hosts(tb, devices, mtu, *argv, netns=None):
    """A listener and a sender with a device each; the sender's answer."""
    port = free_port()
    (_, cpu_a), (_, cpu_b) = cpu_plan()
    common = ["--mtu", str(mtu)]
    listener = Run(tb, "listen", "--listen", f"127.0.0.1:{port}", "--port", devices[0], "--address",
                   "10.79.0.2/24", "--cpus", str(cpu_a), *common, netns=netns)
    wait_for("the listener", lambda: "listening" in listener.process.log(), 30)
    results = [
        Run(tb, "run", f"127.0.0.1:{port}", "--port", devices[1], "--address", "10.79.0.1/24",
            "--cpus", str(cpu_b), "--json", *common, *QUICK, *argv, netns=netns).done()
        for _ in range(2)]
    listener.process.signal(signal.SIGINT)
    check_equal(listener.wait(), 0, "the listener ends at Ctrl-C")
    return results


def test_two_hosts(tb):
    """listen and run, twice over one listener, as between two machines."""
    for d in _two_hosts(tb, [_memif(tb, "server"), _memif(tb, "client")], 9000, "--bound",
                        "--rounds", "1"):
        _check_rates(d["protocol"], 1)
        _check_rates(d["bound"], 1)


def test_two_hosts_with_certificates(tb):
    """--pki at both ends; whoever has none is told."""
    tb.pki.hosts("a", "b")
    port = free_port()
    listener = Run(tb, "listen", "--listen", f"127.0.0.1:{port}", "--port", _memif(tb, "server"),
                   "--address", "10.79.0.2/24", "--pki", tb.pki.directory / "b")
    wait_for("the listener", lambda: "listening" in listener.process.log(), 30)
    sender = ["run", f"127.0.0.1:{port}", "--port", _memif(tb, "client"), "--address",
              "10.79.0.1/24", *QUICK]
    r = Run(tb, *sender)
    check_equal(r.wait(), 7, "exit code without certificates")
    check("`security` is on here and off there" in r.process.log(), r.process.log())
    _check_rates(Run(tb, *sender, "--json", "--pki", tb.pki.directory / "a").done()["protocol"], 1)
    # Keys come from the connection between the ends: without certificates there are none.
    r = Run(tb, *sender, "--integrity", "aes-128-gcm")
    check_equal(r.wait(), 1, "exit code")
    check("it takes certificates (--pki)" in r.process.log(), r.process.log())


def test_two_hosts_over_a_switch(tb):
    """The same over a bridge between two kernel ports."""
    wire = tb.veths(1)[0]
    devices = [side["device"] for side in wire.sides]
    for d in _two_hosts(tb, devices, 1500, "--rate", "500M", netns=wire.netns):
        _check_rates(d["protocol"], 1)


def test_two_hosts_integrity_differs(tb):
    """Ends that check differently are told so, before a data plane starts."""
    port = free_port()
    listener = Run(tb, "listen", "--listen", f"127.0.0.1:{port}", "--port", _memif(tb, "server"),
                   "--address", "10.79.0.2/24")
    wait_for("the listener", lambda: "listening" in listener.process.log(), 30)
    r = Run(tb, "run", f"127.0.0.1:{port}", "--port", _memif(tb, "client"), "--address",
            "10.79.0.1/24", "--integrity", "crc32c")
    check_equal(r.wait(), 1, "exit code")
    check("integrity differs" in r.process.log(), r.process.log())


def test_two_hosts_by_configuration(tb):
    """Ports, workers and integrity come from two godwitd configurations."""
    a, b = tb.hosts(tb.memifs(2, 9000, "1G"), start=False)
    port = free_port()
    listener = Run(tb, "listen", str(a.write_config()), "--listen", f"127.0.0.1:{port}")
    wait_for("the listener", lambda: "listening" in listener.process.log(), 30)
    d = Run(tb, "run", f"127.0.0.1:{port}", "--config", str(b.write_config()), "--json",
            *QUICK).done()
    _check_rates(d["protocol"], 2)
    check_equal(d["integrity"], "aes-128-gcm", "integrity")
    check_equal([p["line_rate_bps"] for p in d["ports"]], [10 ** 9] * 2, "caps")
    r = Run(tb, "run", "127.0.0.1", "--config", str(b.write_config()), "--mtu", "1500")
    check_equal(r.wait(), 2, "exit code")
    check("--mtu: the configuration says it" in r.process.log(), r.process.log())


def test_example_configuration(tb):
    """The example file, and the other end made from it as its heading says."""
    text = (places.TOP / "config" / "bench.yaml").read_text()
    text = text.replace("/run/godwit-bench", str(tb.directory / "run"))
    text = text.replace("workers: [1]", f"workers: [{cpu_plan()[0][0]}]")
    tb.pki.hosts("bench-a")
    files = "".join(f"\n  {k}: {v}" for k, v in tb.pki.files("bench-a").items())
    text = text.replace("#tls:", f"tls:{files}")
    (tb.directory / "a.yaml").write_text(text)
    other = text.replace("role=server", "role=client").replace(".1/24", ".2/24")
    other = other.replace(f"workers: [{cpu_plan()[0][0]}]", f"workers: [{cpu_plan()[1][0]}]")
    (tb.directory / "b.yaml").write_text(other)
    port = free_port()
    listener = Run(tb, "listen", str(tb.directory / "a.yaml"), "--listen", f"127.0.0.1:{port}")
    wait_for("the listener", lambda: "listening" in listener.process.log(), 30)
    d = Run(tb, "run", f"127.0.0.1:{port}", "--config", str(tb.directory / "b.yaml"), "--json",
            *QUICK).done()
    _check_rates(d["protocol"], 2)


def test_too_much_memory(tb):
    """More memory than the machine has is refused, not tried."""
    r = Run(tb, "loopback", "--memif", "1", "--ram", "1048576", "--time", "0.1")
    check_equal(r.wait(), 1, "exit code")
    check("1048576 MiB" in r.process.log(), r.process.log())


def test_self(tb):
    """A port that loops back by itself."""
    d = Run(tb, "self", "--port", "net_ring0", "--json", *QUICK).done()
    _check_rates(d["protocol"], 1)


def test_self_cannot(tb):
    """A port that does not loop back: it says so."""
    r = Run(tb, "self", "--port", _memif(tb, "server"), *QUICK)
    check_equal(r.wait(), 1, "exit code")
    check("does not come back" in r.process.log(), r.process.log())


def _refused_by(tb, address, *words):
    """The other end is no godwit-bench: within 3 s, by name and exit code."""
    r = Run(tb, "run", address, "--port", _memif(tb, "client"), "--address", "10.79.0.1/24")
    check_equal(r.wait(20), NO_PEER, f"exit code; {r.process.log()}")
    check(r.seconds() < 3, f"it took {r.seconds():.1f} s")
    for word in (address, *words):
        check(word in r.process.log(), f"{word!r} in: {r.process.log()}")


class _Stranger:
    """A TCP server of another trade: answer(connection) for each connection."""

    def __init__(self, answer):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.kept = []
        self.thread = threading.Thread(target=self._serve, args=(answer,), daemon=True)
        self.thread.start()

    def _serve(self, answer):
        while True:
            try:
                connection, _ = self.socket.accept()
                self.kept.append(connection)
                answer(connection)
            except OSError:
                return

    def close(self):
        """Ends it and its connections."""
        for s in (self.socket, *self.kept):
            s.close()


def _repeat(connection):
    connection.settimeout(10)
    while data := connection.recv(65536):
        connection.sendall(data)


def test_nobody_listens(tb):
    """Nothing at that port."""
    _refused_by(tb, f"127.0.0.1:{free_port()}", "refused")


def test_silent_peer(tb):
    """Something accepts and says nothing."""
    stranger = _Stranger(lambda c: None)
    tb.closers.append(stranger.close)
    _refused_by(tb, stranger.address, "hello")


def test_talking_peer(tb):
    """Something greets in another protocol."""
    stranger = _Stranger(lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))
    tb.closers.append(stranger.close)
    _refused_by(tb, stranger.address)


def test_repeating_peer(tb):
    """Something says what it is told."""
    stranger = _Stranger(_repeat)
    tb.closers.append(stranger.close)
    _refused_by(tb, stranger.address, "repeats")


def test_random_peer(tb):
    """Something sends noise."""
    stranger = _Stranger(lambda c: c.sendall(os.urandom(100000)))
    tb.closers.append(stranger.close)
    _refused_by(tb, stranger.address)


def test_godwitd_is_no_bench(tb):
    """A godwitd at the other end is named as such."""
    a, _ = tb.hosts(tb.memifs(1), start=False, security="off")
    a.start()
    _refused_by(tb, f"127.0.0.1:{a.port}", "godwitd")
    check(a.daemon.running(), "godwitd lives on")


def test_listener_survives(tb):
    """Whatever connects to a listener: it goes on, and a real sender is served afterwards."""
    port = free_port()
    listener = Run(tb, "listen", "--listen", f"127.0.0.1:{port}", "--port", _memif(tb, "server"),
                   "--address", "10.79.0.2/24", "--cpus", str(cpu_plan()[0][0]))
    wait_for("the listener", lambda: "listening" in listener.process.log(), 30)
    for text in (b"", b"GET / HTTP/1.0\r\n\r\n", os.urandom(5000), b"\0\0\0\x02{}"):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(text)
            s.settimeout(10)
            try:
                while s.recv(4096):
                    pass
            except OSError:
                pass
    d = Run(tb, "run", f"127.0.0.1:{port}", "--port", _memif(tb, "client"), "--address",
            "10.79.0.1/24", "--cpus", str(cpu_plan()[1][0]), "--json", *QUICK).done()
    _check_rates(d["protocol"], 1)
    check(listener.process.running(), "the listener lives on")


def test_usage(tb):
    """A wrong command line is refused, and says what is allowed."""
    for argv, word in (
            ([], "SYNOPSIS"), (["nothing"], "loopback"), (["loopback"], "--memif"),
            (["loopback", "--memif", "0"], "1..16"), (["loopback", "--memif", "1x"], "1..16"),
            (["loopback", "--memif", "1", "--mtu", "1499"], "1500..9600"),
            (["loopback", "--port", "net_ring0"], "pairs"),
            (["loopback", "--memif", "1", "--cpus", "0"], "--workers"),
            (["loopback", "--memif", "1", "--pattern", "zero=60,compressible=50"], "100"),
            (["loopback", "--memif", "1", "--rate", "fast"], "10G"),
            (["loopback", "--memif", "1", "--time", "-1"], "seconds"),
            (["loopback", "--memif", "1", "--listen", "a:1"], "does not take"),
            (["run"], "host"), (["run", "host-b"], "no port"),
            (["run", "host-b", "--port", "net_ring0"], "--address"),
            (["listen", "--address", "10.0.0.1/24"], "--port"),
            (["self"], "--port"), (["self", "--port", "net_ring0", "more"], "too many")):
        r = Run(tb, *argv)
        check_equal(r.wait(10), 2, f"exit code of {argv}")
        check(word in r.process.log(), f"{word!r} in what {argv} says: {r.process.log()}")
    for argv in (["--help"], ["loopback", "--help"], ["--version"]):
        r = Run(tb, *argv)
        check_equal(r.wait(10), 0, f"exit code of {argv}")
        check("godwit-bench" in r.out.read_text(), f"output of {argv}")
