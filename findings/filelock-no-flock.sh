#!/usr/bin/env bash
# filelock 4.0.12 on a file system without flock: two processes hold one lock at once. 4.1.0 excludes.
#
# Some network and FUSE file systems answer flock with ENOSYS. FileLock then becomes a SoftFileLock by itself, a file
# that is there or not. Guessed: that excludes as well, only less surely when its holder is killed. Up to 4.0.12 the
# second process gets the lock at once while the first holds it; both warn of the fallback alone. With 4.1.0 it waits.
# Linux on x86-64 or arm64; the answer of such a file system is given by a filter of system calls (seccomp), without
# root.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/try.py" <<'PYTHON'
import ctypes
import errno
import platform
import struct
import subprocess
import sys

import filelock

path, role = sys.argv[1], sys.argv[2]
number = {"x86_64": 73, "aarch64": 32}[platform.machine()]
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | errno.ENOSYS), (0x06, 0, 0, 0x7FFF0000)]
program = b"".join(struct.pack("HBBI", *step) for step in steps)
code = ctypes.create_string_buffer(program, len(program))
head = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(head, len(head)), 0, 0) == 0

lock = filelock.FileLock(path, timeout=0)
try:
    lock.acquire()
except filelock.Timeout:
    print("waits")
else:
    if role == "second":
        print("holds it too")
    else:
        said = subprocess.run([sys.executable, __file__, path, "second"], stdout=subprocess.PIPE, text=True, check=True)
        print(f"filelock {filelock.__version__}: the first holds it, the second {said.stdout.strip()}")
PYTHON
for version in 4.0.12 4.1.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install -qq --disable-pip-version-check "filelock==$version"
  "$folder/$version/bin/python" "$folder/try.py" "$folder/$version.lock" first 2>/dev/null | tee -a "$folder/seen"
done
diff - "$folder/seen" <<'EXPECTED'
filelock 4.0.12: the first holds it, the second holds it too
filelock 4.1.0: the first holds it, the second waits
EXPECTED
