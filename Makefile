# make run   builds and runs the main job on real text (DATASET=FILE, ARGS="--preset tiny ...")
# make test  builds and runs all tests; make test-full runs them with the large counts
# make help  says what else there is

SWIFT ?= swift
DATASET ?=
ARGS ?=
RELEASE = -c release
TEST_FLAGS = $(RELEASE) -Xswiftc -enable-testing --scratch-path .build/tests

.PHONY: help setup build run test test-full format check-format clean

help:
	@sed -n 's/^# //p' Makefile
	@echo "make build          the release binary .build/release/emeth"
	@echo "make format         formats the sources"
	@echo "make check-format   says what is not formatted"
	@echo "make clean          removes everything that was built"

setup:
	@bash Scripts/install-packages.sh build

build: setup
	$(SWIFT) build $(RELEASE) --product emeth

run: build
	@bash Scripts/run-main-job.sh "$(DATASET)" $(ARGS)

test:
	@bash Scripts/install-packages.sh test
	@bash Scripts/run-tests.sh 1 $(SWIFT) build --build-tests $(TEST_FLAGS)

test-full:
	@bash Scripts/install-packages.sh test
	@bash Scripts/run-tests.sh 100 $(SWIFT) build --build-tests $(TEST_FLAGS)

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests Examples Benchmarks Fuzzing

check-format:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Examples Benchmarks Fuzzing

clean:
	rm -rf .build .venv
