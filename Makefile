# SPDX-License-Identifier: GPL-2.0-or-later
# kvm-dm: one non-recursive Makefile. `make help` lists the targets.

# Not config.mk, whose rule comes first.
.DEFAULT_GOAL := all

ifeq ($(filter help clean distclean,$(MAKECMDGOALS)),)
include config.mk
config.mk:
	@echo "run ./configure first (./configure --install-deps also installs what is missing)" >&2; exit 1
endif

B ?= build
SANITIZE_FLAGS = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
COVERAGE_FLAGS = $(if $(filter yes,$(COVERAGE)),--coverage)
ALL_CFLAGS = -std=gnu11 -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow \
	-fno-common -fstack-protector-strong -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DKVM_DM_VERSION='"$(VERSION)"' -DKVM_DM_PREFIX='"$(PREFIX)"' \
	$(if $(filter yes,$(PNG)),-DCONFIG_PNG) $(if $(filter yes,$(NBD)),-DCONFIG_NBD) \
	$(if $(filter yes,$(VNC)),-DCONFIG_VNC) $(if $(filter yes,$(SLIRP)),-DCONFIG_SLIRP) \
	$(if $(filter yes,$(WEB)),-DCONFIG_WEB) \
	$(if $(filter yes,$(ZSTD)),-DCONFIG_ZSTD) $(SANITIZE_FLAGS) $(COVERAGE_FLAGS) $(CFLAGS)
# Layers that may know the host get its libraries' headers; hw/ and ioreq/ do not.
HOST_CFLAGS = $(GLIB_CFLAGS)
ALL_LDFLAGS = $(SANITIZE_FLAGS) $(COVERAGE_FLAGS) $(LDFLAGS) -Wl,--as-needed
HOST_LIBS = $(GLIB_LIBS) $(PNG_LIBS) $(ZSTD_LIBS) -laio -lz -lutil -lm -lpthread

