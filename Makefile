# The front door; Meson builds. `make` alone prints this list. PREFIX and DESTDIR are honoured after any build.
BUILD ?= build
PREFIX ?=
prefix = $(abspath $(patsubst ~/%,$(HOME)/%,$(PREFIX)))
# For the recipe's environment; Meson would take a relative one from the build folder.
destdir = $(if $(DESTDIR),DESTDIR="$(abspath $(DESTDIR))")

help:
	@sed -n 's/^\([a-z-]*\): .*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

deps: ## install what building and running needs (apt, brew, dnf or pacman)
	@sh tools/deps.sh

build: deps ## compile into build/ (the program: build/cli/xltune)
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@$(if $(PREFIX),meson configure $(BUILD) --prefix "$(prefix)")
	@meson compile -C $(BUILD)

demo: build ## the main job on the embedded checkpoint: search, save, judge, plot, generate
	@sh tools/demo.sh $(BUILD)/cli/xltune

# Many tests mostly wait, so two more run at once than there are processors; what hangs is given up later for that.
TESTS_AT_ONCE = $${MESON_TESTTHREADS:-$$(($$(getconf _NPROCESSORS_ONLN) + 2))}

check: build ## all tests
	@MESON_TESTTHREADS=$(TESTS_AT_ONCE) TEST_LIMIT_S=$${TEST_LIMIT_S:-600} meson test -C $(BUILD) --print-errorlogs --timeout-multiplier 4

shaders: ## make the shaders anew that are kept as SPIR-V (GLSLC: a recent compiler)
	@python3 src/backend/vulkan/shaders/compile.py $(or $(GLSLC),glslc) --kept

bench: build ## speed on this machine, beside its own limits
	@sh bench/engine.sh $(BUILD)

bench-peers: build ## MODEL=DIR in PyTorch (PYTHON with torch, transformers) or, PEER=llama, a llama beside xltune; CSV
	@$(or $(PYTHON),python3) bench/peers/$(or $(PEER),torch_xlstm)_bench.py --xltune $(BUILD)/cli/xltune --model "$(or $(MODEL),models/tiny-literature)" $(ARGS)

install: build ## install under PREFIX (/usr/local), in DESTDIR if that is set
	@$(destdir) meson install -C $(BUILD) --no-rebuild
	@$(destdir) python3 tools/uninstall.py --record $(BUILD)

uninstall: ## remove what install put there, its folders too
	@$(destdir) python3 tools/uninstall.py $(BUILD) $(if $(PREFIX),"$(prefix)")

analyze: ## what cppcheck says of the source
	@sh tools/analyze.sh

valgrind: build ## the unit tests that end quickly, under valgrind's memcheck
	@sh tools/valgrind.sh $(BUILD)

soak: build ## hours: calls that fail, kills, fuzzing; figures in OUT (build/soak)
	@sh tools/soak.sh $(BUILD) $(or $(OUT),build/soak)

coverage: ## which lines and branches the tests reach, by folder (build-coverage; needs gcc)
	@sh tools/coverage.sh

mutate: ## small mistakes in the source, one at a time: which does no test notice? (build-mutate; hours; ARGS)
	@python3 tools/mutate.py build-mutate $(ARGS)

release: ## source archive, Debian package and tarball of what is committed, in OUT (build/release)
	@sh tools/release.sh $(or $(OUT),build/release)

clean: ## remove the build folder
	rm -rf $(BUILD)

.PHONY: help deps build demo check shaders bench bench-peers install uninstall analyze valgrind soak coverage mutate release clean
