# SPDX-License-Identifier: Apache-2.0
#
# make [V=1] [VARIANT=release|asan|tsan|cov|fuzz]
#                   build/$(VARIANT)/tidemark; nothing is written elsewhere
# make demo         install what is missing, build, back up a real tree
# make test         install what is missing, then every check there is
# make check        the quick subset: unit, contract, replay, end to end
# make lint         format, layers, headers, functions, scripts, cppcheck, man
# make fuzz         run each fuzzer FUZZ_SECONDS (clang)
# make coverage     check, then the lines and branches it did not reach
# make guest-mutate each hook of the set "vfs" left out in turn, in a guest
# make bench        measure against the peers (tests/bench/run)
# make install      DESTDIR= prefix=/usr/local
# make check-install | format | dist | clean
#
# TESTS="tests/e2e/restore.bats build/release/tests/unit/test_base" limits
# check to these. CFLAGS and LDFLAGS of the caller come last and win;
# WERROR=-Werror turns warnings into errors. A new .c file needs no edit here.

VARIANT ?= release
VARIANTS := release asan tsan cov fuzz
B := build/$(VARIANT)
ifeq ($(filter $(VARIANT),$(VARIANTS)),)
$(error VARIANT=$(VARIANT) is none of: $(VARIANTS))
endif
ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(VARIANT)),clang,gcc)
endif
MAKEFLAGS += --no-print-directory
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2);)

prefix ?= /usr/local
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
unitdir ?= $(prefix)/lib/systemd/system
mandir ?= $(prefix)/share/man
docdir ?= $(prefix)/share/doc/tidemark
bashdir ?= $(prefix)/share/bash-completion/completions
zshdir ?= $(prefix)/share/zsh/vendor-completions
fishdir ?= $(prefix)/share/fish/vendor_completions.d
FUZZ_SECONDS ?= 20

# --- what pkg-config knows ------------------------------------------------
# Goals that install the packages first, or need none, are let through.
PKGS := libcrypto libzstd libcjson lmdb fuse3 libargon2 liburing libbpf inih \
	libmicrohttpd gnutls sqlite3 libcurl libseccomp
PKG_FREE := clean deps demo test bench format dist help
ifneq ($(filter-out $(PKG_FREE),$(or $(MAKECMDGOALS),all)),)
$(foreach p,$(PKGS),$(if $(shell pkg-config --exists $(p) && echo y),,\
  $(error $(p).pc not found: run scripts/install-deps, or see README.md)))
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS := $(shell pkg-config --libs $(PKGS)) -lm
endif

# --- flags ----------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wvla -Wundef -Wformat=2 -Wpointer-arith \
	-Wwrite-strings -Wmissing-prototypes -Wstrict-prototypes \
	-Wimplicit-fallthrough
OPT_release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
# -Wno-tsan: gcc warns that it cannot see fences; the code has none that
# carry a promise alone.
OPT_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer \
	$(if $(findstring clang,$(CC)),,-Wno-tsan)
OPT_cov := -O0 --coverage
# clang 14 takes NULL + 0, the end of an empty span, for an overflow; C2y
# (N3322) defines it, and asan sees what matters.
OPT_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize=pointer-overflow -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
OPT := $(OPT_$(VARIANT))
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -g -pthread -fPIE $(WARN) $(WERROR) \
	$(OPT) -Iinclude -Ilib -I. $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed \
	$(filter -fsanitize=% --coverage,$(OPT)) $(LDFLAGS)

# --- sources --------------------------------------------------------------
objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
progs = $(patsubst %.c,$(B)/%,$(wildcard $(1)))

