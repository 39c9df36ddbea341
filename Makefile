# One Makefile. A room is a folder; its files are found by name.
# `make help` lists what there is to make.

PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
# everleaf finds these from where it stands itself.
LIBEXECDIR := $(abspath $(SBINDIR)/../libexec/everleaf)
DATADIR    := $(abspath $(SBINDIR)/../share/everleaf)
SYSCONFDIR ?= /etc
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
DESTDIR    ?=
CC         ?= cc
CFLAGS     ?= -O2 -g

ROOMS := base store acme ca hooks agent
# In agent/ each role has a room of its own, beside what decides.
ROOMS += $(patsubst %,agent/%,role rule lint net config keeper worker probe responder \
	inspect super command state)
# The supervisor and each role are a program; every other file of a room is in the archive
# that all link.
ROLES := config agent keeper worker probe responder alpn inspect
MAINS := agent/main.c $(ROLES:%=agent/%_main.c) base/sandbox_calls.c

# Each program takes of these what it needs: make layers says what that may be.
PKGS := libcrypto libssl libconfig sqlite3 libseccomp libcurl jansson ldns

# Variants live beside each other: make SAN=1, make COV=1, make FUZZ=1, make CC=clang.
ifdef FUZZ
override CC := clang
endif
PROGRAMS = $(B)/everleaf $(ROLES:%=$(B)/everleaf-%)

B := build$(if $(SAN),/san)$(if $(COV),/cov)$(if $(FUZZ),/fuzz,$(if $(findstring clang,$(notdir $(CC))),/clang))

has = $(shell $(CC) $(1) -Werror -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))

WARN := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wcast-qual \
	-Wpointer-arith -Wformat=2 -Wundef -Wvla -Walloca -Wswitch-enum \
	-Wimplicit-fallthrough -Wnull-dereference -Wframe-larger-than=16384
WARN += $(foreach w,-Wformat-signedness -Wduplicated-cond -Wduplicated-branches \
	-Wlogical-op -Wtrampolines,$(call has,$(w)))
HARD := -fstack-protector-strong -fPIE $(foreach f,-fstack-clash-protection \
	-fcf-protection=full -ftrivial-auto-var-init=zero,$(call has,$(f)))
HARD += $(if $(SAN)$(COV)$(FUZZ),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed
VARIANT := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all) \
	$(if $(COV),--coverage -O0) \
	$(if $(FUZZ),-O1 -fsanitize=fuzzer-no-link -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all)

LANG_FLAGS := -std=gnu11 -D_GNU_SOURCE -I.
ALL_CFLAGS := $(LANG_FLAGS) $(WARN) $(HARD) $(CFLAGS) $(VARIANT) $(if $(CI),-Werror)
LIBS      = $(shell pkg-config --libs $(PKGS)) -lev

