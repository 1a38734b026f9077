# One verb each, the same on a laptop and in CI. `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help run test soak check bench instructions lambda deploy dist docs queries test-agent

# The tests to run; all of them unless `make test T=name` says otherwise.
T ?=

# The parts of the benchmark to run; all of them unless `make bench B="name …"` says otherwise.
B ?=

# A folder for the pictures of the benchmark, besides target/bench: docs/images keeps them in the book.
CURVES ?=

# How the functions are built. The compiler of this machine will do for its own kind of processor; for
# another, cargo-lambda brings one along (zig).
LAMBDA_PROFILE ?= function
LAMBDA_FLAGS ?= --compiler cargo

# Records how long a step takes, for `.ci/run`.
TIMED := infra/scripts/timed

help: ## List the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: ## Build Heartbeat and run it on a private PostgreSQL, everything kept in .heartbeat
	@infra/scripts/run

test: ## Run every test on a PostgreSQL started for it, and in a browser (one: make test T=name)
	@infra/scripts/test $(T)

test-agent: ## Test the agent on KWin, Mutter, Windows under wine, and type-check macOS (one: make test-agent T=name)
	@infra/scripts/test-agent $(T)

soak: ## Faults and abuse again and again, and fuzzing: half an hour
	cargo build --workspace --all-features
	SOAK=1 infra/scripts/with-postgres cargo test --workspace --all-features --test faults --test abuse
	infra/scripts/fuzz

check: ## Check format, lints, documentation, shell scripts, workflows, manifests and generated files
	cargo fmt --all --check
	$(TIMED) "lints, all features" cargo clippy --workspace --all-targets --all-features -- --deny warnings
	$(TIMED) "lints, no features" cargo clippy --package heartbeat-local-server --no-default-features -- --deny warnings
	tree=$$(cargo tree --quiet --package heartbeat-local-server --no-default-features --edges normal) && \
		! echo "$$tree" | grep -E 'reqwest|resvg'
	RUSTDOCFLAGS="--deny warnings --allow rustdoc::private-intra-doc-links" \
		$(TIMED) "rustdoc" cargo doc --workspace --no-deps --all-features --document-private-items
	for script in $$(grep -lr '^#!/usr/bin/env bash' infra .ci); do bash -n $$script || exit 1; done
	$(TIMED) "SQL statements" infra/scripts/with-postgres infra/scripts/queries --check
	$(TIMED) "build, generated documents" infra/scripts/docs --check
	$(TIMED) "licenses" infra/scripts/deny
	$(TIMED) "workflows" infra/scripts/check-workflows
	$(TIMED) "manifests for Kubernetes" infra/scripts/check-kubernetes

bench: ## Measure speed against what this machine can do at all (parts: make bench B="beats reads")
	cargo build --release --package heartbeat-local-server --all-features
	case " $(B) " in "  " | *" lambda "* | *" crowd "*) cargo build --profile function --package heartbeat-functions --bins --examples ;; esac
	CURVES=$(abspath $(CURVES)) DURABLE=1 infra/scripts/with-postgres cargo bench --package heartbeat-tests --bench speed -- $(B)

instructions: ## Count instructions per operation, and hold them against tests/budgets.toml
	@infra/scripts/instructions

lambda: ## Build every Lambda function into target/lambda (for arm64: make lambda LAMBDA_FLAGS=--arm64)
	@infra/scripts/tools
	PATH="$(CURDIR)/.tools/bin:$$PATH" cargo lambda build --package heartbeat-functions --profile $(LAMBDA_PROFILE) $(LAMBDA_FLAGS)

deploy: lambda ## Deploy to AWS with SAM, which asks for what it needs to know
	@infra/scripts/deploy

dist: ## Pack server and agent for this kind of machine into target/dist (infra/scripts/check-dist* try them)
	@infra/scripts/dist
	@infra/scripts/dist-agent

docs: ## Build the book into target/book, and bring what is generated for it up to date
	@infra/scripts/docs

queries: ## Bring the descriptions of the SQL statements in .sqlx up to date
	infra/scripts/with-postgres infra/scripts/queries
