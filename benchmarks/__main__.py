"""``make bench``: every benchmark, or those named on the command line; each prints a table beside its baseline."""

from __future__ import annotations

import platform
import sys
import time

import against
import cell
import gallery
import messages
import polling
import scale
import startup
import transfer

BENCHMARKS = {
    "startup": startup.main,
    "cell": cell.main,
    "messages": messages.main,
    "polling": polling.main,
    "gallery": gallery.main,
    "scale": scale.main,
    "transfer": transfer.main,
}
#: Run only when they are named: minutes, and a network for what is installed.
NAMED = {"against": against.main}


def main(names: list[str]) -> int:
    known = BENCHMARKS | NAMED
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"there is no benchmark {unknown[0]}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    print(f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in names or BENCHMARKS:
        print(f"\n## {name}\n")
        known[name]()
    return 0


sys.exit(main(sys.argv[1:]))
