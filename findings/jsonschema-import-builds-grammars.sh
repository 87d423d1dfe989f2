#!/usr/bin/env bash
# jsonschema 4.26.0 with its extra "format-nongpl", which jupyter_events asks for: importing it compiles grammars.
#
# Guessed: an import takes as long as with 4.24, as the library for IRIs is loaded when such a format is checked. From
# 4.25.0 on that library is rfc3987-syntax, whose import has lark compile a whole grammar, whether an IRI is ever
# checked or not. Whoever starts a Jupyter server waits for it, even for `jupyter lab --version`: some two seconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
cd "$folder"
for release in 4.24.0 4.26.0; do
	env/bin/pip install -qq --disable-pip-version-check "jsonschema[format-nongpl]==$release"
	env/bin/python - <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version

# Once to write the bytecode; then the processor time of the quickest of five.
code = "import time; began = time.process_time(); import jsonschema; print(time.process_time() - began)"
runs = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(6)][1:]
import jsonschema

grammars = sorted({name.partition(".")[0] for name in sys.modules} & {"lark", "rfc3987_syntax"})
print(version("jsonschema"), "imports", " and ".join(grammars) or "no grammar", file=open("seen", "a"))
print(min(runs), file=open("times", "a"))
PYTHON
done
cat seen
env/bin/python - <<'PYTHON'
before, now = map(float, open("times"))
print(f"the import takes {now / before:.0f} times the processor time of 4.24.0 ({now:.2f} s, {before:.2f} s)")
assert now > 5 * before
PYTHON
diff - seen <<'EXPECTED'
4.24.0 imports no grammar
4.26.0 imports lark and rfc3987_syntax
EXPECTED
