# SPDX-License-Identifier: Apache-2.0
# The newcomer's door: set-up, then Meson and Ninja, which do the work. "make help" lists what there is.

prefix ?= /usr/local
DESTDIR ?=
# Seconds for each fuzz target.
T ?= 60
OUT := $(CURDIR)/out
BUILD := build
ifeq ($(origin CC),default)
CC := gcc
endif
export CC
GUEST_PROGRAMS := $(BUILD)/guest

all: out blobs-debian blobs-enclave-if-cached

help:
	@echo 'make            build, and install into ./out (bin lib libexec share)'
	@echo 'make demo       an image to a verified attestation document; a secret that only one image gets'
	@echo 'make demo-instance   a parent instance by the EC2 API, and the three commands of every lesson'
	@echo 'make demo-payments   card payments: page, server, enclave and gateway, and who attacks them'
	@echo 'make check      every test and lint; the last line says how many passed, failed and were skipped'
	@echo 'make kernel     build the enclave kernel (once; 4 to 10 minutes), which starts 4 times as fast as Debian'"'"'s'
	@echo 'make bench      measurements, each against a named baseline'
	@echo 'make fuzz       libFuzzer, T=60 seconds for each target'
	@echo 'make deb        Debian packages of the whole node and of a parent instance, in ./build/deb'
	@echo 'make install    copy ./out to $$(DESTDIR)$$(prefix), /usr/local unless told otherwise'
	@echo 'make clean      remove ./out and the build directories'

setup:
	@tools/setup build run

# Release build. Everything finds its own files relative to the program, so ./out may be copied and moved.
out: setup
	@tools/build-dir $(BUILD) --buildtype=release --prefix=$(OUT) --libdir=lib
	@tools/ninja $(BUILD) "building"
	@meson install -C $(BUILD) --no-rebuild --quiet

blobs-debian: out
	@tools/blobs debian "$$(tools/debian-kernel)" $(GUEST_PROGRAMS) $(OUT)/share/redoubt/blobs/debian

blobs-enclave-if-cached: out
	@kernel=$$(guest/kernel/build --cached) || exit 0; \
	tools/blobs enclave "$$kernel" $(GUEST_PROGRAMS) $(OUT)/share/redoubt/blobs/enclave

kernel: out
	@tools/setup kernel
	@kernel=$$(guest/kernel/build) && \
	tools/blobs enclave "$$kernel" $(GUEST_PROGRAMS) $(OUT)/share/redoubt/blobs/enclave

demo: all
	@tools/setup demo
	@examples/hello-attest/demo.sh
	@examples/secret-from-kms/demo.sh

demo-instance: deb
	@tools/setup demo ami
	@examples/instance/demo.sh

demo-payments: all
	@tools/setup demo payments
	@examples/payments/demo.sh

# Set-up first: what the build finds on the machine decides which tests there are.
check:
	@tools/setup build run check deb ami
	@tools/npm-packages >/dev/null || echo 'redoubt: tests of JavaScript clients skip' >&2
	@$(MAKE) --no-print-directory deb
	@tools/check

bench:
	@tools/setup build run check bench
	@$(MAKE) --no-print-directory all
	@tests/bench/run

fuzz: setup
	@tools/setup fuzz
	@tools/fuzz $(T)

# The parent's package is also what redoubt ami build puts into its images.
deb: all
	@tools/setup deb
	@tools/deb $(BUILD)/deb
	@install -D -m 0644 $(BUILD)/deb/redoubt-parent_*_amd64.deb $(OUT)/share/redoubt/ami/redoubt-parent.deb

install:
	@test -x $(OUT)/bin/nitro-cli || { echo 'redoubt: error: nothing built yet: run "make" first' >&2; exit 1; }
	@mkdir -p "$(DESTDIR)$(prefix)"
	@cp -R --preserve=mode,timestamps $(OUT)/. "$(DESTDIR)$(prefix)/"

clean:
	@rm -rf out build build-asan build-fuzz

.PHONY: all help setup out blobs-debian blobs-enclave-if-cached kernel demo demo-instance demo-payments check bench fuzz deb install clean
