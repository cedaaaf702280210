# SPDX-License-Identifier: GPL-2.0-or-later
# The pages are committed: `make install` needs no more than a copy. After a change of the option tables
# or of a man/*.1.in, `make man` writes it anew; tests/lint/man.sh tells when that was forgotten.
man: $(B)/kvm-dm $(B)/kvm-dm-ctl
	for p in kvm-dm kvm-dm-ctl; do \
		man/gen $(B)/$$p > man/$$p.1.new && mv man/$$p.1.new man/$$p.1 || exit 1; \
	done

.PHONY: man
