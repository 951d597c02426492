# SPDX-License-Identifier: BSD-3-Clause
"""Rows about one port without a cap: what godwit-bench measures."""

import functools
import json
import statistics
import subprocess

import places
from procs import Failed

GIGA = 1e9
BULK_ROUNDS = 7


def godwit_bench(*argv):
    """What godwit-bench measures over a memif port, one poll core an end."""
    places.need(places.GODWIT_BENCH)
    done = subprocess.run([places.GODWIT_BENCH, "loopback", "--memif", "1", "--json", *argv],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise Failed(f"godwit-bench: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout)


@functools.cache
def bulk():
    """Unpaced, populated RAM to RAM: bound, protocol, and that with CRC32C, encrypted, in turn."""
    def clear():
        return godwit_bench("--bound", "--rounds", "1", "--time", "1", "--integrity", "none")

    def bps(run):
        return run["protocol"]["payload_bps"]

    rounds = []
    after = clear()
    for _ in range(BULK_ROUNDS):
        before = after
        crc = godwit_bench("--time", "1", "--integrity", "crc32c")
        after = clear()
        sealed = godwit_bench("--time", "1", "--integrity", "aes-128-gcm")
        rounds.append({
            "clear": after["protocol"]["median"], "of_bound": after["protocol_of_bound"],
            "sealed_bps": bps(sealed),
            # Between two neighbours: the machine's own speed changes all the time.
            "crc_of_clear": 2 * bps(crc) / (bps(before) + bps(after))})
    return rounds


def bulk_clear():
    """Gb/s from source RAM to destination RAM: one unpaced memif port, integrity none."""
    value = statistics.median(r["clear"]["payload_bps"] for r in bulk()) / GIGA
    return value, "Gb/s", 70.0, "at least"


def bulk_clear_of_bound():
    """The same, against the same path without the protocol, measured next to it."""
    return statistics.median(r["of_bound"] for r in bulk()), "of bound", 0.8, "at least"


def bulk_crc():
    """The same with CRC32C, against without, measured next to it."""
    value = statistics.median(r["crc_of_clear"] for r in bulk())
    return value, "of bulk_clear", 0.75, "at least"


def bulk_encrypted():
    """Gb/s from source RAM to destination RAM: one unpaced memif port, AES-128-GCM."""
    return statistics.median(r["sealed_bps"] for r in bulk()) / GIGA, "Gb/s", 35.0, "at least"


def bulk_fresh():
    """Into memory that was never touched, against a plain loop that fills such memory."""
    d = godwit_bench("--fresh", "--rounds", "7", "--ram", "2048")
    return d["fresh_of_plain"], "of plain loop", 0.8, "at least"


def cycles_per_page(side, target):
    """TSC cycles of poll rounds that found work, for each page; no checksum, MTU 9000."""
    value = statistics.median(r["clear"][side]["cycles_per_page"] for r in bulk())
    return value, "cycles", target, "at most"


ROWS = {
    "bulk_clear": bulk_clear,
    "bulk_clear_of_bound": bulk_clear_of_bound,
    "bulk_crc": bulk_crc,
    "bulk_encrypted": bulk_encrypted,
    "bulk_fresh": bulk_fresh,
    "cycles_per_page_source": lambda: cycles_per_page("source", 1600),
    "cycles_per_page_destination": lambda: cycles_per_page("destination", 1500),
}
