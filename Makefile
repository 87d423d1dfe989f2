# make demo    a real video out of a notebook, on the embedded server, without a key
# make test    sets up and runs everything: style, types, layers, tests in kernels, notebooks and browsers
# make soak    200 kernels and programs killed at random instants, as many forks, a thousand examples of each property
# make bench   the benchmarks, each beside its baseline
# make screenshots   the pictures in docs/screenshots, taken anew in JupyterLab
# make lint    style, types and layers alone
# make clean   all that the above made
#
# A Debian machine with Python is enough. What comes from Debian itself (python3-venv, Chromium) is installed where we
# are root and asked for where we are not. HH_CI=1 turns a skipped test into a failed one.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
export HH_CI
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := -m pip install -qq --disable-pip-version-check

# Two more kernels beside the main environment's current one: the last 6.x, and what Colab pins.
KERNELS := .venvs/ipykernel6 .venvs/colab
PINS_ipykernel6 := 'ipykernel<7' ipywidgets
PINS_colab := ipython==7.34.0 ipykernel==6.17.1 ipywidgets==7.7.1 traitlets==5.7.1 tornado==6.5.7
# Colab has Python 3.13: where there is none, that kernel is made with $(PYTHON).
PYTHON_colab = $(shell for python in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python3.13; do \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null && { echo "$$python"; exit; }; done; echo "$(PYTHON)")
PYTHON_ipykernel6 = $(PYTHON)

# Folders too: their time tells that a file was taken away.
SOURCES := $(shell find happyhorse_nb notebooks -name __pycache__ -prune -o -print)
WHEEL := dist/.wheel
# Two more than there are cores: most tests wait for a kernel or a server.
WORKERS ?= $(shell expr $$(nproc) + 2)

step = @printf '\033[1m== %s\033[0m\n' "$(1)"

.PHONY: test demo soak bench screenshots lint clean setup python chromium
.SUFFIXES:

test:
	@$(MAKE) -j3 setup
	@$(MAKE) lint
	$(call step,tests)
	@$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(call step,style (ruff))
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet .; exit 1; }
	$(call step,types (mypy))
	@$(BIN)/mypy
	$(call step,layers (import-linter))
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n 60

demo: $(VENV)/.demo
	$(call step,running notebooks/01_quickstart.ipynb on the embedded server)
	@$(BIN)/happyhorse-nb demo

soak: $(VENV)/.dev
	$(call step,soak)
	@HH_KILLS=$${HH_KILLS:-200} $(BIN)/pytest tests/soak $(PYTEST_ARGS)
	@$(BIN)/pytest -m hypothesis --ignore=tests/soak --hypothesis-profile=soak $(PYTEST_ARGS)

bench: $(VENV)/.dev
	$(call step,benchmarks)
	@$(BIN)/python benchmarks

screenshots: $(VENV)/.dev chromium
	$(call step,screenshots)
	@HH_SCREENSHOTS=docs/screenshots $(BIN)/pytest tests/browser/test_screenshots.py

clean:
	rm -rf $(VENV) .venvs dist build demo-output test-output .cache .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(VENV)/.dev $(KERNELS:%=%/.kernel) chromium

# Debian splits venv from Python; both the import and ensurepip are missing then.
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=… to one."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/debian python3-venv

# The browser tests need Debian's Chromium, which decodes H.264. Without it they skip, and say so.
chromium:
	@command -v chromium >/dev/null || .ci/debian chromium || printf '\n%s\n%s\n\n' \
		"******** NO CHROMIUM: THE BROWSER TESTS WILL BE SKIPPED ********" \
		"******** install it with: apt-get install chromium    ********"

# The environment is made anew when what it needs has changed, and gets the new wheel when only the code has.
$(VENV)/.made: pyproject.toml | python
	$(call step,environment $(VENV))
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python $(PIP_INSTALL) "build>=1.2" "hatchling>=1.27"
	@touch $@

$(WHEEL): $(VENV)/.made $(SOURCES) pyproject.toml README.md LICENSE
	$(call step,wheel)
	@rm -rf dist
	@$(BIN)/python -m build --wheel --no-isolation >$(VENV)/build.log 2>&1 || { cat $(VENV)/build.log; exit 1; }
	@ls dist/*.whl >$@

# The dependencies once, then only the wheel itself: seconds instead of minutes after a change.
define install
	@test -e $(1)/.has-$(2) || { $(1)/bin/python $(PIP_INSTALL) $(3) && touch $(1)/.has-$(2); }
	@$(1)/bin/python $(PIP_INSTALL) --force-reinstall --no-deps "$$(cat $(WHEEL))"
	@touch $@
endef

$(VENV)/.demo: $(WHEEL)
	$(call step,installing the project with its server and JupyterLab)
	$(call install,$(VENV),lab,"$$(cat $(WHEEL))[lab]")

$(VENV)/.dev: $(WHEEL)
	$(call step,installing the project with all that the tests need)
	$(call install,$(VENV),dev,"$$(cat $(WHEEL))[dev]")

.venvs/%/.kernel: $(WHEEL)
	@test -e .venvs/$*/.has-pins -a .venvs/$*/.has-pins -nt pyproject.toml || $(PYTHON_$*) -m venv --clear .venvs/$*
	@printf '\033[1m== kernel %s: %s, %s\033[0m\n' $* "$$(.venvs/$*/bin/python -V)" "$(subst ',,$(PINS_$*))"
	$(call install,.venvs/$*,pins,$(PINS_$*) "$$(cat $(WHEEL))")
