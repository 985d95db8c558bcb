# vzsl: the stages as make targets. `make help` lists them.

DATASET ?= cub
DATA    ?= data/$(DATASET)
MODEL   ?= models/vgg19.onnx
OUT     ?= .
SPLIT   ?= standard
METHOD  ?= vzsl
# More flags for the stage at hand, e.g. make train FLAGS="--seed 7 --set epochs=20".
FLAGS   ?=

GO      ?= go
VZSL    := bin/vzsl
LINT_VERSION := v2.15.0

sources := $(shell find . -name '*.go' -not -path './.git/*') $(wildcard internal/kernels/*.s) go.mod go.sum

# The network's folder below features/DATASET is only named where it must be chosen.
network := $(if $(NETWORK),--network $(NETWORK))
lists   := $(if $(SEEN),--seen $(SEEN)) $(if $(UNSEEN),--unseen $(UNSEEN))
common  := --dataset $(DATASET) --out $(OUT)
table   := $(OUT)/features/$(DATASET)/classes.parquet
roles   := $(OUT)/features/$(DATASET)/splits/$(SPLIT).parquet

.DEFAULT_GOAL := help
.PHONY: help build check extract attributes split train tune evaluate verify demo test test-times test-slow test-long test-arm64 test-onnxruntime library cluster interop interop-packages pages page-packages screenshots fuzz torture faults fuzz-commands bitrot soak vuln bench lint vet tidy-check docs generate generate-check install changelog release container clean

help: ## list the targets
	@echo 'vzsl: zero-shot learning, from pixels to a report'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  DATASET=$(DATASET) DATA=$(DATA) MODEL=$(MODEL) OUT=$(OUT) SPLIT=$(SPLIT) METHOD=$(METHOD)'
	@echo '  own class lists: SPLIT=name SEEN=file UNSEEN=file    more flags: FLAGS="..."    one of several networks: NETWORK=name'

build: $(VZSL) ## the command, as one static binary in bin/

$(VZSL): $(sources)
	CGO_ENABLED=0 $(GO) build -trimpath -o $@ .

extract: $(VZSL) ## compute features of images with an ONNX network  [DATASET DATA MODEL OUT FLAGS]
	$(VZSL) extract $(common) --data $(DATA) --model $(MODEL) $(FLAGS)

attributes: $(VZSL) ## read class descriptions into the class table  [DATASET DATA OUT FLAGS]
	$(VZSL) attributes $(common) --data $(DATA) $(FLAGS)

split: $(VZSL) | $(table) ## assign images to training, validation and test sets  [DATASET SPLIT SEEN UNSEEN OUT FLAGS]
	$(VZSL) split $(common) --split $(SPLIT) $(lists) $(FLAGS)

$(table): | $(VZSL)
	$(VZSL) attributes $(common) --data $(DATA)

$(roles): | $(VZSL)
	$(VZSL) split $(common) --split $(SPLIT) $(lists)

train: $(VZSL) | $(table) $(roles) ## train a model on the features  [DATASET SPLIT METHOD NETWORK OUT FLAGS]
	$(VZSL) train $(common) $(network) --split $(SPLIT) --method $(METHOD) $(FLAGS)

tune: $(VZSL) | $(table) $(roles) ## search a method's settings on the seen classes, then train  [as train]
	$(VZSL) tune $(common) $(network) --split $(SPLIT) --method $(METHOD) $(FLAGS)

evaluate: $(VZSL) ## evaluate a trained model and write its report  [DATASET SPLIT METHOD OUT FLAGS]
	$(VZSL) evaluate $(common) --data $(DATA) --split $(SPLIT) --method $(METHOD) $(FLAGS)

verify: $(VZSL) ## check every file below OUT against its checksum  [OUT]
	$(VZSL) verify $(OUT)

demo: $(VZSL) ## run every stage on generated images in ./demo; nothing to download
	$(VZSL) demo --out demo $(FLAGS)
	$(VZSL) demo --text --out demo $(FLAGS)

# Linking the test binaries is half the work; it and the tests are faster with less garbage collection.
go_test = GOGC=400 $(GO) test

test: ## quick tests (seconds)
	$(go_test) ./pipeline ./... # the longest first

test-times: ## the twenty slowest quick tests, without cached results
	@$(go_test) -count=1 -json ./... | sed -n 's/.*"Action":"pass","Package":"\([^"]*\)","Test":"\([^"/]*\)","Elapsed":\([0-9.]*\).*/\3 s  \1  \2/p' | sort -rn | head -20

SLOW_PACKAGES = ./pipeline/... ./tools/campaign ./train/... ./features/... ./extract/... ./datasets/... ./evaluate/report ./predict/server ./internal/custody ./internal/kernels ./internal/store
test-slow: ## slower tests (minutes): killed and concurrent commands, damaged files, full disks, short campaigns
	VZSL_SLOW=1 $(go_test) -count=1 $(SLOW_PACKAGES)

test-long: ## all tests, including long ones: an hour or two, 9 GB in TMPDIR
	VZSL_LONG=1 $(GO) test -timeout 3h ./...

QEMU_ARM64 ?= $(shell command -v qemu-aarch64-static || command -v qemu-aarch64)
test-arm64: ## kernel and engine tests for arm64 under qemu (Debian: qemu-user-static)
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -short -exec '$(QEMU_ARM64)' ./internal/kernels ./extract/engine/native

library: ## test examples/library, a separate module, on the demo's images
	cd examples/library && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test -count=1 ./...

cluster: ## test examples/cluster, a separate module: manifests, scripts and programs (VZSL_SLURM=1: also on Slurm)
	cd examples/cluster && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test -count=1 -timeout 40m ./...

# What our files are read with. Once installed, make test-slow uses it too.
INTEROP := internal/interop/testdata
$(INTEROP)/node_modules/.package-lock.json: $(INTEROP)/package-lock.json
	cd $(INTEROP) && npm ci
	touch $@

interop-packages: $(INTEROP)/node_modules/.package-lock.json

# The library for the engine onnxruntime that onnxruntime-node brings along.
ORT_LIBRARY = $(firstword $(wildcard $(CURDIR)/$(INTEROP)/node_modules/onnxruntime-node/bin/napi-v*/linux/$(patsubst amd64,x64,$(shell $(GO) env GOARCH))/libonnxruntime.so.1))
test-onnxruntime: interop-packages ## test the engine onnxruntime on Linux with the library of npm's onnxruntime-node (needs a C compiler)
	VZSL_ONNXRUNTIME_LIB=$(ORT_LIBRARY) CGO_ENABLED=1 $(GO) test -count=1 -tags onnxruntime ./extract/engine/onnxruntime

# The programs whose lack fails these tests; those of others skip.
REQUIRE ?= node,python
interop: interop-packages ## read our files with DuckDB, Polars, Arrow, ONNX Runtime, NumPy, pandas (installs npm packages)
	VZSL_INTEROP=$(REQUIRE) $(GO) test -count=1 -v -run Interop ./features ./train ./train/runs ./train/safetensors ./attributes/text/tokenize ./pipeline

PAGES := internal/pagetest/testdata
$(PAGES)/node_modules/.package-lock.json: $(PAGES)/package-lock.json
	cd $(PAGES) && npm ci
	touch $@

page-packages: $(PAGES)/node_modules/.package-lock.json

pages: page-packages ## test reports and server page in Chromium: widths, dark mode, print, accessibility (installs npm packages)
	VZSL_PAGES=1 $(GO) test -count=1 -v -run TestPages ./internal/pagetest ./internal/gallery ./evaluate/report ./predict/server ./pipeline

screenshots: page-packages ## take the screenshots of the report, the server's page and the list of runs in docs/ with Chromium
	VZSL_PAGES=1 VZSL_SHOTS=$(CURDIR)/docs $(GO) test -count=1 -run 'TestPages(Report|Serve)/(describe|correct)' ./pipeline

# New inputs are not minimised: with one processor that would take most of FUZZTIME.
FUZZTIME ?= 20s
fuzz: ## run every fuzz target for FUZZTIME
	@$(GO) list ./... | while read p; do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $(FLAGS) $$p || exit 1; \
	  done; \
	done

KILLS ?= 1000
torture: $(VZSL) ## kill or interrupt writing commands KILLS=1000 times, resume them and compare the files: docs/reliability.md  [FLAGS]
	$(GO) run ./tools/campaign torture -n $(KILLS) $(FLAGS)

faults: $(VZSL) ## run every writing command on a file system with injected faults (Linux, root, FUSE)  [FLAGS]
	$(GO) run ./tools/campaign faults $(FLAGS)

INPUTS ?= 20000
fuzz-commands: $(VZSL) ## run the commands on INPUTS=20000 mutated files of every format, with memory and time limits  [FLAGS]
	$(GO) run ./tools/campaign fuzz-commands -n $(INPUTS) $(FLAGS)

FLIPS ?= 2000
bitrot: ## damage files of every kind FLIPS=2000 times: verify must find it, commands must not use them
	VZSL_LONG=1 VZSL_FLIPS=$(FLIPS) $(GO) test -count=1 -v -timeout 0 -run TestBitRot ./pipeline

SOAK ?= 1h
soak: $(VZSL) ## run the server at full load for SOAK=1h, with slow and hostile clients and edits  [FLAGS]
	$(GO) run ./tools/campaign soak -for $(SOAK) $(FLAGS)

bench: ## compare the speed with other programs, 15 minutes: docs/benchmarks.md (installs missing ones)  [FLAGS]
	$(GO) run ./tools/bench -install $(FLAGS)

check: ## run all checks of CI, about ten minutes
	.ci/run

lint: ## run golangci-lint, including the import rules
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) run

