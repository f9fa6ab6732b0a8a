# How `sam build` makes the layer, for the processor that the Makefile beside this names. No Docker is needed: all of
# it is wheels, and compiled files are the same for every processor. SAM runs this in a copy of layers/common.

PYTHON := python3.13
LAYER = $(ARTIFACTS_DIR)/python

.PHONY: build-CommonLayer
build-CommonLayer:
	@$(PYTHON) -m pip --version > /dev/null || { \
		echo 'The layer is built by $(PYTHON) and its pip: put them on the PATH, or run `make build`' >&2; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--only-binary=:all: --implementation cp --python-version 3.13 \
		--platform manylinux_2_34_$(PROCESSOR) --platform manylinux_2_28_$(PROCESSOR) \
		--platform manylinux_2_17_$(PROCESSOR) --platform manylinux2014_$(PROCESSOR) \
		--target '$(LAYER)' --requirement requirements.txt
	@cp -R lingpai '$(LAYER)/lingpai'
	@$(PYTHON) -I build/lean.py '$(LAYER)'
