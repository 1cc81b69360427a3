# The course's commands; `make` alone lists them.
# tools/bootstrap.py keeps .venv as pyproject.toml and constraints.txt ask for, and is quick when nothing changed.

PYTHON ?= python3
JOBS ?= 2
NB ?= $(wildcard notebooks/*.ipynb)
FOLDER ?= submissions
OUT ?= dist/grades

PY := .venv/bin/python
FIRST_LESSON := notebooks/00_start_here.ipynb
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Packages of another project must not reach the course's interpreter.
unexport PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help lab test check bare student site pdf handouts slides release hub wheelhouse grade indexes execute present bench bench-all lint \
	format constraints clean setup-lab setup-present setup-classroom setup-release setup-test

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

lab: setup-lab ## Open the course in JupyterLab; LAB_FLAGS="--no-browser --port=8899" serves it headless
	$(PY) -m jupyterlab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/$(FIRST_LESSON) $(ALLOW_ROOT) $(LAB_FLAGS)

test: setup-test ## Prove that everything still holds: style, unit tests, contracts, explorers, every notebook's outputs, browser tests
	$(PY) -m tools.check --jobs $(JOBS)

check: setup-test ## Check one lesson without a browser, NB=notebooks/08_vae.ipynb
	$(PY) -m tools.check --jobs $(JOBS) $(NB)

bare: ## Run both commands above in an empty Debian made for it, as root; BARE_FLAGS=--without-browser leaves out Chromium
	"$(PYTHON)" -B -m tools.bare_machine $(BARE_FLAGS)

student: setup-lab ## Build the students' copy in dist/student, and the solutions in dist/solutions
	$(PY) -m tools.publish.student_copy

site: setup-release ## Build the site in dist/site; SITE=students builds the one without solutions and guide, in dist/site-students
	$(PY) -m tools.publish.site $(if $(SITE),--for $(SITE))

pdf: setup-release ## Print lessons of the site as PDF in dist/site/pdf, LESSON=05; without LESSON, all
	$(PY) -m tools.publish.site --pdf $(LESSON)

handouts: setup-release ## Build a handout of one or two pages for each lesson, and a sheet of all formulas, in dist/handouts
	$(PY) -m tools.publish.handouts

slides: setup-release ## Build the slides of all lessons in dist/slides; PDF=1 prints them too, one page a slide
	$(PY) -m tools.publish.slides --check $(if $(PDF),--pdf)

release: setup-release ## Build students' copy, solutions, slides and site from what is committed, in dist/vae-course-VERSION
	$(PY) -m tools.publish.release

hub: setup-classroom ## Try out a class on JupyterHub on this machine
	$(PY) -m tools.teach.hub

wheelhouse: setup-test ## Collect all packages in dist/wheelhouse, for a class without network
	$(PY) -m tools.teach.wheelhouse

grade: setup-test ## Grade a class, FOLDER=submissions OUT=dist/grades; RUBRIC=points.yaml ROSTER=class.csv LESSONS=01,02 if you have them
	$(PY) -m tools.teach.grading "$(FOLDER)" "$(OUT)" $(if $(RUBRIC),--rubric "$(RUBRIC)") $(if $(ROSTER),--roster "$(ROSTER)") \
		$(if $(LESSONS),--lessons "$(LESSONS)") $(if $(WALL),--wall "$(WALL)") $(GRADE_FLAGS)

indexes: setup-lab ## Write docs/claims.md, docs/glossary.md, docs/published.md and docs/instructor/calendar.md
	$(PY) -m tools.publish.indexes

execute: setup-lab ## Run notebooks and store their outputs; NB=notebooks/01_estimation.ipynb runs one
	$(PY) tools/execute.py $(NB)

present: setup-present ## Present one lesson as slides in JupyterLab, LESSON=03; PLAN=45 shows the slides of that plan
	$(PY) -m tools.teach.present "$(LESSON)" --plan="$(PLAN)"

bench: setup-lab ## Run one benchmark, BENCH=name; without a name, list them
	$(PY) -m benchmarks $(BENCH)

bench-all: setup-lab ## Run every benchmark with its longest settings, write the results and the page of published figures: a night
	$(PY) -m benchmarks --all --record
	$(PY) -m tools.publish.indexes

lint: setup-test ## Check style
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: setup-test ## Mend style
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

constraints: ## Pin in constraints.txt what is installed in .venv (CONTRIBUTING.md says when)
	{ sed -n '/^#/p' constraints.txt; $(PY) -m pip freeze --all --exclude-editable --exclude pip | sed 's/+.*//' | LC_ALL=C sort -f; } > constraints.new
	mv constraints.new constraints.txt

clean: ## Remove what the commands above made, but for the environment, downloaded data and the work of a class in build/hub
	find build -mindepth 1 -maxdepth 1 ! -name hub -exec rm -rf {} + 2>/dev/null || true
	rm -rf dist .hypothesis .pytest_cache .ruff_cache *.egg-info
	find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -exec rm -rf {} +

setup-lab setup-present setup-classroom setup-release setup-test: setup-%:
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no program called $(PYTHON): install Python 3.11 or newer, or name yours, for example make lab PYTHON=python3.12." >&2; exit 1; }
	@"$(PYTHON)" tools/bootstrap.py $* --quiet
