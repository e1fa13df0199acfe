# make install: for packagers (DESTDIR) and for one machine.

PREFIX     ?= /usr
SYSCONFDIR ?= /etc
MODULESDIR ?= $(PREFIX)/lib/nginx/modules

.PHONY: install
install: all ## install module, worker, command line, snippets (DESTDIR=, PREFIX=)
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MODULESDIR) \
	    $(DESTDIR)$(SYSCONFDIR)/sellify $(DESTDIR)$(SYSCONFDIR)/nginx/sellify \
	    $(DESTDIR)$(PREFIX)/share/sellify/lexicons $(DESTDIR)$(PREFIX)/share/doc/sellify \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 0755 $(BUILD)/sellify-worker $(DESTDIR)$(PREFIX)/sbin/
	install -m 0755 $(BUILD)/sellify $(DESTDIR)$(PREFIX)/bin/
	install -m 0644 $(BUILD)/ngx_http_sellify_module.so $(DESTDIR)$(MODULESDIR)/
	install -m 0644 conf/nginx/*.conf $(DESTDIR)$(SYSCONFDIR)/nginx/sellify/
	install -m 0644 conf/policy.json conf/policy.schema.json conf/products.json $(DESTDIR)$(PREFIX)/share/sellify/
	install -m 0644 conf/lexicons/*.json $(DESTDIR)$(PREFIX)/share/sellify/lexicons/
	install -m 0644 conf/systemd/*.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 0644 README.md CHANGES LICENSE docs/*.md $(DESTDIR)$(PREFIX)/share/doc/sellify/