TOOL_OBJS := $(call objs,tools/*.c)
DAEMON_OBJS := $(call objs,daemon/*.c)
VAULT_OBJS := $(filter-out $(B)/vault/main.o,$(call objs,vault/*.c vault/*/*.c))
LIB_OBJS := $(call objs,lib/*/*.c) $(B)/lib/track/object.o \
	$(B)/lib/track/block_object.o
UNIT := $(call progs,tests/unit/test_*.c)
CONTRACT := $(call progs,tests/contract/test_*.c)
FUZZERS := $(call progs,tests/fuzz/fuzz_*.c)
HELPERS := $(call progs,tests/lib/*.c tests/perf/*.c)
TORTURE_OBJS := $(call objs,tests/torture/*.c)
# Files beside the tests that are no test: vectors, suites.
UNIT_OBJS := $(filter-out $(UNIT:=.o),$(call objs,tests/unit/*.c))
CONTRACT_OBJS := $(filter-out $(CONTRACT:=.o),$(call objs,tests/contract/*.c))
FUZZ_MAIN := $(if $(filter fuzz,$(VARIANT)),,$(B)/tests/fuzz/replay_main.o)

all: $(B)/tidemark $(B)/tidemarkd $(B)/tidemark-vaultd
tests: $(FUZZERS) $(if $(filter fuzz,$(VARIANT)),,$(UNIT) $(CONTRACT) $(HELPERS))

# --- how things are made --------------------------------------------------
# A stamp changes only when its text does; what depends on it is then rebuilt.
stamp = $(Q)mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | \
	cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' >$@

$(B)/flags: FORCE
	$(call stamp,$(CC) $(ALL_CFLAGS))
$(B)/ldflags: FORCE
	$(call stamp,$(CC) $(ALL_LDFLAGS) $(PKG_LIBS))
$(B)/members: FORCE
	$(call stamp,$(LIB_OBJS) $(TOOL_OBJS) $(DAEMON_OBJS) $(VAULT_OBJS) $(UNIT_OBJS) $(CONTRACT_OBJS))

$(B)/%.o: %.c $(B)/flags
	$(Q)mkdir -p $(@D)
	$(call say,CC,$@) $(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# The programs for the kernel, and the object that carries them.
BPF_CLANG ?= clang
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) $(B)/flags
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$@) $(BPF_CLANG) -O2 -g -target bpf -mcpu=v3 -Wall \
		-Wextra -Wno-unused-parameter $(WERROR) \
		-D__TARGET_ARCH_$(BPF_ARCH) \
		-idirafter /usr/include/$(shell uname -m)-linux-gnu -c $< -o $@
$(B)/lib/track/object.o: lib/track/object.S $(B)/bpf/tracepoint.bpf.o \
		$(B)/bpf/vfs.bpf.o
	$(Q)mkdir -p $(@D)
	$(call say,AS,$@) $(CC) -c -DTRACEPOINT_OBJECT=\"$(word 2,$^)\" \
		-DVFS_OBJECT=\"$(word 3,$^)\" $< -o $@

$(B)/lib/track/block_object.o: lib/track/block_object.S $(B)/bpf/block.bpf.o
	$(Q)mkdir -p $(@D)
	$(call say,AS,$@) $(CC) -c -DTRACK_OBJECT=\"$(word 2,$^)\" $< -o $@

$(B)/libcore.a: $(LIB_OBJS) $(B)/members
	$(call say,AR,$@) rm -f $@; $(AR) rcs $@ $(filter %.o,$^)

# /* WRAP: fsync linkat */ in a test's first lines: the linker sends these
# calls to the test's __wrap_fsync() and __wrap_linkat().
wraps = $(addprefix -Wl$(comma)--wrap=,$(shell \
	sed -n '1,10s,.*WRAP: *\([a-zA-Z0-9_ ]*\).*,\1,p' $(1)))
comma := ,
link = $(call say,LD,$@) $(CC) $(ALL_LDFLAGS) $(1) \
	$(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(2) $(PKG_LIBS) -o $@

$(B)/tidemarkd: $(DAEMON_OBJS) $(B)/libcore.a $(B)/ldflags $(B)/members
	$(call link)
$(B)/libvault.a: $(VAULT_OBJS) $(B)/members
	$(call say,AR,$@) rm -f $@; $(AR) rcs $@ $(filter %.o,$^)
$(B)/tidemark-vaultd: $(B)/vault/main.o $(B)/libvault.a $(B)/libcore.a $(B)/ldflags
	$(call link)
$(B)/tidemark: $(TOOL_OBJS) $(B)/libcore.a $(B)/ldflags $(B)/members
	$(call link)
$(B)/tests/unit/test_state: $(B)/daemon/state.o
$(filter %/fuzz_uri %/fuzz_vault_arm $(B)/tests/unit/test_vault_% \
	$(B)/tests/contract/test_vault_%,$(UNIT) $(FUZZERS) $(CONTRACT)): $(B)/libvault.a
$(UNIT): $(B)/%: $(B)/%.o $(UNIT_OBJS) $(B)/libcore.a $(B)/ldflags
	$(call link,$(call wraps,$*.c),-lcmocka)
# they run a vault of the same build
$(CONTRACT): $(B)/%: $(B)/%.o $(CONTRACT_OBJS) $(B)/libcore.a $(B)/ldflags | \
		$(B)/tidemark-vaultd
	$(call link,$(call wraps,$*.c),-lcmocka)
$(FUZZERS): $(B)/%: $(B)/%.o $(FUZZ_MAIN) $(B)/libcore.a $(B)/ldflags
	$(call link,$(if $(FUZZ_MAIN),,-fsanitize=fuzzer))
$(B)/tests/lib/torture: $(TORTURE_OBJS)
$(HELPERS): $(B)/%: $(B)/%.o $(B)/libcore.a $(B)/ldflags
	$(call link)

# --- tests ----------------------------------------------------------------
# Bats files with a line "# slow" are left to make test; those with a line
# "# release only" to VARIANT=release; VARIANT=tsan, the slowest, leaves out
# those with a line "# not tsan", too.
hash := \#
without = $(filter-out /dev/null,$(shell grep -Ls '^$(hash) $(1)$$' $(2) /dev/null))
unfit_tsan := \(release only\|not tsan\)
unfit := $(if $(filter release,$(VARIANT)),none,$(or $(unfit_$(VARIANT)),release only))
E2E := $(call without,$(unfit),$(wildcard tests/e2e/*.bats))
FAULT := $(call without,$(unfit),$(wildcard tests/fault/*.bats))
TESTS ?= $(UNIT) $(CONTRACT) $(FUZZERS) $(call without,slow,$(E2E))

check: all tests
	$(Q)tests/run -b $(B) $(TESTS)
# Everything for one variant; tests/all calls these.
check-all: all tests
	$(Q)tests/run -b $(B) $(UNIT) $(CONTRACT) $(FUZZERS) $(E2E) $(FAULT)
check-programs: tests
	$(Q)tests/run -b $(B) $(UNIT) $(CONTRACT) $(FUZZERS)
fuzz:
	$(Q)$(MAKE) VARIANT=fuzz fuzz-run
fuzz-run: tests
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run -b $(B) \
		-t $$(($(FUZZ_SECONDS) + 300)) $(FUZZERS)
coverage:
	$(Q)find build/cov -name '*.gcda' -delete 2>/dev/null || true
	$(Q)$(MAKE) VARIANT=cov check
	$(Q)gcovr -r . build/cov --exclude tests --branches \
		--html-details build/cov/coverage.html --print-summary
test: deps
	$(Q)tests/all
demo: deps
	$(Q)$(MAKE) all
	$(Q)scripts/demo
guest-mutate: all tests
	$(Q)tests/guest/run -t 3600 tests/guest/hooks -m
bench:
	$(Q)scripts/install-deps build bench
	$(Q)$(MAKE) all
	$(Q)tests/bench/run
	$(Q)tests/bench/tracked
deps:
	$(Q)scripts/install-deps

# --- lint -----------------------------------------------------------------
SOURCES = $(sort $(foreach d,include bpf daemon lib tools vault tests,\
	$(wildcard $(d)/*.[ch] $(d)/*/*.[ch])))
SCRIPTS = .ci/run tests/all tests/fuzz/one tests/torture/run tests/torture/mutate tests/torture/rollback \
	tests/torture/mutate-steps tests/torture/crash tests/lib/helpers.bash tests/lib/scheduling.bash \
	tests/guest/run tests/guest/kernel tests/guest/inside tests/guest/hooks \
	tests/guest/sets tests/guest/nfs \
	$(shell grep -lsE '^$(hash)!.*[ /](ba)?sh' scripts/* tests/bench/*)
LINTS := lint-format lint-files lint-layers lint-headers lint-functions \
	lint-shell lint-cppcheck lint-man lint-mutations

lint: $(LINTS)
lint-format:
	$(Q)clang-format --dry-run -Werror $(SOURCES)
lint-files:
	$(Q)scripts/check-files $(SOURCES)
lint-layers:
	$(Q)scripts/check-layers
lint-headers:
	$(Q)scripts/check-headers $(filter-out bpf/kernel.h bpf/mark.h \
		bpf/seen.h bpf/events.h bpf/written.h,$(filter %.h,$(SOURCES)))
lint-functions:
	$(Q)scripts/check-functions $(filter-out bpf/%,$(filter %.c,$(SOURCES)))
lint-shell:
	$(Q)shellcheck -x $(SCRIPTS)
# "! grep" fails no bats test (SC2314), so its output is looked at (SC2143).
	$(Q)$(if $(E2E)$(FAULT),shellcheck -x -s bats -e SC2143 $(E2E) $(FAULT))
lint-cppcheck:
	$(Q)mkdir -p build/cppcheck
	$(Q)cppcheck -q -j2 --enable=warning --std=c11 --library=posix \
		--inline-suppr --suppressions-list=scripts/cppcheck-suppressions \
		--error-exitcode=1 --cppcheck-build-dir=build/cppcheck \
		-D_GNU_SOURCE -D__linux__ -D__x86_64__ \
		-Iinclude -Ilib -I. lib tools daemon vault
lint-man: man
	$(Q)mandoc -Tlint -Wwarning $(B)/man/*.1 docs/*.5 docs/*.8
# What takes steps of change tracking away must apply.
lint-mutations:
	$(Q)tests/torture/mutate-steps -n
format:
	$(Q)clang-format -i $(SOURCES)

# --- what users get -------------------------------------------------------
# The table of verbs in tools/ is the one source of pages and completions.
man: $(B)/man/stamp
$(B)/man/stamp: $(B)/tidemark
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)$(B)/tidemark completion man $(@D)
	$(Q)touch $@

install: all man
	install -D -m 755 $(B)/tidemark $(DESTDIR)$(bindir)/tidemark
	install -D -m 755 $(B)/tidemarkd $(DESTDIR)$(sbindir)/tidemarkd
	install -D -m 755 $(B)/tidemark-vaultd $(DESTDIR)$(sbindir)/tidemark-vaultd
	install -d $(DESTDIR)$(unitdir) $(DESTDIR)$(mandir)/man8
	install -d $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(docdir)
	install -m 644 docs/tidemarkd.8 docs/tidemark-vaultd.8 $(DESTDIR)$(mandir)/man8/
	install -m 644 docs/tidemarkd.conf.5 $(DESTDIR)$(mandir)/man5/
	install -m 644 packaging/tidemarkd.conf $(DESTDIR)$(docdir)/
	sed 's,@sbindir@,$(sbindir),' packaging/tidemarkd.service \
		>$(DESTDIR)$(unitdir)/tidemarkd.service
	sed 's,@sbindir@,$(sbindir),' packaging/tidemark-vaultd.service \
		>$(DESTDIR)$(unitdir)/tidemark-vaultd.service
	install -d $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(bashdir) \
		$(DESTDIR)$(zshdir) $(DESTDIR)$(fishdir)
	install -m 644 $(B)/man/*.1 $(DESTDIR)$(mandir)/man1/
	$(B)/tidemark completion bash >$(DESTDIR)$(bashdir)/tidemark
	$(B)/tidemark completion zsh >$(DESTDIR)$(zshdir)/_tidemark
	$(B)/tidemark completion fish >$(DESTDIR)$(fishdir)/tidemark.fish
check-install: all man
	+$(Q)scripts/check-install $(B)/install

VERSION = $(or $(shell sed -n 's/.*TIDEMARK_VERSION "\(.*\)"/\1/p' \
	include/*.h tools/*.[ch] 2>/dev/null | head -n 1),0)
dist:
	$(Q)mkdir -p build
	git archive --prefix=tidemark-$(VERSION)/ HEAD | \
		gzip -9n >build/tidemark-$(VERSION).tar.gz
clean:
	rm -rf build
help:
	$(Q)sed -n '3,20s/^$(hash) \{0,1\}//p' Makefile

FORCE:
.PHONY: all tests check check-all check-programs fuzz fuzz-run coverage test \
	demo bench guest-mutate deps lint $(LINTS) format man install check-install dist \
	clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