# ---- layers, each a library ----------------------------------------------------------------
DEVICE_LAYERS = ioreq hw
HOST_LAYERS = host block chardev net ui dm
ioreq_SRCS := $(wildcard ioreq/*.c)
hw_SRCS := $(wildcard hw/*.c hw/*/*.c)
host_SRCS := $(wildcard host/*.c)
block_NBD = block/nbd.c block/nbd_conn.c block/nbd_lib.c block/nbd_link.c block/nbd_options.c # what needs libnbd
block_SRCS := $(filter-out $(if $(filter yes,$(NBD)),,$(block_NBD)),$(wildcard block/*.c))
chardev_SRCS := $(wildcard chardev/*.c)
ui_VNC = ui/vnc.c ui/vnc_access.c ui/vnc_connect.c ui/vnc_lib.c ui/vnc_listen.c ui/vnc_viewer.c # what needs libvncserver
ui_WEB = ui/web.c ui/web_channel.c ui/web_files.c ui/web_http.c ui/web_lib.c ui/web_socket.c # what needs its libraries
ui_SRCS := $(filter-out $(if $(filter yes,$(VNC)),,$(ui_VNC)) $(if $(filter yes,$(WEB)),,$(ui_WEB)),$(wildcard ui/*.c))
ui_OBJS := $(if $(filter yes,$(WEB)),$(B)/ui/web_page.o)
net_SLIRP = net/slirp_lib.c net/user.c net/user_options.c net/user_forward.c # what needs libslirp
net_SRCS := $(filter-out $(if $(filter yes,$(SLIRP)),,$(net_SLIRP)),$(wildcard net/*.c))
dm_SRCS := $(filter-out dm/main.c,$(wildcard dm/*.c dm/*/*.c))
dm_OBJS := $(B)/dm/machine/roms.o
fakes_SRCS := $(wildcard tests/fakes/*.c)

LIBS := $(foreach l,ioreq hw host block chardev net ui dm fakes,$(B)/lib$(l).a)
DEVICE_LIBS := $(B)/libhw.a $(B)/libioreq.a
HOST_ARCHIVES := $(B)/libdm.a $(B)/libui.a $(B)/libnet.a $(B)/libchardev.a $(B)/libblock.a $(B)/libhost.a $(DEVICE_LIBS)

all: $(B)/kvm-dm ctl guests

$(B)/kvm-dm: $(B)/dm/main.o $(HOST_ARCHIVES)
	$(CC) $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(HOST_ARCHIVES) -Wl,--end-group $(HOST_LIBS)

define layer
$(B)/lib$(1).a: $$($(1)_SRCS:%.c=$(B)/%.o) $$($(1)_OBJS)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach l,ioreq hw host block chardev net ui dm fakes,$(eval $(call layer,$(l))))

$(B)/ioreq/%.o $(B)/hw/%.o $(B)/tests/fakes/%.o $(B)/tests/unit/hw/%.o: HOST_CFLAGS =

$(B)/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

# ---- boot ROMs: 16-bit code that SeaBIOS runs for -kernel, linked in as bytes ----------------
ROMS := linuxboot multiboot
$(B)/rom/%.bin: rom/%.S rom/fwcfg.inc config.mk
	@mkdir -p $(@D)
	$(CC) -m16 -march=i486 -fno-pic -nostdinc -Irom -c -o $(@:.bin=.o) $<
	ld -m elf_i386 -Ttext 0 --oformat binary -o $@ $(@:.bin=.o)
$(B)/dm/machine/roms.o: dm/machine/roms.S $(ROMS:%=$(B)/rom/%.bin)
	@mkdir -p $(@D)
	$(CC) -I$(B)/rom -c -o $@ $<

# ---- the web console's page, linked in as bytes -----------------------------------------------
$(B)/ui/web_page.o: ui/web_page.S $(wildcard ui/web/*)
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<

# ---- unit tests ----------------------------------------------------------------------------
# tests/unit/hw: devices, ioreq and the fakes, nothing else: a stray call is a link error.
# tests/unit/host: the host-side layers.
UNIT_HW := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/hw/test_*.c))
UNIT_HOST := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/host/test_*.c))

$(UNIT_HW): $(B)/tests/unit/hw/%: $(B)/tests/unit/hw/%.o $(DEVICE_LIBS) $(B)/libfakes.a
	$(CC) $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(DEVICE_LIBS) $(B)/libfakes.a -Wl,--end-group $(CMOCKA_LIBS)
$(UNIT_HOST): $(B)/tests/unit/host/%: $(B)/tests/unit/host/%.o $(HOST_ARCHIVES)
	$(CC) $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(HOST_ARCHIVES) -Wl,--end-group $(HOST_LIBS) $(CMOCKA_LIBS)

unit-tests: $(UNIT_HW) $(UNIT_HOST)

include $(wildcard ctl/ctl.mk tests/guest/guest.mk bench/bench.mk tests/fuzz/fuzz.mk man/man.mk)

guests:

check: all unit-tests
	@KVM_DM=$(abspath $(B)/kvm-dm) B=$(abspath $(B)) tests/run $(TESTS)

# Full guests in the nested laboratory, every job; `check` runs a few of them.
check-lab: all
	@KVM_DM=$(abspath $(B)/kvm-dm) B=$(abspath $(B)) tests/run lab

check-unit: unit-tests
	@B=$(abspath $(B)) tests/run unit

check-asan:
	$(MAKE) B=build-asan SANITIZE=address,undefined check
check-tsan:
	$(MAKE) B=build-tsan SANITIZE=thread check

UNITDIR = $(PREFIX)/lib/systemd/system
install: all install-ctl
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(B)/kvm-dm $(DESTDIR)$(PREFIX)/bin/kvm-dm
	install -m 644 man/kvm-dm.1 $(DESTDIR)$(PREFIX)/share/man/man1/kvm-dm.1
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/share/doc/kvm-dm/examples
	sed 's|@PREFIX@|$(PREFIX)|g' 'contrib/systemd/kvm-dm@.service.in' > '$(DESTDIR)$(UNITDIR)/kvm-dm@.service'
	install -m 644 contrib/systemd/kvm-dm.slice $(DESTDIR)$(UNITDIR)/kvm-dm.slice
	install -m 644 contrib/examples/guest.conf $(DESTDIR)$(PREFIX)/share/doc/kvm-dm/examples/guest.conf

clean:
	rm -rf build build-asan build-tsan build-fuzz
distclean: clean
	rm -f config.mk

help:
	@echo 'make              build kvm-dm and the small test guests'
	@echo 'make demo         boot the demo guest in this terminal'
	@echo 'make check        all tests that this machine can run; TESTS=NAME... for some of them'
	@echo 'make check-lab    all full guests in the nested laboratory (over an hour); check runs two'
	@echo 'make check-unit   unit tests only'
	@echo 'make check-asan   the same under the address and undefined-behaviour sanitizers'
	@echo 'make check-tsan   the same under the thread sanitizer'
	@echo 'make bench        measure against a bare KVM_RUN loop and Debian'"'"'s QEMU'
	@echo 'make fuzz         fuzz targets (clang)'
	@echo 'make install      to PREFIX (DESTDIR is honoured)'
	@echo 'make clean distclean'

-include $(shell find $(B) -path $(B)/lab -prune -o -name '*.d' -type f -print 2>/dev/null)

.PHONY: all guests unit-tests check check-lab check-unit check-asan check-tsan install clean distclean help
.DELETE_ON_ERROR:
