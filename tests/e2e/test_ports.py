# SPDX-License-Identifier: BSD-3-Clause
"""Ports that fail on the way, and how many there may be."""

from common import LOAD, check, check_equal, check_lives, check_report, check_seen, check_stays, move
from procs import wait_for


def _move_over(tb, wires):
    a, b = tb.hosts(wires)
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    return move(guest, source, a, b)


def test_one_port_mtu_1500(tb):
    """One port, three fragments to a page."""
    _move_over(tb, tb.memifs(1, 1500))


def test_two_ports_mtu_1500(tb):
    """Fragments over two ports."""
    _move_over(tb, tb.memifs(2, 1500))


def test_four_ports_mtu_1500(tb):
    """Fragments over four ports."""
    _move_over(tb, tb.memifs(4, 1500))


def test_ipv6_two_ports_mtu_1500(tb):
    """Fragments over two ports with IPv6 addresses."""
    _move_over(tb, tb.memifs(2, 1500, family=6))


def test_ipv6_one_port_mtu_9000(tb):
    """Two pages to a packet over IPv6."""
    _move_over(tb, tb.memifs(1, 9000, family=6))


def test_ipv6_beside_ipv4(tb):
    """Ports of both families share the work."""
    _, report = _move_over(tb, [tb.memif(0), tb.memif(1, family=6)])
    sent = [p["tx_bytes"] for p in report["ports"]]
    check(min(sent) * 10 > max(sent), f"both ports carry: {sent}")


def test_ipv6_af_packet(tb):
    """IPv6 over a kernel's interfaces, where a kernel on the same link finds the ports too."""
    wires = tb.veths(2, 1500, "200M", family=6)
    a, b = tb.hosts(wires)
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    for host, side in ((a, 0), (b, 1)):
        check_equal(wires[0].neighbour(side), _port(host, "p0")["mac"], "MAC that a kernel found")
    move(guest, source, a, b)


def test_ipv6_snooping_switch(tb):
    """A switch that keeps a group's packets from who has not said that he listens."""
    wires = tb.veths(1, 1500, "200M", family=6)
    wires[0].snoop()
    _move_over(tb, wires)
    heard = wires[0].listeners()
    for plug, side in zip(wires[0].plugs, wires[0].sides):
        host = side["address"].split("/")[0].rsplit(":", 1)[1]
        check((plug, f"ff02::1:ff00:{host}") in heard, f"the switch knows who listens: {heard}")


def test_router(tb):
    """A router between the ports."""
    wires = tb.veths(1, 1500, "200M")
    wires[0].route()
    _move_over(tb, wires)


def test_ipv6_router(tb):
    """A router between the ports, known by its link-local address."""
    wires = tb.veths(1, 1500, "200M", family=6)
    wires[0].route()
    _move_over(tb, wires)


def test_af_xdp(tb):
    """Ports of a kernel's interface by XDP sockets."""
    _move_over(tb, tb.veths(2, 1500, "200M", driver="af_xdp"))


def test_one_port_mtu_9000(tb):
    """Two pages to a packet."""
    _move_over(tb, tb.memifs(1, 9000))


def test_four_ports_mtu_9000(tb):
    """Four ports share the work."""
    _, report = _move_over(tb, tb.memifs(4, 9000))
    check_equal(len(report["ports"]), 4, "ports in the report")


