# Sellify.  `make help` lists the targets.

SHELL   := /bin/bash
CC      ?= gcc
BUILD   ?= build
# SANITIZE=address,undefined builds everything under those sanitizers.
SANITIZE ?=
PORT    ?= 8080

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla
OPT     ?= -O2 -g
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CFLAGS  := -std=gnu11 $(OPT) $(WARN) -fPIC -fvisibility=hidden \
           -fstack-protector-strong $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) $(SANFLAGS)
CPPFLAGS := -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8
LDFLAGS := $(SANFLAGS) -Wl,-z,relro -Wl,-z,now

CORE_LIBS   := -lcjson -lpcre2-8 -lutf8proc -lcrypto -lm
WORKER_LIBS := -lsqlite3 -lcurl -levent_core -levent_extra -lcrypto

CORE_SRC   := $(sort $(wildcard core/*.c) core/defaults.c)
WORKER_SRC := $(filter-out worker/main.c,$(wildcard worker/*.c worker/*/*.c))
WORKER_SRC := $(filter-out worker/cli/%,$(WORKER_SRC))
CLI_SRC    := $(wildcard worker/cli/*.c)
UNIT_SRC   := $(wildcard t/unit/*_test.c)
MIGRATIONS := $(sort $(wildcard worker/store/migrations/*.sql))

CORE_OBJ   := $(CORE_SRC:%.c=$(BUILD)/%.o)
WORKER_OBJ := $(WORKER_SRC:%.c=$(BUILD)/%.o) $(BUILD)/worker/store/migrations.gen.o
CLI_OBJ    := $(CLI_SRC:%.c=$(BUILD)/%.o)
UNIT_BIN   := $(UNIT_SRC:t/unit/%.c=$(BUILD)/unit/%)

.PHONY: all deps run test check format bench fuzz sim coverage asan clean help \
        module unit worker stop

all: worker module ## build everything (no root, no network)

worker: $(BUILD)/sellify-worker $(if $(CLI_SRC),$(BUILD)/sellify)

# --- the built-in documents ---

LEXICONS := $(sort $(wildcard conf/lexicons/*.json))
core/defaults.c: conf/policy.json conf/products.json $(LEXICONS) scripts/embed
	@scripts/embed $@ sellify_builtin_policy=conf/policy.json \
	    sellify_builtin_products=conf/products.json \
	    $(foreach l,$(LEXICONS),sellify_builtin_lexicon_$(basename $(notdir $l))=$l)

$(BUILD)/worker/store/migrations.gen.c: $(MIGRATIONS) scripts/embed
	@mkdir -p $(@D)
	@scripts/embed --table store_migrations $@ \
	    $(foreach m,$(MIGRATIONS),migration_$(firstword $(subst _, ,$(notdir $m)))=$m)

# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

# --- objects ---

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/worker/store/migrations.gen.o: $(BUILD)/worker/store/migrations.gen.c
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/libsellify_core.a: $(CORE_OBJ)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/libsellify_worker.a: $(WORKER_OBJ)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/sellify-worker: $(BUILD)/worker/main.o $(BUILD)/libsellify_worker.a $(BUILD)/libsellify_core.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(WORKER_LIBS) $(CORE_LIBS)

$(BUILD)/sellify: $(CLI_OBJ) $(BUILD)/libsellify_core.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcurl $(CORE_LIBS)

# --- unit tests: t/unit/core_*_test.c link core, the others link the worker ---

$(BUILD)/unit/core_%_test: t/unit/core_%_test.c $(BUILD)/libsellify_core.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libsellify_core.a -lcmocka $(CORE_LIBS) $(LDFLAGS)

$(BUILD)/unit/%_test: t/unit/%_test.c $(BUILD)/libsellify_worker.a $(BUILD)/libsellify_core.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libsellify_worker.a $(BUILD)/libsellify_core.a -lcmocka $(WORKER_LIBS) $(CORE_LIBS) $(LDFLAGS)

unit: $(UNIT_BIN) ## build the unit tests

# --- module ---

include ngx_sellify_module/module.mk
include bench/bench.mk
include scripts/install.mk
-include t/fuzz/fuzz.mk

# --- what people call ---

deps: ## install the Debian packages that are missing
	@scripts/deps

run: deps ## build, start nginx and worker, play a day of a French shop
	@$(MAKE) --no-print-directory -j2 all
	@scripts/demo --port $(PORT)

test: deps ## install what is missing, build, run every suite
	@$(MAKE) --no-print-directory -j2 all unit
	@scripts/test

check: ## formatting, lint, documents against code
	@scripts/check

format: ## clang-format every source
	@clang-format-14 -i $$(git ls-files '*.c' '*.h')

clean: ## remove what was built
	rm -rf build build-* core/defaults.c

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sort

-include $(CORE_OBJ:.o=.d) $(WORKER_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(UNIT_BIN:=.d)
