# libFuzzer with ASan and UBSan: every t/fuzz/*_fuzz.c is a target of its own.
#   make fuzz                    each for FUZZ_SECONDS (60)
#   make fuzz FUZZ_SECONDS=5 FUZZ=ruleset
# What is found is kept in build-fuzz/; small seeds are in t/fuzz/corpus/NAME.

FUZZ_SECONDS ?= 60
FUZZ_CC      ?= clang-14
FUZZ_BUILD   := build-fuzz
FUZZ         ?= $(patsubst t/fuzz/%_fuzz.c,%,$(wildcard t/fuzz/*_fuzz.c))
FUZZ_FLAGS   := -fsanitize=fuzzer,address,undefined \
                -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_OBJ     := $(CORE_SRC:%.c=$(FUZZ_BUILD)/%.o)

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(CPPFLAGS) -std=gnu11 -O1 -g $(WARN) \
	    $(subst fuzzer,fuzzer-no-link,$(FUZZ_FLAGS)) -MMD -MP -c -o $@ $<

$(FUZZ_BUILD)/%_fuzz: t/fuzz/%_fuzz.c $(FUZZ_OBJ)
	$(FUZZ_CC) $(CPPFLAGS) -std=gnu11 -O1 -g $(WARN) $(FUZZ_FLAGS) -o $@ $^ \
	    $(CORE_LIBS)

fuzz: $(FUZZ:%=$(FUZZ_BUILD)/%_fuzz) ## fuzz each target for FUZZ_SECONDS
	@for name in $(FUZZ); do \
	    mkdir -p $(FUZZ_BUILD)/corpus/$$name t/fuzz/corpus/$$name; \
	    if $(FUZZ_BUILD)/$${name}_fuzz -max_total_time=$(FUZZ_SECONDS) \
	        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	        -artifact_prefix=$(FUZZ_BUILD)/$$name- \
	        $(FUZZ_BUILD)/corpus/$$name t/fuzz/corpus/$$name \
	        > $(FUZZ_BUILD)/$$name.log 2>&1; \
	    then \
	        echo "fuzz: $$name," $$(sed -n \
	            's/^stat::number_of_executed_units: *//p' \
	            $(FUZZ_BUILD)/$$name.log) "inputs in $(FUZZ_SECONDS) s"; \
	    else \
	        echo "fuzz: $$name FAILED"; tail -60 $(FUZZ_BUILD)/$$name.log; \
	        exit 1; \
	    fi; \
	done

-include $(FUZZ_OBJ:.o=.d)
