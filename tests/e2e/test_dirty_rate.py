# SPDX-License-Identifier: BSD-3-Clause
"""Measuring what a guest dirties: the right figures, and nothing is left behind."""

import json
import signal
import threading

from common import LOAD, check, check_equal, check_lives, move
import places
from procs import wait_for
from rpc import RpcError

HOT_MIB = 8
PAGES = HOT_MIB << 8  # of 4 KiB


def _start(tb, name="vm1", **options):
    """A guest that writes a hot set of HOT_MIB again and again, in turn."""
    a, b = tb.hosts(tb.memifs(2, 9000))
    guest = tb.native(name, write_rate=8 * PAGES, ram_mib=64,
                      extra=["--hot-set", f"{HOT_MIB}M", "--pattern", "seq"], **options)
    source = guest.start(a)
    source.wait_ready()
    return a, b, guest, source


def _in_background(call):
    """Runs it in a thread; (the thread, a list that gets its result or exception)."""
    got = []

    def run():
        try:
            got.append(call())
        except RpcError as e:
            got.append(e)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, got


def _is_measured(host):
    """Whether a measurement is under way."""
    try:
        host.call("dirty_rate_so_far", vm="vm1")
        return True
    except RpcError:
        return False


def _measuring(host, vm="vm1"):
    """What was measured so far, once there is something."""
    def something():
        try:
            m = host.call("dirty_rate_so_far", vm=vm)
        except RpcError:
            return None
        return m if m["intervals"] >= 2 else None
    return wait_for("a measurement to begin", something, 30, 0.02)


def test_native(tb):
    """The hot set is seen as what it is, the forecast is there, and the guest can move."""
    a, b, guest, source = _start(tb)
    m = json.loads(a.ctl("--json", "dirty-rate", "vm1", "--seconds", "2")[1])
    check(m["complete"], "measured to its end")
    # Beside the hot set it writes its counter, its page and its state.
    check(0.95 * PAGES <= m["working_set_pages"] <= PAGES + 64, f"working set: {m}")
    check_equal(m["memory_bytes"], 64 << 20, "memory")
    check(m["dirty_rate_bps"] > 0 and m["peak_rate_bps"] >= m["dirty_rate_bps"] * 0.99, f"rate: {m}")
    check(len(m["windows"]) >= 2, f"windows: {m}")
    check(all(w["pages"] <= PAGES + 64 for w in m["windows"]), f"no window has more: {m}")
    check_equal(m["wire_rate_from"], "ports", "nothing has moved yet")
    # 2 x 10 Gb/s against 64 MiB: there is no doubt.
    check(m["forecast"]["converges"] and m["forecast"]["slowdown_percent"] == 0, f"forecast: {m}")
    check_lives(source)
    move(guest, source, a, b)


def test_after_a_move(tb):
    """What was measured on the wire counts more than what the ports should take, at both ends."""
    a, b, guest, source = _start(tb)
    move(guest, source, a, b)
    m = b.call("dirty_rate", vm="vm1", seconds=1)
    check_equal(m["wire_rate_from"], "measured", "what the source told the destination")
    check(m["wire_rate_bps"] > 0 and m["forecast"]["blackout_ms"] > 0, f"{m}")
    text = b.ctl("dirty-rate", "vm1", "--seconds", "1")[1]
    for word in ("dirty rate", "working set", "as migrations before had it", "blackout"):
        check(word in text, f"{word!r} in {text!r}")


def test_qemu(tb):
    """A QEMU guest's load is seen, and lives on."""
    a, b = tb.hosts(tb.memifs(1, 9000))
    guest = tb.qemu("vm1", backends=(128,), load=LOAD)
    source = guest.start(a)
    source.wait_ready()
    m = a.call("dirty_rate", vm="vm1", seconds=3)
    check(m["complete"], "measured to its end")
    check(m["working_set_pages"] > 100, f"it writes 1000 pages a second: {m}")
    check(m["working_set_bytes"] <= m["memory_bytes"], f"no more than there is: {m}")
    check_lives(source)
    guest.start(b, incoming=True)
    code, _, err = b.ctl("dirty-rate", "vm1", check=False)
    check_equal(code, 4, "exit code for a guest that waits to be moved to")
    check("guest_state" in err, f"the reason: {err}")


def test_ended_early(tb):
    """Ctrl-C prints what there is; tracking is lifted, so that a migration can begin."""
    a, b, guest, source = _start(tb)
    thread, got = _in_background(lambda: a.call("dirty_rate", vm="vm1", seconds=60))
    _measuring(a)
    a.call("dirty_rate_end", vm="vm1")
    thread.join(30)
    check(got and not got[0]["complete"] and got[0]["intervals"] >= 2, f"what there is: {got}")
    check(got[0]["working_set_pages"] > 0, f"pages: {got}")
    move(guest, source, a, b)


def test_interrupted(tb):
    """godwitctl gets a SIGINT and is killed: in both cases it is over."""
    a, _, _, source = _start(tb)
    argv = [places.GODWITCTL, "--socket", a.run_dir / "control.sock", "dirty-rate", "vm1",
            "--seconds", "60"]
    for number in (signal.SIGINT, signal.SIGKILL):
        ctl = tb.process("ctl", argv)
        _measuring(a)
        ctl.signal(number)
        wait_for("godwitctl to end", lambda: not ctl.running(), 30)
        wait_for("the measurement to end", lambda: not _is_measured(a), 30)
        check("working set" in ctl.log() or number == signal.SIGKILL, ctl.log())
    check_lives(source)


def test_one_at_a_time(tb):
    """Refused beside another and beside a session; a check waits, a migration ends it."""
    a, b, guest, source = _start(tb)
    thread, got = _in_background(lambda: a.call("dirty_rate", vm="vm1", seconds=60))
    _measuring(a)
    check_equal(a.ctl("dirty-rate", "vm1", check=False)[0], 6, "a second measurement")
    check_equal(a.ctl("check", "vm1", "b", check=False)[0], 6, "a check meanwhile")
    move(guest, source, a, b)
    thread.join(30)
    check(got and isinstance(got[0], RpcError) and got[0].code == 3, f"gave way: {got}")
    check_equal(a.ctl("dirty-rate", "nobody", check=False)[0], 5, "a VM that is not there")


def test_not_in_a_session(tb):
    """A VM that moves is not measured."""
    a, b = tb.hosts(tb.memifs(1, 1500, "100M"))
    guest = tb.native("vm1")
    source = guest.start(a)
    source.wait_ready()
    guest.start(b, incoming=True)
    session = a.migrate("vm1", b)
    check_equal(a.ctl("dirty-rate", "vm1", check=False)[0], 6, "measured while it moves")
    a.call("abort", id=session.id)
    session.wait_end()
    check_lives(source)
