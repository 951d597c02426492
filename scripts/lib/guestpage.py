# SPDX-License-Identifier: BSD-3-Clause
"""The page in which a test guest says how it is doing, read from outside.

Reads with pread only, and looks for the page in data extents only: a hole of the file behind the
guest's RAM stays a hole.
"""

import os
import struct

MAGIC = b"GODWIT-OBSERVE-1"
PAGE = 4096
CHUNK = 1 << 20


def extents(fd):
    """(start, end) of the file's data, holes left out."""
    at = 0
    while True:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(fd, at, os.SEEK_HOLE)
        yield at, end
        at = end


def data_bytes(path):
    """How much of the file is data."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return sum(end - start for start, end in extents(fd))
    finally:
        os.close(fd)


def _find_all(fd):
    for start, end in extents(fd):
        for at in range(start, end, CHUNK):
            chunk = os.pread(fd, min(CHUNK, end - at), at)
            found = chunk.find(MAGIC)
            while found >= 0:
                if found % PAGE == 0:
                    yield at + found
                found = chunk.find(MAGIC, found + 1)


class GuestPage:
    """Where the page is: the region's number among the guest's files, and the offset in it."""

    def __init__(self, region, offset):
        self.region = region
        self.offset = offset

    @classmethod
    def find(cls, paths):
        """Searches the files; None while the guest has not written the page."""
        for region, path in enumerate(paths):
            fd = os.open(path, os.O_RDONLY)
            try:
                for offset in _find_all(fd):
                    return cls(region, offset)
            finally:
                os.close(fd)
        return None

    def read(self, paths):
        """{'counter', 'work', 'errors', 'checks'}, or None where the page is not there."""
        fd = os.open(paths[self.region], os.O_RDONLY)
        try:
            raw = os.pread(fd, 48, self.offset)
        finally:
            os.close(fd)
        if raw[:16] != MAGIC:
            return None
        return dict(zip(("counter", "work", "errors", "checks"), struct.unpack("<4Q", raw[16:])))
