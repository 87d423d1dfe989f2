#!/usr/bin/env bash
# pytest-xdist 3.8.0 on pytest 9.2.0: --dist=loadgroup runs, and the groups are not kept together.
#
# Guessed: tests with the same xdist_group mark run on one worker, as they do on pytest 9.1.1, or the option is refused.
# xdist adds a group's name to the end of each test's id; from 9.2.0 on pytest makes that id from something else, so the
# name is lost without a word. What tests of a group share (a browser, a server, a kernel) is then started once for each
# worker: nothing fails, and a run takes two to three times as long.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
cat >"$folder/test_groups.py" <<'PYTHON'
import os

import pytest


@pytest.mark.xdist_group("shared")
@pytest.mark.parametrize("number", range(40))
def test_where(number):
    with open("workers", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PYTHON
cd "$folder"
for release in 9.1.1 9.2.0; do
	env/bin/pip install -qq --disable-pip-version-check "pytest==$release" pytest-xdist==3.8.0
	rm -f workers
	env/bin/python -m pytest -q -n 2 --dist=loadgroup -p no:cacheprovider test_groups.py >log
	grep -q "40 passed" log
	echo "pytest $release, pytest-xdist 3.8.0: one group of 40 tests on $(sort -u workers | wc -l) of 2 workers"
done | tee seen
diff - seen <<'EXPECTED'
pytest 9.1.1, pytest-xdist 3.8.0: one group of 40 tests on 1 of 2 workers
pytest 9.2.0, pytest-xdist 3.8.0: one group of 40 tests on 2 of 2 workers
EXPECTED
