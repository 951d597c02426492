#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the end-to-end tests: functions test_NAME(tb) of tests/e2e/test_*.py, each on a test bed.

One behaviour per function; raise Skip where this machine cannot show it.
"""

import argparse
import importlib
import pathlib
import shutil
import signal
import sys
import time
import traceback

import places
from procs import Failed, Skip, end_with_parent
from testbed import Testbed

TESTS = places.TOP / "tests" / "e2e"
TEST_LIMIT_S = 240
TAIL_LINES = 12


def discover(filters):
    """(name, function) of the tests whose name contains one of the filters, or all."""
    sys.path.insert(0, str(TESTS))
    for path in sorted(TESTS.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for key, function in vars(module).items():
            name = f"{path.stem[5:]}.{key[5:]}"
            if key.startswith("test_") and callable(function) and \
                    (not filters or any(f in name for f in filters)):
                yield name, function


def _too_long(*_):
    raise Failed(f"took longer than {TEST_LIMIT_S} s")


def _keep_logs(tb, name, log_root):
    kept = log_root / name
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(tb.logs(), kept)
    for host in tb.directory.glob("*/godwitd.yaml"):
        shutil.copy(host, kept / f"{host.parent.name}.yaml")
    return kept


def _print_tails(folder):
    for log in sorted(folder.glob("*.log")) + sorted(folder.glob("*.serial")):
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        print(f"    --- {log}")
        for line in lines:
            print(f"    {line[:300]}")


def _check_sandbox(tb):
    """Whatever a test is about: no godwitd may have missed a system call."""
    for log in tb.logs().glob("godwitd-*.log"):
        for line in log.read_text(errors="replace").splitlines():
            if "sandbox: system call" in line:
                raise Failed(f"{log.name}: {line}")


def run_one(function, name, log_root):
    """'passed', 'failed' or 'skipped', and a remark."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(TEST_LIMIT_S)
    trouble = None
    kept = None
    try:
        # Slow ports and a busy machine must not keep a migration from its end.
        with Testbed(blackout_limit_ms=1000) as tb:
            try:
                function(tb)
                _check_sandbox(tb)
            except Skip as e:
                return "skipped", str(e)
            except Exception:  # whatever it is, the test has failed and the next one runs
                trouble = traceback.format_exc()
                kept = _keep_logs(tb, name, log_root)
            finally:
                signal.alarm(0)
    except Exception:
        trouble = (trouble or "") + traceback.format_exc()
    if not trouble:
        return "passed", ""
    for line in trouble.splitlines():
        print(f"    {line}")
    if kept:
        (kept / "trouble.txt").write_text(trouble)
        _print_tails(kept)
    return "failed", trouble.strip().splitlines()[-1]


def main():
    """Exit code 1 when a test failed; --results appends a line for each test."""
    parser = argparse.ArgumentParser(description="Runs the end-to-end tests.")
    parser.add_argument("filter", nargs="*", help="part of a test's name")
    parser.add_argument("--list", action="store_true", help="print the names only")
    parser.add_argument("--results", type=pathlib.Path,
                        help="file to append 'RESULT NAME SECONDS' to")
    parser.add_argument("--logs", type=pathlib.Path, default=places.BUILD / "test-logs")
    options = parser.parse_args()
    end_with_parent()
    failed = 0
    for name, function in discover(options.filter):
        if options.list:
            print(f"e2e:{name}")
            continue
        start = time.monotonic()
        result, remark = run_one(function, name, options.logs)
        seconds = time.monotonic() - start
        failed += result == "failed"
        print(f"{result:8} e2e:{name:44} {seconds:6.1f} s  {remark}".rstrip(), flush=True)
        if options.results:
            with open(options.results, "a", encoding="utf-8") as f:
                f.write(f"{result} e2e:{name} {seconds:.1f}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
