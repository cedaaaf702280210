# SPDX-License-Identifier: GPL-2.0-or-later
# man/kvm-dm.1 is committed: `make install` needs no more than a copy. After a change of the option tables
# or of man/kvm-dm.1.in, `make man` writes it anew; tests/lint/man.sh tells when that was forgotten.
man: $(B)/kvm-dm
	man/gen $(B)/kvm-dm > man/kvm-dm.1.new
	mv man/kvm-dm.1.new man/kvm-dm.1

.PHONY: man
