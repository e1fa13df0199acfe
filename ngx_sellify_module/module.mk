# The nginx module.  NGX_SRC is Debian's nginx-dev, or any nginx source tree;
# for such a tree the nginx binary is built too, as $(BUILD)/nginx/nginx.

NGX_SRC   ?= /usr/share/nginx/src
NGX_BUILD := $(abspath $(BUILD))/nginx
NGX_STATIC ?=
comma     := ,

MODULE    := $(BUILD)/ngx_http_sellify_module.so
MODULE_SRC := config $(sort $(wildcard ngx_sellify_module/*.[ch] core/*.[ch]) core/defaults.c)
MODULE_CC_OPT := $(OPT) -fPIC -fstack-protector-strong -Wformat \
    -Werror=format-security $(SANFLAGS) \
    $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
# nodelete: nginx unloads its modules before leaks are reported, and a frame in
# a library that is gone has no name.
MODULE_LD_OPT := -Wl,-z,relro -Wl,-z,now -fPIC $(SANFLAGS) \
    $(if $(SANITIZE),-Wl$(comma)-z$(comma)nodelete)

# What Debian's own binary was configured with comes with nginx-dev; any other
# tree gets the features that the module and its suites use.
NGX_FLAGS := --with-compat --with-debug --with-threads --with-http_ssl_module \
    --with-http_v2_module --with-http_realip_module \
    --with-http_stub_status_module --with-http_auth_request_module

.PHONY: print-test-nginx-env

module: $(MODULE) ## the nginx module (NGX_SRC=dir for another nginx)

# Changes only when a source file comes or goes, which needs a new configure.
$(NGX_BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(MODULE_SRC) $(NGX_SRC) $(CC) $(MODULE_CC_OPT) $(MODULE_LD_OPT)' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

# The sanitizers must not judge configure's own little test programs.
$(NGX_BUILD)/Makefile: config $(NGX_BUILD)/sources core/defaults.c
	@echo "configure $(NGX_SRC)"
	@cd $(NGX_SRC) && export ASAN_OPTIONS=detect_leaks=0 NGX_CONF_FLAGS && \
	    if [ -f conf_flags ]; then . ./conf_flags; \
	    else NGX_CONF_FLAGS=( $(NGX_FLAGS) ); fi && \
	    if [ -x configure ]; then run=./configure; else run=auto/configure; fi && \
	    $$run --with-cc="$(CC)" --with-cc-opt="$(MODULE_CC_OPT)" \
	        --with-ld-opt="$(MODULE_LD_OPT)" "$${NGX_CONF_FLAGS[@]}" \
	        --add-$(if $(NGX_STATIC),,dynamic-)module=$(CURDIR) \
	        --builddir=$(NGX_BUILD) > $(NGX_BUILD)/configure.log 2>&1 \
	    || { tail -n 20 $(NGX_BUILD)/configure.log; exit 1; }
	@touch $@

# Put in place by rename: an nginx that runs on the old library would crash.
# A missing engine would show only when nginx loads the library: say it now.
$(MODULE): $(NGX_BUILD)/Makefile $(MODULE_SRC)
	@echo "make $@"
	@$(MAKE) -s -C $(NGX_SRC) -f $(NGX_BUILD)/Makefile $(if $(NGX_STATIC),,modules) \
	    $(if $(wildcard $(NGX_SRC)/src/core/nginx.c),binary)
	@$(if $(NGX_STATIC),touch $@,cp $(NGX_BUILD)/$(@F) $@.new && mv $@.new $@)
	@! nm -D --undefined-only $@ 2>/dev/null | grep ' sellify_' \
	    || { rm -f $@; echo "module: these functions are missing"; exit 1; }

# --- what the suites in t/ need ---

$(BUILD)/state-writer: t/bin/state-writer.c $(BUILD)/libsellify_core.a
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libsellify_core.a \
	    -Wl,--wrap=sellify_clock_monotonic $(CORE_LIBS) $(LDFLAGS)

module unit: $(BUILD)/state-writer
-include $(BUILD)/state-writer.d

print-test-nginx-env: ## variables with which CPAN's Test::Nginx runs t/*.t
	@echo "export TEST_NGINX_LOAD_MODULES='$(abspath $(MODULE))'"
	@echo "export TEST_NGINX_BINARY='$${TEST_NGINX_BINARY:-$$(PATH=$$PATH:/usr/sbin command -v nginx)}'"
	@echo "export SELLIFY_STATE_WRITER='$(abspath $(BUILD))/state-writer'"

# --- sanitizers ---
#
# nginx-dev has headers only, so the instrumented library goes into the stock
# nginx, with the sanitizers' run-time libraries preloaded: their allocator and
# their interceptors then serve the whole process, and everything that the
# module or core/ does is checked.  Findings are written to files, since nginx
# sends its stderr elsewhere; t/bin/sanitizer-report reads them.  The exit status
# stays 0, or the leaks that stock nginx has at exit would look like a failed
# start.

ASAN_BUILD := build-asan
ASAN_SUITES ?= $(filter-out t/check.t t/runner%.t t/stub.t,$(wildcard t/*.t))

.PHONY: asan asan-suites
asan: ## unit tests and module suites under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory SANITIZE=address,undefined BUILD=$(ASAN_BUILD) module unit
	@$(MAKE) --no-print-directory SANITIZE=address,undefined BUILD=$(ASAN_BUILD) asan-suites

asan-suites: $(BUILD)/nginx-asan
	@rm -f $(BUILD)/sanitizer.*
	@BUILD_DIR=$(BUILD) TEST_NGINX_BINARY=$(abspath $(BUILD))/nginx-asan SELLIFY_SLOW=5 \
	    scripts/test $(wildcard $(BUILD)/unit/*_test) $(ASAN_SUITES); status=$$?; \
	    t/bin/sanitizer-report $(BUILD) && exit $$status

$(BUILD)/nginx-asan: ngx_sellify_module/module.mk
	@mkdir -p $(@D)
	@{ echo '#!/bin/sh'; \
	   echo "export LD_PRELOAD='$(shell $(CC) -print-file-name=libasan.so) $(shell $(CC) -print-file-name=libubsan.so)'"; \
	   echo "export ASAN_OPTIONS='log_path=$(abspath $(BUILD))/sanitizer:exitcode=0:fast_unwind_on_malloc=0'"; \
	   echo "export UBSAN_OPTIONS='log_path=$(abspath $(BUILD))/sanitizer:print_stacktrace=1'"; \
	   echo 'exec $(or $(NGINX),/usr/sbin/nginx) "$$@"'; \
	 } > $@
	@chmod +x $@
