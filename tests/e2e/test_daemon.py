# SPDX-License-Identifier: BSD-3-Clause
"""godwitd and godwitctl as programs: what they say to a wrong configuration or command."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import time

import places
from common import check, check_equal
from procs import wait_for


def _config_error(tb, change):
    """godwitd refuses the changed configuration; what it says."""
    a, _ = tb.hosts(tb.memifs(1), start=False)
    change(a.config)
    a.start(wait=False)
    check(a.daemon.wait(30) != 0, "godwitd refuses to start")
    return a.daemon.log()


def test_config_value_out_of_range(tb):
    """The file, the line, the key and the allowed range are named."""
    text = _config_error(tb, lambda c: c["ports"][0].update(mtu=100))
    check("godwitd.yaml:" in text and "mtu" in text and "1500" in text, text)


def test_config_unknown_key(tb):
    """A misspelt key is an error, not ignored."""
    text = _config_error(tb, lambda c: c["migration"].update(verfiy=True))
    check("verfiy" in text, text)


def test_config_without_ports(tb):
    """Nothing to send over."""
    text = _config_error(tb, lambda c: c.update(ports=[]))
    check("port" in text, text)


def test_config_insecure_address(tb):
    """Without certificates only private addresses are served."""
    def change(config):
        config["security"] = "off"
        config["control"]["listen"] = "0.0.0.0:7411"
    text = _config_error(tb, change)
    check("control.listen: '0.0.0.0:7411' is not private; `security: off`" in text, text)


def test_config_without_certificates(tb):
    """What `security: on` needs is named where it is missing."""
    text = _config_error(tb, lambda c: c["tls"].update(certificate="/nonexistent/host.pem"))
    check("tls.certificate: /nonexistent/host.pem: No such file" in text, text)
    check("scripts/pki" in text, text)


def test_second_daemon(tb):
    """A run directory belongs to one daemon."""
    a, b = tb.hosts(tb.memifs(1))
    b.daemon.stop()
    b.config["run_dir"] = a.config["run_dir"]
    b.start(wait=False)
    check(b.daemon.wait(60) != 0, "the second godwitd refuses to start")
    a.call("version")


def test_stops_on_sigterm(tb):
    """SIGTERM ends godwitd in good order, and it starts again."""
    a, b = tb.hosts(tb.veths(1))
    check_equal(a.daemon.stop(), 0, "exit code")
    check(not os.path.exists(a.run_dir / "control.sock"), "the control socket is gone")
    a.start()
    a.wait_peer(b)


def test_keeps_its_descriptors(tb):
    """What DPDK's ports close of theirs is not godwitd's: EAL's own memory files stay open."""
    _, b = tb.hosts(tb.memifs(2, 9000))
    wait_for("the ports to be connected",
             lambda: all(p["link_up"] for p in b.call("ports")["ports"]), 30)
    fds = f"/proc/{b.daemon.pid}/fd"
    links = []
    for n in os.listdir(fds):
        try:
            links.append(os.readlink(f"{fds}/{n}"))
        except FileNotFoundError:
            pass  # it was closed meanwhile: this call's own connection, for example
    check(any(link.startswith("/memfd:seg_") for link in links), f"EAL's memory in {links}")


def test_ctl(tb):
    """godwitctl answers for people and for programs."""
    a, _ = tb.hosts(tb.memifs(2))
    code, out, _ = a.ctl("peers")
    check("b" in out.split(), out)
    _, out, _ = a.ctl("--json", "ports")
    check_equal(len(json.loads(out)["ports"]), 2, "ports")
    code, _, err = a.ctl("show", "nobody", check=False)
    check(code != 0 and err.strip(), "an unknown VM is an error with a message")


def test_drops_are_told(tb):
    """What a port received and dropped, by its reason."""
    wires = tb.veths(1, 1500)
    a, _ = tb.hosts(wires)
    before = a.call("ports")["drops"].get("rx_not_ours", 0)
    experimental = b"\xff" * 6 + b"\x02\0\0\0\0\x09" + b"\x88\xb5" + bytes(46)
    wires[0].inject(0, experimental)
    wait_for("the frame to be told",
             lambda: f"  rx_not_ours: {before + 1}\n" in a.ctl("ports")[1], 10)


def test_progress_on_a_terminal(tb):
    """One line that is written again and again, no wider than the terminal; then how it ended."""
    a, b = tb.hosts(tb.memifs(2, 9000, "200M"))
    guest = tb.native("vm1")
    guest.start(a).wait_ready()
    guest.start(b, incoming=True)
    end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 60, 0, 0))
    with subprocess.Popen([places.GODWITCTL, "--socket", a.run_dir / "control.sock", "migrate",
                           "vm1", "b"], stdout=terminal, stderr=terminal) as ctl:
        os.close(terminal)
        shown = b""
        try:
            while True:
                shown += os.read(end, 4096)
        except OSError:
            os.close(end)  # it is the last to have it open
    check_equal(ctl.returncode, 0, "exit code")
    *progress, last, _ = shown.decode().split("\r\n")
    lines = [line.removesuffix("\x1b[K") for line in "".join(progress).split("\r") if line]
    check(len(lines) > 3 and all(len(line) < 60 for line in lines), f"progress: {lines}")
    check(any(line.startswith("precopy 0") and " Gb/s" in line for line in lines), f"{lines}")
    check("\n" not in "".join(progress), "it stays on one line")
    check(last.startswith("vm1 runs on b: "), f"the last line: {last}")


def test_idle_cost(tb):
    """An idle godwitd sleeps."""
    a, _ = tb.hosts(tb.memifs(1))
    stat = f"/proc/{a.daemon.pid}/stat"

    def cpu_s():
        with open(stat, encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def idle():
        start, cpu = time.monotonic(), cpu_s()
        time.sleep(3)
        return (cpu_s() - cpu) / (time.monotonic() - start) < 0.02
    wait_for("an idle godwitd to use less than 2 % of a core", idle, 30)


def test_priority(tb):
    """Poll workers and the control thread come before others on their CPUs; helpers do not."""
    a, _ = tb.hosts(tb.memifs(1), start=False)
    a.config["dataplane"]["priority"] = 7
    a.start()
    nice = {}
    control = os.getpriority(os.PRIO_PROCESS, a.daemon.pid)
    for tid in os.listdir(f"/proc/{a.daemon.pid}/task"):
        task = f"/proc/{a.daemon.pid}/task/{tid}"
        with open(f"{task}/comm", encoding="ascii") as f:
            name = f.read().strip()
        if int(tid) != a.daemon.pid:
            nice.setdefault("worker" in name, set()).add(os.getpriority(os.PRIO_PROCESS, int(tid)))
    check_equal(control, -7, "nice of the control thread")
    check_equal(nice, {True: {-7}, False: {0}}, "nice of the workers and of the others")
