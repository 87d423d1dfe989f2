"""A thousand jobs in a program: ``python scale_ours.py PHOTO COUNT``. Prints seconds and CPU seconds as JSON."""

from __future__ import annotations

import json
import sys
import time

import happyhorse_nb as hh
from happyhorse_nb.settings.config import config

photo, count = sys.argv[1], int(sys.argv[2])
settings = config()
settings.requests_per_minute = 1_000_000_000
settings.max_concurrent = count
# What is loaded and opened once is no matter of scale.
hh.generate(photo, "the first").result()
started, cpu = time.perf_counter(), time.process_time()
jobs = [hh.generate(photo, str(number), duration=3) for number in range(count)]
submitted = time.perf_counter()
hh.wait(*jobs)
assert {str(job.status) for job in jobs} == {"done"}, {str(job.error) for job in jobs}
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "cpu": time.process_time() - cpu, "asked": submitted - started}))
