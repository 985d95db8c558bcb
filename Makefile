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
.PHONY: help build check extract attributes split train tune evaluate verify demo test test-slow test-long test-arm64 test-onnxruntime library cluster interop interop-packages pages page-packages screenshots fuzz torture faults fuzz-commands bitrot soak vuln bench lint vet tidy-check docs generate generate-check install changelog release container clean

help: ## this list
	@echo 'vzsl: zero-shot learning, from pixels to a report'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  DATASET=$(DATASET) DATA=$(DATA) MODEL=$(MODEL) OUT=$(OUT) SPLIT=$(SPLIT) METHOD=$(METHOD)'
	@echo '  own class lists: SPLIT=name SEEN=file UNSEEN=file    more flags: FLAGS="..."    one of several networks: NETWORK=name'

build: $(VZSL) ## the command, as one static binary in bin/

$(VZSL): $(sources)
	CGO_ENABLED=0 $(GO) build -trimpath -o $@ .

extract: $(VZSL) ## images and an ONNX network to feature shards  [DATASET DATA MODEL OUT FLAGS]
	$(VZSL) extract $(common) --data $(DATA) --model $(MODEL) $(FLAGS)

attributes: $(VZSL) ## class descriptions to the class table  [DATASET DATA OUT FLAGS]
	$(VZSL) attributes $(common) --data $(DATA) $(FLAGS)

split: $(VZSL) | $(table) ## a role for every image  [DATASET SPLIT SEEN UNSEEN OUT FLAGS]
	$(VZSL) split $(common) --split $(SPLIT) $(lists) $(FLAGS)

$(table): | $(VZSL)
	$(VZSL) attributes $(common) --data $(DATA)

$(roles): | $(VZSL)
	$(VZSL) split $(common) --split $(SPLIT) $(lists)

train: $(VZSL) | $(table) $(roles) ## a model of features, class table and roles  [DATASET SPLIT METHOD NETWORK OUT FLAGS]
	$(VZSL) train $(common) $(network) --split $(SPLIT) --method $(METHOD) $(FLAGS)

tune: $(VZSL) | $(table) $(roles) ## search a method's settings on the seen classes, then train  [as train]
	$(VZSL) tune $(common) $(network) --split $(SPLIT) --method $(METHOD) $(FLAGS)

evaluate: $(VZSL) ## the report of a trained model  [DATASET SPLIT METHOD OUT FLAGS]
	$(VZSL) evaluate $(common) --data $(DATA) --split $(SPLIT) --method $(METHOD) $(FLAGS)

verify: $(VZSL) ## read everything below OUT again and check every byte  [OUT]
	$(VZSL) verify $(OUT)

demo: $(VZSL) ## every stage on built-in pictures, in ./demo; nothing to download
	$(VZSL) demo --out demo $(FLAGS)
	$(VZSL) demo --text --out demo $(FLAGS)

# Linking the test binaries is half the work, and half of that the linker's garbage collection: it does without. The tests run with
# the collection as it is set.
test_env = GOGC=off GOMEMLIMIT=1GiB
run_tests = $(GO) test -exec 'env -u GOGC -u GOMEMLIMIT'

test: ## the tests that take seconds: a minute on two cores  [TESTFLAGS]
	$(test_env) $(run_tests) $(TESTFLAGS) ./...

test-long: ## every test, the long ones too: an hour or two, 9 GB in TMPDIR
	VZSL_LONG=1 $(GO) test -timeout 3h ./...

QEMU_ARM64 ?= $(shell command -v qemu-aarch64-static || command -v qemu-aarch64)
test-arm64: ## the kernels' and the engine's tests for arm64, under qemu (Debian: qemu-user-static)
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -short -exec '$(QEMU_ARM64)' ./internal/kernels ./extract/engine/native

library: ## the programs of examples/library, a module of its own, on the demo's images
	cd examples/library && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test -count=1 ./...

cluster: ## examples/cluster, a module of its own: manifests, scripts and programs with the tasks of a plan (VZSL_SLURM=1: on Slurm)
	cd examples/cluster && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test -count=1 ./...

# What our files are read with. Once installed, make test uses it too.
INTEROP := internal/interop/testdata
$(INTEROP)/node_modules/.package-lock.json: $(INTEROP)/package-lock.json
	cd $(INTEROP) && npm ci
	touch $@

interop-packages: $(INTEROP)/node_modules/.package-lock.json

# The library for the engine onnxruntime that onnxruntime-node brings along.
ORT_LIBRARY = $(firstword $(wildcard $(CURDIR)/$(INTEROP)/node_modules/onnxruntime-node/bin/napi-v*/linux/$(patsubst amd64,x64,$(shell $(GO) env GOARCH))/libonnxruntime.so.1))
test-onnxruntime: interop-packages ## the engine onnxruntime, on Linux, with the library of npm's onnxruntime-node (needs a C compiler)
	VZSL_ONNXRUNTIME_LIB=$(ORT_LIBRARY) CGO_ENABLED=1 $(GO) test -count=1 -tags onnxruntime ./extract/engine/onnxruntime

