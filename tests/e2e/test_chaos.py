# SPDX-License-Identifier: BSD-3-Clause
"""scripts/chaos notices a guest that is lost: otherwise its counts would prove nothing."""

from arena import Arena, Lost
from common import check
from procs import wait_for


def _lost(tb, spoil, words):
    arena = Arena(tb)
    arena.ready()
    arena.begin()
    wait_for("the migration's end", arena.ended, 120)
    spoil(arena)
    try:
        verdict = arena.judge()
    except Lost as e:
        check(words in str(e), f"{words!r} in {e}")
        return
    raise AssertionError(f"a spoiled guest counts as {verdict}")


def test_notices_death(tb):
    """A hypervisor that ends after the move, though nobody was to kill it."""
    _lost(tb, lambda arena: arena.destination.process.kill(), "nobody runs the guest")


def test_notices_stop(tb):
    """A guest that stands still."""
    _lost(tb, lambda arena: arena.destination.call("stop"), "nobody runs the guest")


def test_notices_damage(tb):
    """Memory that is not what the guest wrote."""
    def spoil(arena):
        page = arena.destination.guest.page
        with open(arena.destination.ram_paths()[page.region], "r+b") as f:
            # The count of errors in the page by which the guest is watched.
            f.seek(page.offset + 32)
            f.write(b"\x01")
    _lost(tb, spoil, "the guest finds errors")
