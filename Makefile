# One verb each, the same on a laptop and in CI. `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help run test check queries

# The tests to run; all of them unless `make test T=name` says otherwise.
T ?=

help: ## List the verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: ## Build Heartbeat and run it on a private PostgreSQL, everything kept in .heartbeat
	@infra/run

test: ## Run every test on a PostgreSQL started for it (one: make test T=name)
	cargo build --workspace --all-features
	infra/with-postgres cargo test --workspace --all-features -- $(T)

check: ## Check format, lints, documentation, shell scripts and generated files
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- --deny warnings
	cargo clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings --allow rustdoc::private-intra-doc-links" \
		cargo doc --workspace --no-deps --all-features --document-private-items
	for script in infra/* .ci/run; do bash -n $$script || exit 1; done
	infra/with-postgres infra/queries --check

queries: ## Bring the descriptions of the SQL statements in .sqlx up to date
	infra/with-postgres infra/queries