# The programs whose lack fails these tests; those of others skip.
REQUIRE ?= node,python
interop: interop-packages ## our files in DuckDB, Polars, Arrow, ONNX Runtime, NumPy, pandas (installs npm packages)
	VZSL_INTEROP=$(REQUIRE) $(GO) test -count=1 -v -run Interop ./features ./train ./train/runs ./train/safetensors ./attributes/text/tokenize ./pipeline

PAGES := internal/pagetest/testdata
$(PAGES)/node_modules/.package-lock.json: $(PAGES)/package-lock.json
	cd $(PAGES) && npm ci
	touch $@

page-packages: $(PAGES)/node_modules/.package-lock.json

pages: page-packages ## reports and server page in Chromium: widths, dark, print, axe (installs npm packages)
	VZSL_PAGES=1 $(GO) test -count=1 -v -run TestPages ./internal/pagetest ./internal/gallery ./evaluate/report ./predict/server ./pipeline

screenshots: page-packages ## the pictures of the server's page in docs/, taken in Chromium
	VZSL_PAGES=1 VZSL_SHOTS=$(CURDIR)/docs $(GO) test -count=1 -run 'TestPagesServe/(describe|correct)' ./pipeline

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME each
	@$(GO) list ./... | while read p; do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; \
	done

KILLS ?= 1000
torture: $(VZSL) ## KILLS=1000 kills and interruptions of every command that writes, each resumed and compared: docs/reliability.md  [FLAGS]
	$(GO) run ./tools/campaign torture -n $(KILLS) $(FLAGS)

faults: $(VZSL) ## every command that writes, on a file system whose operations fail one after the other (Linux, root, FUSE)  [FLAGS]
	$(GO) run ./tools/campaign faults $(FLAGS)

INPUTS ?= 20000
fuzz-commands: $(VZSL) ## INPUTS=20000 mutated files of every format through the commands, under limits of memory and time  [FLAGS]
	$(GO) run ./tools/campaign fuzz-commands -n $(INPUTS) $(FLAGS)

FLIPS ?= 2000
bitrot: ## FLIPS=2000 flipped bits, cut and swapped files of every kind: verify finds them, no command goes on with them
	VZSL_LONG=1 VZSL_FLIPS=$(FLIPS) $(GO) test -count=1 -v -timeout 0 -run TestBitRot ./pipeline

SOAK ?= 1h
soak: $(VZSL) ## the server at full load for SOAK=1h, with slow and hostile clients and edits  [FLAGS]
	$(GO) run ./tools/campaign soak -for $(SOAK) $(FLAGS)

bench: ## vzsl beside its peers, a quarter of an hour: docs/benchmarks.md (installs missing peers)  [FLAGS]
	$(GO) run ./tools/bench -install $(FLAGS)

check: ## what must hold before a change is taken: all that CI runs, about ten minutes
	.ci/run

lint: ## golangci-lint, with the rules of the house's layers
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) run

# Exit code 3 is govulncheck's for what it found; where its database cannot be reached this says so and fails.
VULN_VERSION := v1.9.0
vuln: ## govulncheck: known faults of dependencies that the code reaches; needs vuln.go.dev, or GOVULNDB=file:///... of a copy
	@$(GO) run golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION) $(if $(GOVULNDB),-db $(GOVULNDB)) ./... || { \
	  echo 'govulncheck found something, or NOT RUN: its database could not be reached (above)'; exit 1; }

vet: ## go vet
	$(GO) vet ./...

tidy-check: ## go.mod and go.sum say what the code needs
	$(GO) mod tidy -diff

docs: ## write docs/commands/ and docs/methods.md again from commands and methods
	$(GO) run ./tools/reference -docs docs

generate: docs ## write all again that is generated: these, and the assembly kernels from their generator
	$(GO) generate ./internal/kernels

generate-check: generate ## what is committed is what the generators write
	git diff --exit-code -- internal/kernels docs
	@test -z "$$(git ls-files --others --exclude-standard docs)" || { echo 'generated, but not committed:'; git ls-files --others --exclude-standard docs; exit 1; }

PREFIX ?= /usr/local
install: $(VZSL) ## the command, its man pages and the shells' completions  [PREFIX DESTDIR]
	mkdir -p $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(VZSL) $(DESTDIR)$(PREFIX)/bin/vzsl
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH-$$(git log -1 --format=%ct 2>/dev/null)} $(GO) run ./tools/reference -share $(DESTDIR)$(PREFIX)/share

changelog: ## move the changes that wait in changes/ to CHANGELOG.md, before a release is tagged  VERSION=1.2.0
	$(GO) run ./tools/release -changelog "$(VERSION)"

release: ## of a tagged commit: archives for linux, darwin and windows on amd64 and arm64 in dist/, with SHA256SUMS  [FLAGS]
	$(GO) run ./tools/release $(FLAGS)

CONTAINER ?= $(shell command -v podman || echo docker)
container: ## an image of the release's binary, vzsl:latest, by podman or docker
	$(CONTAINER) build -f Containerfile -t vzsl .

clean: ## remove the binary, the release and the demo
	rm -rf bin dist demo