def _pull(tb, wires, pulled, **migration):
    a, b = tb.hosts(wires, **migration)
    guest = tb.qemu("vm1", load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    wait_for("some of it to be sent", lambda: _port(a, "p0")["tx_bytes"] > 1e6, 60)
    for wire in pulled:
        wire.pull()
    return a, source, destination, observer, session


def _all_up(host):
    return any(p["paths_up"] == p["paths"] for p in host.call("peers")["peers"] if p.get("paths"))


def test_one_port_goes(tb):
    """A cable is pulled in mid-epoch: the other port carries on, nothing is lost."""
    wires = tb.veths(2, 1500, "200M")
    _, _, destination, observer, session = _pull(tb, wires, wires[:1])
    check_report(session.wait_completed())
    check_lives(destination)
    check_seen(observer)


def test_one_port_comes_back(tb):
    """A cable is pulled and plugged again; probes bring the port back."""
    wires = tb.veths(2, 1500, "100M")
    a, _, destination, observer, session = _pull(tb, wires, wires[:1])
    wait_for("the paths of the pulled port to be down", lambda: not _all_up(a), 30)
    wires[0].plug()
    wait_for("all paths to be up again", lambda: _all_up(a), 30)
    check_report(session.wait_completed())
    check_lives(destination)
    check_seen(observer)


def test_all_ports_go(tb):
    """All cables are pulled: the migration aborts, the guest stays."""
    wires = tb.veths(2, 1500, "100M")
    a, source, destination, observer, session = _pull(tb, wires, wires, ports_down_timeout_ms=2000)
    check(session.wait_end()["result"] in ("aborted", "failed"), "the session has ended")
    check_stays(source, destination, a)
    check_equal(observer.finish()["moves"], [], "moves seen from outside")


def _native_under_way(tb, wires, **migration):
    """A synthetic guest some of which has been sent; host A, its ends, observer, session."""
    a, b = tb.hosts(wires, **migration)
    guest = tb.native("vm1", ram_mib=128, write_rate=500)
    source = guest.start(a)
    source.wait_ready()
    destination = guest.start(b, incoming=True)
    observer = tb.observe(source, destination)
    observer.wait_found()
    session = a.migrate("vm1", b)
    session.wait_phase("precopy")
    wait_for("some of it to be sent", lambda: _port(a, "p0")["tx_bytes"] > 1e6, 60)
    check_equal(session.status()["result"], None, "the session's result so far")
    return a, source, destination, observer, session


def _port(host, name):
    return next(p for p in host.call("ports")["ports"] if p["name"] == name)


def _up(session, name):
    return next(p["up"] for p in session.status()["ports"] if p["name"] == name)


def _outages(report, name):
    return next(p["outages"] for p in report["ports"] if p["name"] == name)


def _complete(session, destination, observer):
    report = session.wait_completed()
    check_report(report)
    check_lives(destination)
    check_seen(observer)
    return report


def test_link_goes_down(tb):
    """A port loses its carrier in mid-epoch: seen, told, and the other port carries on."""
    wires = tb.veths(2, 1500, "100M")
    a, _, destination, observer, session = _native_under_way(tb, wires)
    wires[0].down()
    wait_for("the port to be seen down", lambda: not _port(a, "p0")["link_up"], 30)
    wait_for("the session to miss it", lambda: not _up(session, "p0"), 30)
    report = _complete(session, destination, observer)
    check_equal([o["up_ms"] for o in _outages(report, "p0")], [None], "outages of the port")
    check_equal(_outages(report, "p1"), [], "outages of the other port")


def test_link_comes_back(tb):
    """A carrier goes and returns: the port works again, the report says from when to when."""
    wires = tb.veths(2, 1500, "100M")
    a, _, destination, observer, session = _native_under_way(tb, wires)
    wires[0].down()
    wait_for("the session to miss the port", lambda: not _up(session, "p0"), 30)
    wires[0].up()
    wait_for("the session to have the port again", lambda: _up(session, "p0"), 30)
    sent = _port(a, "p0")["tx_bytes"]
    wait_for("pages to go over it again", lambda: _port(a, "p0")["tx_bytes"] > sent + 1e6, 30)
    outages = _outages(_complete(session, destination, observer), "p0")
    check_equal(len(outages), 1, "outages")
    check(outages[0]["down_ms"] < outages[0]["up_ms"], "it came back after it went")


def test_out_of_service(tb):
    """An operator takes a port out of service and puts it back, in flight."""
    wires = tb.memifs(2, 1500, "100M")
    a, _, destination, observer, session = _native_under_way(tb, wires)
    check("out of service" in a.ctl("set", "--port", "p0", "state=down")[1], "godwitctl says so")
    wait_for("the session to do without it", lambda: not _up(session, "p0"), 30)
    check("stopped" in a.ctl("ports")[1], "ports shows it")
    a.ctl("set", "--port", "p0", "state=up")
    wait_for("the session to have the port again", lambda: _up(session, "p0"), 30)
    check_equal(len(_outages(_complete(session, destination, observer), "p0")), 1, "outages")


def test_standby_takes_over(tb):
    """A standby port is quiet until the active one goes, and then carries everything."""
    wires = tb.veths(2, 1500, "100M")
    for side in wires[1].sides:
        side["standby"] = True
    a, _, destination, observer, session = _native_under_way(tb, wires)
    quiet = _port(a, "p1")["tx_bytes"]
    check(quiet * 20 < _port(a, "p0")["tx_bytes"], f"the standby port sent {quiet} bytes")
    wires[0].down()
    wait_for("the standby port to carry", lambda: _port(a, "p1")["tx_bytes"] > quiet + 1e6, 30)
    report = _complete(session, destination, observer)
    check_equal([p["standby"] for p in report["ports"]], [False, True], "who stood by")


def test_all_links_go(tb):
    """No carrier is left: shown while it waits, then aborted, and the guest stays."""
    wires = tb.veths(2, 1500, "100M")
    a, source, destination, observer, session = _native_under_way(
        tb, wires, ports_down_timeout_ms=3000)
    for wire in wires:
        wire.down()
    wait_for("status to count the time", lambda: session.status()["ports_down_ms"], 30)
    end = session.wait_end()
    check(end["result"] in ("aborted", "failed"), "the session has ended")
    check("have been down" in end["error"], f"the error says why: {end['error']}")
    check_stays(source, destination, a)
    check_equal(observer.finish()["moves"], [], "moves seen from outside")
    report = session.report()
    for port in ("p0", "p1"):
        check_equal(len(_outages(report, port)), 1, f"outages of {port}")
