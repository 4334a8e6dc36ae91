# `make help` tells what there is. Cargo does the work; what is here is what CI runs, too.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

.PHONY: help build install demo dist package sbom deny test test-embedded test-real test-go test-servers test-server test-newest test-kerberos test-matrix test-faults fuzz lint doc check check-with verify bench bench-large setup-zookeeper setup-kazoo setup-junit setup-kerberos setup-chromium setup-promtool setup-helm

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build zkt (target/debug/zkt)
	cargo build

# All features but gssapi: that takes libclang and headers of Kerberos, and minutes to build.
FEATURES := --features otel

PREFIX ?= /usr/local
# A zkt that is built already, to be installed as it is.
ZKT ?= $${CARGO_TARGET_DIR:-target}/release/zkt

install: ## install zkt with its manual and completions; PREFIX=/usr/local DESTDIR= ZKT=a-built-zkt
	$(if $(filter file,$(origin ZKT)),cargo build --release --locked --bin zkt)
	@zkt="$(ZKT)"; to="$(DESTDIR)$(PREFIX)"; share="$$to/share"; \
	install -D -m 755 "$$zkt" "$$to/bin/zkt"; \
	install -d "$$share/man/man1"; \
	"$$zkt" man --dir "$$share/man/man1"; \
	mkdir -p "$$share/bash-completion/completions" "$$share/zsh/site-functions" \
		"$$share/fish/vendor_completions.d"; \
	"$$zkt" completions bash > "$$share/bash-completion/completions/zkt"; \
	"$$zkt" completions zsh > "$$share/zsh/site-functions/_zkt"; \
	"$$zkt" completions fish > "$$share/fish/vendor_completions.d/zkt.fish"; \
	echo "zkt is installed in $$to/bin"

TARGET ?= x86_64-unknown-linux-musl
# Where archives go.
DIST ?= $${CARGO_TARGET_DIR:-target}/dist

# The archive names no folder of the machine that built it.
dist: ## build zkt as one static file and pack it; it needs `rustup target add`, and musl-tools; TARGET=…
	RUSTFLAGS="$${RUSTFLAGS:-} -C target-feature=+crt-static --remap-path-prefix=$(CURDIR)=zkt \
		--remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo" CARGO_PROFILE_RELEASE_STRIP=true \
		cargo build --release --locked --bin zkt --target $(TARGET)
	@zkt="$${CARGO_TARGET_DIR:-target}/$(TARGET)/release/zkt"; \
	if readelf --program-headers "$$zkt" | grep --quiet INTERP; then \
		echo "dist: $$zkt is not static: it asks for a loader of the system" >&2; exit 1; fi; \
	$(MAKE) package ZKT="$$zkt"

# The same zkt and commit make the same bytes.
package: ## pack a zkt that is built, with its manual, completions, licences and checksum; ZKT=a-built-zkt DIST=folder
	@version="$$("$(ZKT)" --version | cut -d ' ' -f 2)"; name="zkt-$$version-$(TARGET)"; to="$(DIST)"; \
	rm -rf "$$to/$$name"; \
	$(MAKE) --silent install PREFIX=/ DESTDIR="$$to/$$name" ZKT="$(ZKT)" >/dev/null; \
	cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$$to/$$name"; \
	tar --create --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s \
		--mtime="@$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)}" --directory "$$to" "$$name" \
		| gzip --no-name --best > "$$to/$$name.tar.gz"; \
	rm -rf "$$to/$$name"; \
	cd "$$to"; sha256sum "$$name.tar.gz" > "$$name.tar.gz.sha256"; \
	echo "$$to/$$name.tar.gz"; cat "$$name.tar.gz.sha256"

sbom: ## list what zkt is made of, as CycloneDX JSON (target/dist); it needs cargo-cyclonedx
	@cargo cyclonedx --version >/dev/null 2>&1 || { \
		echo "sbom: cargo-cyclonedx is not installed: cargo install --locked cargo-cyclonedx" >&2; exit 1; }
	SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)}" cargo cyclonedx \
		--format json --spec-version 1.5 --no-build-deps --override-filename zkt.cdx
	@mkdir -p "$(DIST)"; sed 's|file://$(CURDIR)|file:///zkt|g' zkt.cdx.json > "$(DIST)/zkt.cdx.json"; \
	rm zkt.cdx.json; echo "$(DIST)/zkt.cdx.json"

