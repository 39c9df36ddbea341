# One Makefile, no recursion. A room is a folder; its files are found by name.
# `make help` lists what there is to make.

PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/everleaf
SYSCONFDIR ?= /etc
DESTDIR    ?=
CC         ?= cc
CFLAGS     ?= -O2 -g

ROOMS := base store acme ca hooks agent
# The two programs; every other file of a room is in the archive that both link.
MAINS := agent/main.c agent/net_main.c

# What each program may need (make layers reads it back from the binaries).
PKGS      := libcrypto libconfig sqlite3 libseccomp libidn2
NET_PKGS  := libcrypto libssl libseccomp
NET_EXTRA := libcurl jansson libmicrohttpd ldns

# Variants live beside each other: make SAN=1 check, make COV=1 check.
B := build$(if $(SAN),/san)$(if $(COV),/cov)

has = $(shell $(CC) $(1) -Werror -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))

WARN := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wcast-qual \
	-Wpointer-arith -Wformat=2 -Wundef -Wvla -Walloca -Wswitch-enum \
	-Wimplicit-fallthrough -Wnull-dereference -Wframe-larger-than=16384
WARN += $(foreach w,-Wformat-signedness -Wduplicated-cond -Wduplicated-branches \
	-Wlogical-op -Wtrampolines,$(call has,$(w)))
HARD := -fstack-protector-strong -fPIE $(foreach f,-fstack-clash-protection \
	-fcf-protection=full -ftrivial-auto-var-init=zero,$(call has,$(f)))
HARD += $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed
VARIANT := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all) \
	$(if $(COV),--coverage -O0)

ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I. $(WARN) $(HARD) $(CFLAGS) $(VARIANT) \
	$(if $(CI),-Werror)
LIBS     := $(shell pkg-config --libs $(PKGS)) -lev
NET_LIBS := $(shell pkg-config --libs $(NET_PKGS) $(NET_EXTRA))

SRC   := $(filter-out $(MAINS),$(wildcard $(ROOMS:=/*.c)))
OBJ   := $(SRC:%.c=$(B)/%.o)
# What tests share stands in tests/help/; each test takes from it what it uses.
HELP  := $(patsubst %.c,$(B)/%.o,$(wildcard tests/help/*.c))
TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/*/*_test.c))

all: $(B)/everleaf $(B)/everleaf-net ## build both programs (the default)

$(B)/everleaf: $(B)/agent/main.o $(B)/librooms.a
	$(CC) $(ALL_CFLAGS) $(LINK) $^ $(LIBS) -o $@

$(B)/everleaf-net: $(B)/agent/net_main.o $(B)/librooms.a
	$(CC) $(ALL_CFLAGS) $(LINK) $^ $(NET_LIBS) -o $@

$(B)/librooms.a: $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/libhelp.a: $(HELP)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/tests/%: $(B)/tests/%.o $(B)/libhelp.a $(B)/librooms.a
	$(CC) $(ALL_CFLAGS) $(LINK) $^ -lcmocka $(LIBS) $(NET_LIBS) -o $@

check: $(TESTS:=.passed) layers headers ## run every test that has not passed yet

%.passed: %
	$< && touch $@

layers: ## base/ looks at nothing; rooms look at base/; only agent/ sees all
	@! grep -nE '#include "(store|acme|ca|hooks|agent)/' base/*.[ch]
	@for r in store acme ca hooks; do \
	   ! grep -nE '#include "[a-z]+/' $$r/*.[ch] /dev/null | \
	     grep -vE "#include \"(base|$$r)/" || exit 1; done

headers: ## every header compiles on its own
	@for h in $(wildcard $(ROOMS:=/*.h)); do \
	   $(CC) $(ALL_CFLAGS) -fsyntax-only -x c -include $$h /dev/null || exit 1; done

help: ## this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

clean: ## forget all variants
	rm -rf build

.PHONY: all check layers headers help clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(OBJ:.o=.d) $(HELP:.o=.d) $(TESTS:=.d)
