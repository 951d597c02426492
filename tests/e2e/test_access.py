# SPDX-License-Identifier: BSD-3-Clause
"""Users and groups: who may use godwitd, and whose hypervisors it serves."""

import os
import pwd
import stat
import subprocess

import places
from common import LOAD, check, check_equal, move
from rpc import RpcError

NOBODY = pwd.getpwnam("nobody")
GROUP = 47110  # of no entry in this system's databases
STRANGER = 47111


def _hosts(tb, **access):
    a, b = tb.hosts(tb.memifs(1, 9000), start=False)
    for host in (a, b):
        if access:
            host.config["access"] = access
        host.start()
    a.wait_peer(b)
    return a, b


def _ctl_as(tb, host, uid, groups, *args):
    """godwitctl as another user; exit code, output, error output."""
    argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={groups}", "--",
            tb.reachable(places.GODWITCTL, "nobody"), "--socket", host.run_dir / "control.sock",
            *args]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, " ".join(done.stderr.split())


def _facts(path):
    st = os.lstat(path)
    return st.st_uid, st.st_gid, oct(stat.S_IMODE(st.st_mode))


def test_sockets(tb):
    """Owner, group and mode are as configured, and decide together with who connects."""
    a, _ = _hosts(tb, owner=NOBODY.pw_uid, group=GROUP, mode="0666", vm_owner=NOBODY.pw_uid,
                  vm_group=GROUP, vm_mode="1770")
    check_equal(_facts(a.run_dir / "control.sock"), (NOBODY.pw_uid, GROUP, "0o666"), "the socket")
    check_equal(_facts(a.vm_dir), (NOBODY.pw_uid, GROUP, "0o1770"), "the folder of the VMs")
    for command in ("list", "peers", "ports"):
        code, out, err = _ctl_as(tb, a, STRANGER, GROUP, "--json", command)
        check_equal(code, 0, f"{command} by a member of the group: {out} {err}")
    for command in (["migrate", "vm1", "b"], ["abort", "vm1"], ["check", "vm1", "b"],
                    ["set", "--port", "p0", "state=down"]):
        code, _, err = _ctl_as(tb, a, STRANGER, GROUP, *command)
        check_equal(code, 9, f"exit code of {command[0]} by a member of the group")
        check(f"'{command[0]}'" in err and f"'{GROUP}'" in err and "list" in err, err)
    # As the manual has it.
    readable = err.split("may only read (")[1].split(")")[0].split(", ")
    said = " ".join((places.TOP / "README.md").read_text().split())
    said = said.split("may only read (")[1].split(")")[0]
    check_equal(said, ", ".join(f"`{m}`" for m in readable), "what README says may be read")
    code, _, err = _ctl_as(tb, a, STRANGER, STRANGER, "list")
    check(code == 9 and "'list'" in err, f"a stranger: {code} {err}")
    code, _, err = _ctl_as(tb, a, NOBODY.pw_uid, STRANGER, "abort", "vm1")
    check_equal(code, 5, f"abort of a VM without a session, by the owner: {err}")


def test_mode_keeps_out(tb):
    """As nothing is configured, others cannot even connect."""
    a, _ = _hosts(tb)
    check_equal(_facts(a.run_dir / "control.sock"), (0, 0, "0o660"), "the socket")
    code, _, err = _ctl_as(tb, a, STRANGER, GROUP, "list")
    check(code == 3 and "permission denied" in err, f"{code} {err}")


def test_unprivileged_qemu(tb):
    """A QEMU without any right gets what it needs to track writes from godwitd."""
    a, b = _hosts(tb, vm_owner="nobody")
    guest = tb.qemu("vm1", load=LOAD, user="nobody")
    source = guest.start(a)
    source.wait_ready()
    check_equal(os.stat(f"/proc/{source.process.pid}").st_uid, NOBODY.pw_uid, "QEMU's user")
    move(guest, source, a, b)
    check("was lent /dev/userfaultfd" in a.daemon.log(), "the source's godwitd lent its device")


def test_other_users_exporter(tb):
    """Another user's hypervisor is served only where that user is named."""
    a, b = _hosts(tb)
    for host in (a, b):
        os.chown(host.vm_dir, NOBODY.pw_uid, -1)
    # godwitd has no right to connect to it; one that lets anybody connect is not believed.
    for name, mode, words in (("vm2", "0600", "Permission denied"),
                              ("vm1", "0666", f"user {NOBODY.pw_uid} serves it")):
        guest = tb.native(name, user="nobody", extra=["--mode", mode])
        source = guest.start(a)
        source.wait_ready()
        try:
            a.migrate(name, b)
            raise AssertionError("a stranger's hypervisor was believed")
        except RpcError as e:
            check(words in str(e) and "access.exporters" in str(e), str(e))
    for host, key in ((a, "exporters"), (b, "vm_owner")):
        host.daemon.stop()
        host.config["access"] = {key: ["nobody"] if key == "exporters" else "nobody"}
        host.start()
    a.wait_peer(b)
    move(guest, source, a, b)
