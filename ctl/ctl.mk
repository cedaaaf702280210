# SPDX-License-Identifier: GPL-2.0-or-later
# kvm-dm-ctl, the shell's way to a running VM. Of the process's own code it has the strict JSON reader only.
ctl_SRCS := $(wildcard ctl/*.c)

$(B)/kvm-dm-ctl: $(ctl_SRCS:%.c=$(B)/%.o) $(B)/dm/json.o
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(GLIB_LIBS) -lm

$(B)/ctl/completion.bash: $(B)/kvm-dm-ctl
	$(B)/kvm-dm-ctl --completion > $@.new && mv $@.new $@

ctl: $(B)/kvm-dm-ctl $(B)/ctl/completion.bash

install-ctl: ctl
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(B)/kvm-dm-ctl $(DESTDIR)$(PREFIX)/bin/kvm-dm-ctl
	install -m 644 man/kvm-dm-ctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/kvm-dm-ctl.1
	install -m 644 $(B)/ctl/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/kvm-dm-ctl
	install -m 644 ctl/completion/kvm-dm.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/kvm-dm

.PHONY: ctl install-ctl
