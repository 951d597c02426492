# SPDX-License-Identifier: BSD-3-Clause
"""Classes, weights and caps of sessions, and what can be set while they run."""

import time

from common import check, check_equal, check_lives, check_report
from procs import wait_for
from rpc import RpcError

# Every page is data, none is written: what is sent is what is left.
STILL = {"write_rate": 0, "extra": ["--holes", 0, "--zero", 0, "--compressible", 0]}


def _start(tb, a, b, name, ram_mib=64, **options):
    guest = tb.native(name, ram_mib=ram_mib, **options)
    source = guest.start(a)
    source.wait_ready()
    return source, guest.start(b, incoming=True)


def _under_way(session):
    session.wait_phase("precopy")

    def sending():
        status = session.status()
        return 0 < status["remaining_bytes"] < status["total_bytes"]
    wait_for("pages to go", sending, 60)


def _refused(host, code, words, **params):
    try:
        host.call("set", **params)
    except RpcError as e:
        check_equal(e.code, code, f"code of {params}")
        for word in words:
            check(word in e.message, f"{word!r} in {e.message!r}")
        return
    raise AssertionError(f"{params} was taken")


def _hosts(tb, rate, classes=(), **migration):
    a, b = tb.hosts(tb.memifs(1, 9000, rate), start=False, **migration)
    for host in (a, b):
        if classes:
            host.config["classes"] = list(classes)
        host.start()
    a.wait_peer(b)
    return a, b


def test_set_in_flight(tb):
    """Weight, cap and limit of a session and the cap of its port change while it runs."""
    a, b = _hosts(tb, "20M")
    _, destination = _start(tb, a, b, "vm1")
    session = a.migrate("vm1", b)
    _under_way(session)
    said = a.ctl("set", "vm1", "weight=3", "rate=2.5G", "blackout_limit_ms=900")[1]
    check_equal(said, "vm1: class default, weight 3, cap 2.50 Gb/s, blackout limit 900 ms\n", "said")
    status = session.status()
    check_equal([status[k] for k in ("weight", "rate_bps", "blackout_limit_ms")],
                [3, 2500000000, 900], "status")
    check("default, 3, 2.50 Gb/s" in a.ctl("show", "vm1")[1], "show has them")
    check_equal(a.call("set", id=session.id, rate=0)["rate_bps"], 0, "no cap, by id")
    _refused(a, -32602, ["weight", "'0'", "1..1000"], vm="vm1", weight=0)
    _refused(a, -32602, ["rate", "'fast'", "1M..1T"], vm="vm1", rate="fast")
    _refused(a, -32602, ["blackout_limit_ms", "60001", "1..60000"], vm="vm1",
             blackout_limit_ms=60001)
    _refused(a, -32602, ["class", "'gold'", "default"], vm="vm1", **{"class": "gold"})
    _refused(a, -32602, ["wieght", "weight"], vm="vm1", wieght=2)
    _refused(a, -32602, ["nothing"], vm="vm1")
    _refused(a, 1, ["no such session"], vm="vm2", weight=2)
    _refused(a, 1, ["'p7'", "p0"], port="p7", rate="1G")
    _refused(a, -32602, ["state", "'off'", "up or down"], port="p0", state="off")
    _refused(b, 5, ["source"], vm="vm1", weight=2)
    # The rest at another speed: at 20 Mb/s it would take longer than it is waited for.
    check("cap 5.00 Gb/s" in a.ctl("set", "--port", "p0", "rate=5G")[1], "the port's cap is told")
    check_equal(a.call("ports")["ports"][0]["rate_bps"], 5000000000, "the port's cap")
    check_report(session.wait_completed())
    check_lives(destination)
    _refused(a, 5, ["ended"], vm="vm1", weight=2)
    check_equal(a.ctl("set", "vm1", "weight=2", check=False)[0], 8, "godwitctl's exit code")
    check_equal(a.ctl("set", "vm1", "weight=0", check=False)[0], 2, "godwitctl's exit code")


def test_classes(tb):
    """A session has its class's weight and cap, unless it names its own."""
    classes = [{"name": "bulk", "weight": 2, "rate": "100M"}, {"name": "urgent", "weight": 8}]
    a, b = _hosts(tb, "1G", classes, **{"class": "bulk"})
    _start(tb, a, b, "vm1")
    _start(tb, a, b, "vm2")
    _start(tb, a, b, "vm3")

    def tuned(session):
        return [session.status()[k] for k in ("class", "weight", "rate_bps")]
    sessions = [a.migrate("vm1", b), a.migrate("vm2", b, **{"class": "urgent"}),
                a.migrate("vm3", b, **{"class": "urgent", "weight": 5, "rate": "300M"})]
    check_equal(tuned(sessions[0]), ["bulk", 2, 100000000], "configured default")
    check_equal(tuned(sessions[1]), ["urgent", 8, 0], "class by name")
    check_equal(tuned(sessions[2]), ["urgent", 5, 300000000], "own weight and cap")
    a.call("set", vm="vm1", **{"class": "urgent"})
    check_equal(tuned(sessions[0]), ["urgent", 8, 0], "another class in flight")
    for session in sessions:
        check_report(session.wait_completed())


def _shares(sessions, seconds):
    """Bytes that each of the sessions gets sent in the same time."""
    before = [s.status()["remaining_bytes"] for s in sessions]
    time.sleep(seconds)
    after = [s.status() for s in sessions]
    for s in after:
        check_equal((s["phase"], s["epoch"]), ("precopy", 0), "still in epoch 0")
    return [x - s["remaining_bytes"] for x, s in zip(before, after)]


def test_weights(tb):
    """Two sessions on one saturated port share it by weight, also when it changes in flight."""
    a, b = _hosts(tb, "100M")
    for name in ("vm1", "vm2"):
        _start(tb, a, b, name, **STILL)
    sessions = [a.migrate("vm1", b, weight=3), a.migrate("vm2", b)]
    for session in sessions:
        _under_way(session)
    heavy, light = _shares(sessions, 1)
    check(2.4 < heavy / light < 3.6, f"3:1 became {heavy / light:.2f}")
    a.call("set", vm="vm2", weight=9)
    light, heavy = _shares(sessions, 1)
    check(2.4 < heavy / light < 3.6, f"9:3 became {heavy / light:.2f}")
    a.call("set", port="p0", rate="5G")
    for session in sessions:
        check_report(session.wait_completed())
