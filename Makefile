# SPDX-License-Identifier: GPL-2.0
#
# Vitro's build. "make help" lists the targets. Kbuild says what is in vitro.ko;
# everything built goes to build/, and vitro.ko also to this directory.
#
#   KDIR=...          kernel headers (default: the running kernel's, else the
#                     newest that Debian's packages have put in /usr/src)
#   CMD="..."         run: a command for the guest, instead of a shell
#   CPU=intel         run: on an emulated Intel host, with CMD
#   VITRO_MODULE=kvm  run: on the stock kvm.ko

ifneq ($(filter command line environment,$(origin KDIR)),)
export KDIR
endif
export CMD VITRO_MODULE CPU

# --- programs: static, so that they run in any emulated host ---

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
INCLUDES := -Iuapi -Iselftests/lib -Ibuild/linux-source/tools/testing/selftests

objects = $(patsubst %,build/obj/%.o,$(basename $(wildcard $(1))))

vmm_objects   := $(call objects,tools/vmm/*.c tools/vmm/*.S)
bench_objects := $(call objects,tools/bench/*.c tools/bench/*.S)
lib_objects   := $(call objects,selftests/lib/*.c selftests/lib/*.S)
selftests     := $(patsubst %.c,build/bin/%,$(wildcard selftests/*.c))
compat        := build/bin/selftests/compat
programs      := $(if $(vmm_objects),build/bin/vitro-vmm) \
		 $(if $(bench_objects),build/bin/vitro-bench)

.PHONY: all module module-debug module-kcsan module-sparse programs run test bench check-insn conformance lint gdb clean help FORCE

all: module programs	## vitro.ko and all programs

help:			## this list
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

# --- the module: Kbuild works in a tree of links, and the sources stay clean ---

# No BTF: it needs the headers' vmlinux, which Debian does not ship.
# $(call kbuild,TREE,HEADERS,ARGUMENTS)
define kbuild
@mkdir -p $(1)
@find $(1) -xtype l -delete
@cp -rsf $(CURDIR)/kmod $(CURDIR)/uapi $(CURDIR)/Kbuild $(1)/
+@$(MAKE) --no-print-directory -s -j$$(nproc) -C $(2) M=$(CURDIR)/$(1) W=1 \
	CONFIG_DEBUG_INFO_BTF_MODULES= $(3) modules
endef

module:			## vitro.ko
	$(call kbuild,build/stock,$$(tools/setup/headers))
	@cmp -s build/stock/vitro.ko vitro.ko || cp build/stock/vitro.ko vitro.ko

module-sparse:		## what sparse says about the module's sources
	$(call kbuild,build/sparse,$$(tools/setup/headers),VITRO_SPARSE=y)

module-debug:		## build/debug/vitro.ko, with KUnit suites, for the debug kernel
	$(call kbuild,build/debug,$$(tools/setup/kernel debug)/build,VITRO_KUNIT=y)

# UBSAN reads a bool once more, by itself, and there a READ_ONCE() looks like any other read.
module-kcsan:		## build/kcsan/vitro.ko, for the kernel that looks for data races
	$(call kbuild,build/kcsan,$$(tools/setup/kernel kcsan)/build,UBSAN_SANITIZE=n)

programs: $(programs) $(selftests)	## what is in build/bin/

build/bin/vitro-vmm: $(vmm_objects)
build/bin/vitro-bench: $(bench_objects)
$(filter-out $(compat),$(selftests)): build/bin/%: build/obj/%.o $(lib_objects)

# A 32-bit program, with what it uses of the library.
m32 := -m32 -idirafter /usr/include/$(shell $(CC) -print-multiarch)
$(compat): build/obj/selftests/compat.o build/obj/compat/vm.o
	@echo "  LD $@" >&2
	@$(CC) -m32 -static $(LDFLAGS) -Wl,--gc-sections -o $@ $^ -lpthread

$(compat:build/bin/%=build/obj/%.o): CFLAGS += $(m32)
build/obj/compat/%.o: CFLAGS += $(m32) -ffunction-sections
build/obj/compat/%.o: selftests/lib/%.c | build/compiler32 build/linux-source
	$(compile)

$(compat:build/bin/%=build/obj/%.o): | build/compiler32

build/compiler32:
	@mkdir -p $(@D)
	@tools/setup/compiler32
	@touch $@

build/bin/%:
	@mkdir -p $(@D)
	@echo "  LD $@" >&2
	@$(CC) -static $(LDFLAGS) -o $@ $^ -lpthread

$(selftests:build/bin/%=build/obj/%.o) $(lib_objects): | build/linux-source

define compile
@mkdir -p $(@D)
@echo "  CC $@" >&2
@$(CC) $(CFLAGS) $(WARNINGS) $(INCLUDES) -MMD -MP -c -o $@ $<
endef

build/obj/%.o: %.c | build/compiler
	$(compile)

build/obj/%.o: %.S | build/compiler
	@mkdir -p $(@D)
	@echo "  AS $@" >&2
	@$(CC) $(CFLAGS) $(INCLUDES) -MMD -MP -c -o $@ $<

build/compiler:
	@mkdir -p $(@D)
	@tools/setup/headers >/dev/null
	@touch $@

# kselftest_harness.h comes from Debian's kernel source package.
build/linux-source:
	@mkdir -p $(@D)
	@dir=$$(tools/setup/source) && ln -sfn "$$dir" $@

-include $(wildcard build/obj/*/*.d build/obj/*/*/*.d)
.SECONDARY:

# --- using it ---

run: module build/bin/vitro-vmm		## boot Debian's kernel as a guest; CMD="..." runs that
	@tools/testbed/guest

test: module programs			## every suite; ends with "N passed, N failed"
	@tools/testbed/run-tests

bench: module build/bin/vitro-bench build/bin/vitro-vmm	## costs beside stock kvm's; CPU=intel: a guest's boot there
	@tools/bench/$(if $(filter intel,$(CPU)),intel,run)

check-insn: module	## decoder and emulator beside disassemblers and CPUs
	@$(MAKE) -s -C tools/check-insn

conformance: module	## the kernel's own KVM selftests, on stock kvm and on vitro
	@tools/conformance/run

lint:					## checkpatch, sparse, layers, shell scripts
	@tools/lint/lint

gdb: module				## gdb on an emulated host that has vitro.ko loaded
	@tools/testbed/gdb

clean:					## remove what was built here; the cache stays
	rm -rf build vitro.ko