SRC   := $(filter-out $(MAINS),$(wildcard $(ROOMS:=/*.c)))
OBJ   := $(SRC:%.c=$(B)/%.o) $(B)/base/sandbox_filters.o
# What tests share stands in tests/help/; each test takes from it what it uses.
HELP  := $(patsubst %.c,$(B)/%.o,$(wildcard tests/help/*.c) \
	$(filter-out %_test.c,$(wildcard tests/crash/*.c)))
TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/*/*_test.c))
# Each takes one input: with libFuzzer many that it makes, else those it is given.
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*_fuzz.c))
# Programs that the script suites and the demo need: a load, a server, a reader of JSON.
TOOLS := $(patsubst %.c,$(B)/%,$(wildcard tests/tools/*.c)) $(B)/tests/tools/preload/clock.so
GATES := layers banned sizes format headers analyze rfc

export CC ROOMS LANG_FLAGS

all: $(PROGRAMS) ## build the programs (the default)

$(B)/everleaf: $(B)/agent/main.o $(B)/librooms.a
	$(CC) $(ALL_CFLAGS) $(LINK) $^ $(LIBS) -o $@

$(B)/everleaf-%: $(B)/agent/%_main.o $(B)/librooms.a
	$(CC) $(ALL_CFLAGS) $(LINK) $^ $(LIBS) -o $@

# The same programs, whose allocations a test lets fail.
ALLOC := $(PROGRAMS:$(B)/%=$(B)/alloc/%)
# What stands below a sanitizer is not sanitized: it is called before that has begun.
$(B)/tests/tools/linked/alloc.o: ALL_CFLAGS += $(if $(SAN),-fno-sanitize=all -DSANITIZED)

$(B)/alloc/everleaf: $(B)/agent/main.o $(B)/tests/tools/linked/alloc.o $(B)/librooms.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK) $^ $(LIBS) -o $@

$(B)/alloc/everleaf-%: $(B)/agent/%_main.o $(B)/tests/tools/linked/alloc.o $(B)/librooms.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK) $^ $(LIBS) -o $@

$(B)/librooms.a: $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

# The system call filters of the sandboxes, as C.
$(B)/sandbox_calls: $(B)/base/sandbox_calls.o
	$(CC) $(ALL_CFLAGS) $(LINK) $^ $(LIBS) -o $@

$(B)/base/sandbox_filters.c: $(B)/sandbox_calls
	$< >$@

$(B)/base/sandbox_filters.o: $(B)/base/sandbox_filters.c
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libhelp.a: $(HELP)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Other flags mean other objects. (-Werror makes none.)
FLAGS := $(CC) $(filter-out -Werror,$(ALL_CFLAGS))
ifneq ($(file <$(B)/flags),$(FLAGS))
$(shell mkdir -p $(B))
$(file >$(B)/flags,$(FLAGS))
endif

$(B)/tests/%: $(B)/tests/%.o $(B)/libhelp.a $(B)/librooms.a
	$(CC) $(ALL_CFLAGS) $(LINK) $^ -lcmocka $(LIBS) -o $@

$(B)/tests/fuzz/%_fuzz: $(B)/tests/fuzz/%_fuzz.o $(if $(FUZZ),,$(B)/tests/fuzz/replay.o) \
		$(B)/libhelp.a $(B)/librooms.a
	$(CC) $(ALL_CFLAGS) $(if $(FUZZ),-fsanitize=fuzzer) $(LINK) $^ -lcmocka $(LIBS) -o $@

$(B)/%.so: %.c
	@mkdir -p $(@D)
	$(CC) $(LANG_FLAGS) $(WARN) $(CFLAGS) $(if $(CI),-Werror) -fPIC -shared $< -o $@ -ldl

# Some run the programs, as built beside them.
$(TESTS): | $(PROGRAMS)
$(B)/tests/crash/alloc_test: | $(ALLOC)

tests: $(TESTS) $(TOOLS) $(FUZZERS) $(B)/tests/bench/responder ## build every unit test and what the script suites need

tools: $(TOOLS)

demo: all $(TOOLS) ## the whole life of a certificate, with a real nginx
	@tests/demo.sh

demo-mtls: all $(TOOLS) ## mutual TLS from end to end: nginx and its clients, one of them revoked
	@tests/demo_mtls.sh

deps: ## install what is missing to build and test (Debian 12, 13)
	@tests/deps

peers: ## newer and rarer servers to test against, below build/peers
	@tests/peers pebble pebble-challtestsrv acme.sh step-ca
	@PEERS_SUITE=trixie tests/peers cfssl cfssljson estserver

check: ## everything: deps, build, every test, every gate
	@tests/run

cases: ## run all, then note in tests/cases how many cases there are
	@tests/run --cases

crash: all $(B)/tests/crash/crash_test $(B)/tests/tools/serve $(B)/tests/tools/cmp_ca ## kill -9 at every file system call (make check: a sample)
	CRASH=all $(B)/tests/crash/crash_test

alloc: all $(B)/tests/crash/alloc_test $(B)/tests/tools/serve $(B)/tests/tools/cmp_ca ## every allocation fails, best with SAN=1 (make check: a sample)
	ALLOC=$${ALLOC:-places} $(B)/tests/crash/alloc_test

calls: all $(B)/tests/crash/calls_test $(B)/tests/tools/serve $(B)/tests/tools/cmp_ca ## every other system call fails (make check: a sample)
	CALLS=all $(B)/tests/crash/calls_test

power: all $(B)/tests/crash/power_test ## power cuts on real file systems, as root (make check: a sample)
	POWER=all $(B)/tests/crash/power_test

readers: all $(TOOLS) ## programs that read while sets change, users that may not read (make check: a sample)
	READERS=all tests/scenario/readers_test.sh

fuzzers: $(FUZZERS)

fuzz: ## every parser, FUZZ_SECONDS (600) each, with made-up inputs (make check: a sample)
	@tests/fuzz/campaign $(FUZZ_TARGETS)

hostile-ca: all $(TOOLS) ## malicious servers, each row of tests/liars, a quarter of an hour (make check: a sample)
	LIARS=all tests/scenario/hostile_ca_test.sh

hooks: all $(TOOLS) ## everything that a hook may do, in each dialect; also with SAN=1, AS=setpriv... (make check: a sample)
	$(AS) env HOOKS=all BUILD=$(B) tests/real/programs_test.sh
	$(AS) env BUILD=$(B) tests/real/odd_words_test.sh

hostile: all $(TOOLS) ## folders that are swapped and filled with traps, a minute each
	@rm -f $(B)/hostile
	@HOSTILE_SECONDS=60 HOSTILE_SAYS=$(CURDIR)/$(B)/hostile BUILD=$(B) tests/scenario/hostile_test.sh
	@cat $(B)/hostile

HOSTILE := $(addprefix $(B)/tests/hostile/,keeper_test super_test agent_test)
hostile-roles: all $(HOSTILE) ## a million messages of roles that an attacker has taken over (make check: a sample)
	HOSTILE_MESSAGES=850000 $(B)/tests/hostile/keeper_test
	HOSTILE_MESSAGES=100000 $(B)/tests/hostile/super_test
	HOSTILE_MESSAGES=60000 $(B)/tests/hostile/agent_test

fresh: ## make demo and make check in a minimal Debian 12 and 13 (FRESH=bookworm: one)
	@tests/fresh $(FRESH)

soak: all ## 100,000 renewals by one daemon: what it still holds in the end (make check: a sample)
	@BUILD=$(B) tests/scale/soak

planted: ## mistakes that somebody might make: each is put into a copy of the tree, and a test must find it
	@tests/planted/run

years: all $(TOOLS) $(B)/tests/agent/life_test ## 400 days of the agent and of all roles, with CAs that fail and a clock that is set (make check: a sample)
	LIFE_DAYS=400 LIFE_SEEDS=10 $(B)/tests/agent/life_test
	YEARS_DAYS=400 YEARS_TIMES=6 BUILD=$(B) tests/real/years_test.sh

model: $(B)/tests/agent/model_test ## 100,000 random steps, checked against what must hold (MODEL_SEED, MODEL_STEPS; make check: a sample)
	MODEL_STEPS=$${MODEL_STEPS-100000} $(B)/tests/agent/model_test

scale: all $(TOOLS) ## 100,000 certificates at rest; a thousand while half of the nonces are refused
	@BUILD=$(B) tests/scale/rest && tests/scale/others && BUILD=$(B) tests/scale/nonces

bench: all $(B)/tests/bench/responder ## what it costs, compared with a minimal program and other clients
	@status=0; for part in run acme internal dns; do BUILD=$(B) tests/bench/$$part || status=1; done; exit $$status

layers: ## rooms include only what they may, programs need only their libraries
banned: ## functions that have no place here
sizes: ## functions, files, parameters, nesting, mutable variables
format: ## clang-format has nothing to say
headers: ## every header compiles on its own
analyze: ## gcc -fanalyzer, clang --analyze, cppcheck
rfc: ## every quoted sentence of an RFC has its test
$(GATES):
	@tests/gates/$@

cover: ## line coverage of the unit tests, file by file; COVER=fuzz: of parsers, by the seeds
	@$(MAKE) --no-print-directory COV=1 CI= $(if $(COVER),fuzzers \
	   $(patsubst %,build/cov/tests/%_test,$(shell sed -n 's/^suites //p' tests/fuzz/parsers)),tests)
	@tests/cover build/cov $(COVER)

deb: ## build the Debian package into build/deb
	@tests/deb

install: all ## DESTDIR, PREFIX, SBINDIR, SYSCONFDIR; enables nothing
	install -D -m 755 $(B)/everleaf $(DESTDIR)$(SBINDIR)/everleaf
	install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR) $(ROLES:%=$(B)/everleaf-%)
	@$(foreach p,$(INSTALLED),install -D -m $(call part,3) $(call part,1) \
	   $(DESTDIR)$(call part,2) && ) :
	@for u in $(UNITS); do install -d $(DESTDIR)$(UNITDIR) && \
	   sed 's|@SBINDIR@|$(SBINDIR)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
	      etc/$$u >$(DESTDIR)$(UNITDIR)/$$u && \
	   chmod 644 $(DESTDIR)$(UNITDIR)/$$u || exit 1; done

uninstall: ## remove what install has installed, nothing else
	rm -f $(DESTDIR)$(SBINDIR)/everleaf \
	   $(ROLES:%=$(DESTDIR)$(LIBEXECDIR)/everleaf-%) \
	   $(foreach p,$(INSTALLED),$(DESTDIR)$(call part,2)) \
	   $(UNITS:%=$(DESTDIR)$(UNITDIR)/%)
	@-rmdir $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(DATADIR)/hooks \
	   $(DESTDIR)$(DATADIR) $(DESTDIR)$(SYSCONFDIR)/everleaf 2>/dev/null

# What install copies as it is: FILE:WHERE:MODE.
part  = $(word $(1),$(subst :, ,$(p)))
UNITS := $(notdir $(wildcard etc/*.service etc/*.socket etc/*.timer))
# A ready-made hook is a file of hooks/ without a suffix.
HOOKS := $(foreach h,$(wildcard hooks/*),$(if $(suffix $(h)),,$(h)))
INSTALLED := \
	$(foreach h,$(HOOKS),$(h):$(DATADIR)/$(h):755) \
	$(foreach m,$(wildcard $(addsuffix /*.[578],$(ROOMS) etc)),$(m):$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)):644) \
	etc/everleaf.sysusers:$(PREFIX)/lib/sysusers.d/everleaf.conf:644 \
	etc/everleaf.tmpfiles:$(PREFIX)/lib/tmpfiles.d/everleaf.conf:644 \
	etc/hardened.conf:$(DATADIR)/hardened.conf:644 \
	etc/completion.bash:$(PREFIX)/share/bash-completion/completions/everleaf:644 \
	etc/completion.zsh:$(ZSHDIR)/_everleaf:644 \
	etc/everleaf.conf.example:$(SYSCONFDIR)/everleaf/everleaf.conf.example:644

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 15
	@echo 'Variants: SAN=1 (ASan, UBSan, LSan), COV=1, FUZZ=1, CC=clang, CI=1 (-Werror).'

clean: ## remove build/, all variants
	rm -rf build

.PHONY: all tests tools demo demo-mtls deps deb peers check cases crash fuzz fuzzers hooks hostile hostile-ca power readers fresh soak planted years model scale bench cover install uninstall help clean hostile-roles alloc calls $(GATES)
.DELETE_ON_ERROR:
.SECONDARY:
-include $(OBJ:.o=.d) $(MAINS:%.c=$(B)/%.d) $(HELP:.o=.d) $(TESTS:=.d) $(TOOLS:=.d) \
	$(FUZZERS:=.d) \
	$(B)/tests/bench/responder.d