deny: ## hold the dependencies to deny.toml: licences, sources, advisories; it needs cargo-deny
	cargo deny check

demo: ## show zkt at work on a server of its own; it needs nothing but cargo
	@cargo build --quiet
	@ZKT="$${CARGO_TARGET_DIR:-target}/debug/zkt" examples/demo.sh

test: setup-zookeeper setup-kazoo setup-chromium setup-promtool setup-helm test-embedded test-real ## run all tests on the embedded server, and again on a real one

test-embedded: setup-kazoo setup-chromium setup-promtool setup-helm ## run the tests that need no real ZooKeeper: neither Java nor root
	ZKT_TEST_CHROMIUM="$$(tests/chromium.sh path)" \
		cargo test $(FEATURES) --lib --bins --examples --test it --test fuzz --bench stages -- --skip real::
	cargo test $(FEATURES) --doc

test-real: setup-zookeeper setup-kazoo setup-junit setup-chromium setup-promtool setup-helm ## run all tests that use a server on a real ZooKeeper
	ZKT_TEST_SERVER=real ZKT_TEST_ZOOKEEPER_CLASSPATH="$$(tests/zookeeper.sh classpath)" \
		ZKT_TEST_CHROMIUM="$$(tests/chromium.sh path)" cargo test $(FEATURES) --test it --bench wire

test-go: build ## run the example of tests in Go; it needs Go, which fetches its ZooKeeper client
	@target="$${CARGO_TARGET_DIR:-$(CURDIR)/target}"; \
	rm -rf "$$target/go" && cp -r examples/testing/go "$$target/go" && cd "$$target/go" && \
	go mod tidy && ZKT="$$target/debug/zkt" go test -count=1 ./...

test-servers: setup-kazoo setup-chromium setup-promtool setup-helm ## run the end-to-end tests on ZooKeeper 3.4 to 3.9, whose jars are fetched into target/
	for version in $$(tests/servers.sh versions); do \
		tests/servers.sh setup $$version; \
		$(MAKE) test-server VERSION=$$version TESTS="$$(tests/servers.sh tests $$version)"; \
	done
	$(MAKE) test-matrix

test-matrix: setup-zookeeper ## run what shows which server can do what, and write the guide's table; KIND=one RECORD=1
	for kind in $(or $(KIND),$$(tests/matrix.sh rows)); do tests/matrix.sh run $$kind; done
	ZKT_WRITE_MATRIX=1 cargo test $(FEATURES) --test it -- matrix::page

test-server:
	ZKT_TEST_SERVER=real ZKT_TEST_ZOOKEEPER_CLASSPATH="$$(tests/servers.sh classpath $(VERSION))" \
		ZKT_TEST_ZOOKEEPER_MAIN="$$(tests/servers.sh main $(VERSION))" \
		ZKT_TEST_CHROMIUM="$$(tests/chromium.sh path)" \
		cargo test $(FEATURES) --test it -- $(TESTS)

# A selection, for the time that it takes.
test-newest: ## run some of the end-to-end tests on the newest of them
	tests/servers.sh setup 3.9.3
	$(MAKE) test-server VERSION=3.9.3 TESTS="session:: cli::apply cli::connect cli::plan cli::service \
		services::registrations real::netty real::sasl real::tls real::versions"

test-kerberos: setup-zookeeper setup-kerberos ## run the tests of the feature gssapi, with a KDC of their own
	ZKT_TEST_ZOOKEEPER_CLASSPATH="$$(tests/zookeeper.sh classpath)" \
		cargo test $(FEATURES),gssapi --test it -- kerberos::

