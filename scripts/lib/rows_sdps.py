# SPDX-License-Identifier: BSD-3-Clause
"""Rows about a guest that dirties its memory faster than it can be sent, beside QEMU's own."""

import functools
import sys

import compare

RUNS = "3"  # by each side; QEMU's takes most of a minute


@functools.cache
def _compared():
    result = compare.compare(compare.options(["slow", "--runs", RUNS]))
    compare.show(result, sys.stderr)
    return {row["name"]: row for row in result["rows"]}


def against_qemu(name):
    """One figure of the comparison, which is made once for all."""
    row = _compared()[name]
    return row["value"], row["unit"], compare.KINDS["slow"]["rows"][name][1], "at most"


ROWS = {name: lambda name=name: against_qemu(name) for name in compare.KINDS["slow"]["rows"]}
