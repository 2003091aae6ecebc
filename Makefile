# make run   the whole system on this machine        make test   everything that must hold
GO ?= go
ARGS ?=

# The race detector needs a C compiler; without one the tests run all the same, and say so.
RACE := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)
GOFILES = $(shell git ls-files -co --exclude-standard '*.go' 2>/dev/null || find . -name '*.go')

# Loading the packages can fail silently on a machine that has built nothing yet; then once more, and it must find some.
define STATICCHECK
@echo "$(GO) tool staticcheck ./..."
@for try in 1 2; do \
	out=$$($(GO) tool staticcheck ./... 2>&1); status=$$?; test -z "$$out" || echo "$$out"; \
	case "$$out" in *"matched no packages"*) status=3;; *) break;; esac; \
done; exit $$status
endef

.PHONY: run test check generate build bench e2e fuzz soak faults clean

# As `go run ./localstack`, which would turn a Ctrl-C into an error.
run:
	@$(GO) build -o bin/localstack ./localstack
	@exec bin/localstack $(ARGS)

test:
	@$(if $(RACE),,echo "no C compiler: the tests run without the race detector")
	$(GO) test $(RACE) -cover -timeout 20m ./...

e2e:
	$(GO) test $(RACE) -count=1 -timeout 20m -run '^TestE2E' -v ./localstack

# Every page in each language, size and colours, with a sheet of all: screenshots/index.html. Needs Chromium.
screenshots:
	rm -rf screenshots
	STATHUB_SCREENSHOTS=$(CURDIR)/screenshots $(GO) test -count=1 -timeout 20m -run '^TestScreenshots$$' ./localstack/console
	@echo "look at screenshots/index.html"

check:
	@unformatted=$$(gofmt -l $(GOFILES)); test -z "$$unformatted" || { echo "not formatted, run gofmt -w:"; echo "$$unformatted"; exit 1; }
	GOOS=linux CGO_ENABLED=0 $(GO) vet ./...
	GOOS=darwin CGO_ENABLED=0 $(GO) vet ./...
	GOOS=windows CGO_ENABLED=0 $(GO) vet ./...
	$(STATICCHECK)

# What is told of documents and the API is made from the comments of the types.
generate:
	$(GO) run ./state/schema/docgen

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/ ./master/stathub-master ./agent/stathub-agent ./master/stathub

bench:
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 40m ./localstack/bench ./master/index
	$(GO) test -run '^$$' -bench . -benchtime 3x -cpu 1 -timeout 20m ./scheduler
	$(GO) test -run '^$$' -bench '^BenchmarkPages$$' -benchtime 1x -timeout 30m ./localstack/console

# A minute of each fuzz target, nine at a time; FUZZTIME=10m for more.
FUZZTIME ?= 1m
fuzz:
	.ci/fuzz $(FUZZTIME)

# Eight minutes of an agent that is killed, wiped and then left in peace, with 200 instances that misbehave.
soak:
	@$(GO) build -o bin/soak ./localstack/soak
	@exec bin/soak $(ARGS)

# So many edits by eight writers, through two masters that are killed and over ways that fail, before a bucket in memory and
# before MinIO, and blackouts of 30 s: a few minutes. FAULTS=EditsOfPrograms is the first alone.
FAULT_EDITS ?= 10000
FAULTS ?= EditsOfPrograms|EditsAtMinIO|DisastersOfPrograms
faults:
	STATHUB_FAULT_EDITS=$(FAULT_EDITS) $(GO) test -count=1 -timeout 60m -v -run '^Test($(FAULTS))$$' ./localstack/faultsuite

clean:
	rm -rf bin screenshots
