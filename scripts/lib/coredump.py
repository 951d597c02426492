# SPDX-License-Identifier: BSD-3-Clause
"""What a core dump of a process would hold, without making one."""

import re

_RANGE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)")


def mappings(pid):
    """(start, end, rights, file, flags) of each mapping."""
    found = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as f:
        for line in f:
            match = _RANGE.match(line)
            if match:
                start, end, rights, _, name = match.groups()
                found.append([int(start, 16), int(end, 16), rights, name, set()])
            elif line.startswith("VmFlags:"):
                found[-1][4] = set(line.split()[1:])
    return found


def _dumped(mapping, bits):
    """core(5); a mapping of a file that was removed counts as anonymous where it is shared."""
    _, _, rights, name, flags = mapping
    if "dd" in flags:
        return False
    if "ht" in flags:
        return bool(bits >> (6 if rights[3] == "s" else 5) & 1)
    if rights[3] == "s":
        removed = name.endswith("(deleted)")
        return bool(bits >> (1 if removed else 3) & 1)
    # Private: what was written is anonymous, whatever file is under it.
    return bool(bits & 1)


def filter_of(pid):
    """Which kinds of mappings the process's core dump would hold: core(5)."""
    with open(f"/proc/{pid}/coredump_filter", encoding="ascii") as f:
        return int(f.read(), 16)


def contents(pid, everything=False):
    """The bytes of each mapping that would be in a core dump, or of all, as the process runs."""
    bits = filter_of(pid)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for mapping in mappings(pid):
            if "r" not in mapping[2] or mapping[3] in ("[vvar]", "[vsyscall]"):
                continue
            if not everything and not _dumped(mapping, bits):
                continue
            at = mapping[0]
            while at < mapping[1]:
                mem.seek(at)
                try:
                    data = mem.read(min(mapping[1] - at, 16 << 20))
                except OSError:
                    break  # reserved, or gone meanwhile
                yield mapping, data
                at += len(data)
