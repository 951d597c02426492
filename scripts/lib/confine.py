# SPDX-License-Identifier: BSD-3-Clause
"""Runs a command in which userfaultfd(2) is forbidden, as a container's sandbox forbids it.

usage: confine.py COMMAND...
"""

import ctypes
import os
import struct
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_SYS_USERFAULTFD = 323  # x86-64
_EPERM = 0x00050001  # SECCOMP_RET_ERRNO with 1


class _Program(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def main():
    """Never returns where all went well."""
    code = b"".join(struct.pack("HBBI", *line) for line in (
        (0x20, 0, 0, 0),                 # load the number of the system call
        (0x15, 0, 1, _SYS_USERFAULTFD),  # another: skip one
        (0x06, 0, 0, _EPERM),
        (0x06, 0, 0, 0x7fff0000)))       # allow
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        sys.exit(f"confine: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