test-faults: setup-zookeeper ## run 100 rounds of faults on an ensemble of three; ROUNDS=100 SEED=that-of-a-run
	ZKT_TEST_ZOOKEEPER_CLASSPATH="$$(tests/zookeeper.sh classpath)" ZKT_FAULT_ROUNDS=$(or $(ROUNDS),$${ZKT_FAULT_ROUNDS:-100}) \
		$(if $(SEED),ZKT_FAULT_SEED=$(SEED)) cargo test $(FEATURES) --test it -- real::fire --nocapture

# What is in tests/fuzz is tried by `make test`, too, and some new inputs; this goes on for as long as it is told to,
# one target after the other, and goes on from what it found before, in target/fuzz.
fuzz: ## make new inputs of what is in tests/fuzz and try them: SECONDS=60 (for each target) TARGET=texts
	@cargo test $(FEATURES) --test fuzz --bin zkt --no-run
	@export ZKT_FUZZ_SECONDS="$(or $(SECONDS),60)" RUST_BACKTRACE=0; \
	for target in $(or $(TARGET),$(FUZZED)); do \
		case "$$target" in \
		terminal|requests) tried=(--bin zkt -- "tests::$$target" "fuzz::$$target") ;; \
		*) tried=(--test fuzz -- "$$target::fuzzed") ;; \
		esac; \
		cargo test --quiet $(FEATURES) "$${tried[@]:0:2}" -- --nocapture "$${tried[@]:3}"; \
	done

FUZZED := texts layers values saved frames replies growth terminal requests

lint: ## check the layout of the code, what clippy finds, and the dependencies
	cargo fmt --check
	cargo clippy --all-targets $(FEATURES) -- -D warnings
	cargo clippy --no-default-features --lib -- -D warnings
	cargo clippy --no-default-features --features server --lib -- -D warnings
	cargo clippy --no-default-features --features watch --lib -- -D warnings
	cargo clippy --no-default-features --features tls --lib -- -D warnings
	cargo clippy --no-default-features --features graph --lib -- -D warnings
	cargo clippy --no-default-features --features sasl --lib -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then $(MAKE) deny; \
	else echo "lint: cargo deny is not installed, so the dependencies are not checked"; fi

doc: ## build the documentation (target/doc/zkt)
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

check: ## check the trees in examples/
	cargo build --quiet $(FEATURES)
	@$(MAKE) check-with ZKT="$${CARGO_TARGET_DIR:-target}/debug/zkt"

check-with:
	$(ZKT) fmt --check examples
	for tree in examples/*.zkt; do $(ZKT) check --strict "$$tree"; done
	$(ZKT) check --strict examples/services.zkt examples/prod.zkt

# The tests have built zkt: a build without what only they need would take minutes.
verify: lint doc test test-newest ## all of the above that can fail; CI runs this
	@$(MAKE) check-with ZKT="$${CARGO_TARGET_DIR:-target}/debug/zkt"

bench: setup-zookeeper ## measure zkt beside what the server itself takes; TREE=file.zkt for another tree
	cargo bench --bench stages
	ZKT_TEST_ZOOKEEPER_CLASSPATH="$$(tests/zookeeper.sh classpath)" cargo bench --bench wire -- $(if $(TREE),--tree "$(TREE)")

bench-large: setup-zookeeper ## the same with up to 1,000,000 nodes
	ZKT_TEST_ZOOKEEPER_CLASSPATH="$$(tests/zookeeper.sh classpath)" cargo bench --bench wire -- --large

setup-zookeeper: ## find a ZooKeeper for the tests, or install the distribution's
	@tests/zookeeper.sh setup

setup-kerberos: ## find what the tests of Kerberos take, or install the distribution's
	@tests/kerberos.sh setup

setup-kazoo: ## make a virtual environment of Python with kazoo and pytest, for the tests
	@tests/kazoo.sh setup

setup-junit: ## find JUnit and a compiler for Java, or install the distribution's
	@tests/junit.sh setup

setup-chromium: ## find a browser for the tests, or install the distribution's
	@tests/chromium.sh setup >/dev/null

setup-promtool: ## find the checker of alert rules for the tests, or install the distribution's
	@tests/promtool.sh setup >/dev/null

setup-helm: ## make a virtual environment of Python with Helm, for the tests
	@tests/helm.sh setup
