#!/usr/bin/env bash
# IPython 7.34.0 on Python 3.13, as Colab has them: the shell works, and %load_ext autoreload does not load.
#
# Guessed: what is shipped with a shell that starts works in it, or the shell refuses that Python. IPython 7.34 says that
# it needs Python 3.7 or newer, without an end; its autoreload imports imp, which Python 3.12 has taken out. So whoever
# edits a module beside a notebook there has importlib.reload alone. Other extensions (storemagic) load.
# Needs python3.13 in the path, or PYTHON=… to one.
set -eu
python=${PYTHON:-python3.13}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --disable-pip-version-check ipython==7.34.0 setuptools==80.9.0
cat >"$folder/try.py" <<'PYTHON'
import sys
import warnings

warnings.simplefilter("ignore")
import IPython
from IPython.core.interactiveshell import InteractiveShell

print(f"IPython {IPython.__version__}, Python {sys.version_info.major}.{sys.version_info.minor}")
shell = InteractiveShell.instance()
for name in ("storemagic", "autoreload"):
    try:
        shell.run_line_magic("load_ext", name)
    except ImportError as problem:
        print(f"{name}: {type(problem).__name__}: {problem}")
    else:
        print(f"{name}: loads")
PYTHON
HOME="$folder" "$folder/env/bin/python" "$folder/try.py" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
IPython 7.34.0, Python 3.13
storemagic: loads
autoreload: ModuleNotFoundError: No module named 'imp'
EXPECTED
