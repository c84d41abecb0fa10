# The front door; Meson builds. `make` alone prints this list.
BUILD ?= build
PREFIX ?= /usr/local

help:
	@sed -n 's/^\([a-z]*\): .*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 18

deps: ## install what building and running needs (apt, brew, dnf or pacman)
	@sh tools/deps.sh

build: deps ## compile into build/
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix $(PREFIX)
	@meson compile -C $(BUILD)

demo: build ## the main job on the embedded checkpoint: search, save, judge, plot, generate
	@sh tools/demo.sh $(BUILD)/cli/xltune

check: build ## all tests
	@meson test -C $(BUILD) --print-errorlogs

bench: build ## speed on this machine, beside its own limits
	@sh bench/engine.sh $(BUILD)

install: build ## install under PREFIX (/usr/local)
	@meson install -C $(BUILD)

clean: ## remove the build folder
	rm -rf $(BUILD)

.PHONY: help deps build demo check bench install clean