# Exit code 3 is govulncheck's for what it found; where its database cannot be reached this says so and fails.
VULN_VERSION := v1.9.0
vuln: ## run govulncheck: known vulnerabilities in code that is called; needs vuln.go.dev, or GOVULNDB=file:///... of a copy
	@$(GO) run golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION) $(if $(GOVULNDB),-db $(GOVULNDB)) ./... || { \
	  echo 'govulncheck found something, or NOT RUN: its database could not be reached (above)'; exit 1; }

vet: ## run go vet
	$(GO) vet ./...

tidy-check: ## check that go.mod and go.sum match the code
	$(GO) mod tidy -diff

docs: ## generate docs/commands/, man pages and docs/methods.md
	$(GO) run ./tools/reference -docs docs

generate: docs ## generate the docs and the assembly kernels
	$(GO) generate ./internal/kernels

generate-check: generate ## check that the generated files are up to date
	git diff --exit-code -- internal/kernels docs
	@test -z "$$(git ls-files --others --exclude-standard docs)" || { echo 'generated, but not committed:'; git ls-files --others --exclude-standard docs; exit 1; }

PREFIX ?= /usr/local
install: $(VZSL) ## install the command, man pages and shell completions  [PREFIX DESTDIR]
	mkdir -p $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(VZSL) $(DESTDIR)$(PREFIX)/bin/vzsl
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH-$$(git log -1 --format=%ct 2>/dev/null)} $(GO) run ./tools/reference -share $(DESTDIR)$(PREFIX)/share

changelog: ## move the entries of changes/ to CHANGELOG.md before a release is tagged  VERSION=1.2.0
	$(GO) run ./tools/release -changelog "$(VERSION)"

release: ## build a tagged commit for Linux, macOS and Windows on amd64 and arm64 in dist/: archives, deb, rpm, SBOM, SHA256SUMS  [FLAGS]
	$(GO) run ./tools/release $(FLAGS)

CONTAINER ?= $(shell command -v podman || echo docker)
container: ## build the container image vzsl:latest with podman or docker
	$(CONTAINER) build -f Containerfile -t vzsl .

clean: ## remove the binary, the release and the demo
	rm -rf bin dist demo
