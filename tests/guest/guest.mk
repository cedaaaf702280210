# SPDX-License-Identifier: GPL-2.0-or-later
# The small guests that tests and `make demo` boot: 16/32-bit freestanding programs, made with the
# host's gcc and binutils only (no multilib, no nasm).
G := $(B)/guest
GUEST_CC = $(CC) -m32 -march=i386 -std=gnu11 -O2 -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
	-ffreestanding -nostdlib -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -mno-sse -mno-mmx -mgeneral-regs-only -MMD -MP
GUEST_LD = $(LD) -m elf_i386 --no-warn-rwx-segments -z noexecstack

$(G)/%.o: tests/guest/%.S
	@mkdir -p $(@D)
	$(GUEST_CC) -c -o $@ $<
$(G)/%.o: tests/guest/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) -c -o $@ $<
$(G)/%.bin: $(G)/%.elf
	objcopy -O binary $< $@

# ---- the demo disk ---------------------------------------------------------------------------
DEMO_OBJS := $(addprefix $(G)/demo/,entry.o main.o console.o pci.o acpi.o ide.o crc32.o)

$(G)/demo/boot.elf: $(G)/demo/boot.o
	$(GUEST_LD) -Ttext=0x7c00 -o $@ $<
$(G)/demo/stage2.elf: tests/guest/demo/stage2.ld $(DEMO_OBJS)
	$(GUEST_LD) -T $^ -o $@
$(G)/mkdemo: tests/guest/demo/mkdemo.c tests/guest/demo/layout.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra -O2 -o $@ $<
$(G)/demo.img: $(G)/mkdemo $(G)/demo/boot.bin $(G)/demo/stage2.bin
	$(G)/mkdemo $(G)/demo/boot.bin $(G)/demo/stage2.bin $@.new && mv $@.new $@

guests: $(G)/demo.img

# A fresh copy each time: the guest writes to its disk.
DEMO_OPTIONS ?= -display text -serial vc
demo: $(B)/kvm-dm $(G)/demo.img
	@cp $(G)/demo.img $(G)/demo-run.img
	$(B)/kvm-dm -m 64 -drive file=$(G)/demo-run.img,format=raw $(DEMO_OPTIONS) -no-reboot

.PHONY: demo

# ---- ROM guests (-bios) and the boot sector --------------------------------------------------
RESETS := keyboard port92 cf9 triple beyond
reset_METHOD_keyboard := 1
reset_METHOD_port92 := 2
reset_METHOD_cf9 := 3
reset_METHOD_triple := 4
reset_METHOD_beyond := 5
$(RESETS:%=$(G)/rom/reset-%.o): $(G)/rom/reset-%.o: tests/guest/rom/reset.S
	@mkdir -p $(@D)
	$(GUEST_CC) -DMETHOD=$(reset_METHOD_$*) -c -o $@ $<
ENDS := halt idle panic crashload watchdog
ends_METHOD_halt := 1
ends_METHOD_idle := 2
ends_METHOD_panic := 3
ends_METHOD_crashload := 4
ends_METHOD_watchdog := 5
$(ENDS:%=$(G)/rom/ends-%.o): $(G)/rom/ends-%.o: tests/guest/rom/ends.S
	@mkdir -p $(@D)
	$(GUEST_CC) -DMETHOD=$(ends_METHOD_$*) -c -o $@ $<
GUEST_ROMS := $(ENDS:%=$(G)/rom/ends-%.bin) $(RESETS:%=$(G)/rom/reset-%.bin) $(addprefix $(G)/rom/,cpuid.bin idle.bin piowrite.bin port61.bin vmmouse.bin)
$(GUEST_ROMS:.bin=.elf): %.elf: %.o tests/guest/rom/rom.ld
	$(GUEST_LD) -T tests/guest/rom/rom.ld -o $@ $<
BOOT_SECTORS := $(addprefix $(G)/rom/,bootsect.bin button.bin disks.bin echo.bin netboot.bin video.bin web.bin)
$(BOOT_SECTORS:.bin=.elf): %.elf: %.o
	$(GUEST_LD) -Ttext=0x7c00 -o $@ $<
guests: $(GUEST_ROMS) $(BOOT_SECTORS)

$(G)/rom/floppy.elf: $(G)/rom/floppy.o
	$(GUEST_LD) -Ttext=0x7c00 -o $@ $<
guests: $(G)/rom/floppy.bin

# ---- a multiboot kernel ----------------------------------------------------------------------
MB_OBJS := $(addprefix $(G)/,mb/start.o mb/mb.o demo/console.o demo/crc32.o)
$(G)/mb/kernel.elf: tests/guest/mb/mb.ld $(MB_OBJS)
	$(GUEST_LD) -T $^ -o $@
VIRTIO_OBJS := $(addprefix $(G)/,mb/start.o mb/virtio.o demo/console.o demo/crc32.o demo/pci.o)
$(G)/mb/virtio.elf: tests/guest/mb/mb.ld $(VIRTIO_OBJS)
	$(GUEST_LD) -T $^ -o $@
guests: $(G)/mb/kernel.elf $(G)/mb/virtio.elf

# ---- a driver for each network card (64-bit: tests/guest/net/net.h says why) ----------------------
NET_SOURCES := $(wildcard tests/guest/net/*.c) tests/guest/net/entry.S
NET_CC = $(CC) -m64 -std=gnu11 -O2 -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -ffreestanding -nostdlib \
	-fno-pic -fno-pie -mno-red-zone -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-tree-loop-distribute-patterns -mgeneral-regs-only
net_test := -DTEST
net_test-c := -DTEST -DC_MODE
net_send-60 := -DSEND=60
net_send-60-c := -DSEND=60 -DC_MODE
net_send-1514 := -DSEND=1514
net_send-1514-c := -DSEND=1514 -DC_MODE
net_receive := -DRECEIVE
net_receive-c := -DRECEIVE -DC_MODE
NET_ROMS := test test-c send-60 send-60-c send-1514 send-1514-c receive receive-c

define net_rom
$(G)/net/$(1).elf: $(NET_SOURCES) tests/guest/net/net.h tests/guest/net/pattern.h tests/guest/net/net.ld
	@mkdir -p $$(@D)
	$$(NET_CC) $(net_$(1)) -static -Wl,-no-pie,--build-id=none,--no-warn-rwx-segments,-z,noexecstack -T tests/guest/net/net.ld -o $$@ $(NET_SOURCES)
endef
$(foreach r,$(NET_ROMS),$(eval $(call net_rom,$(r))))
NET_BINS := $(NET_ROMS:%=$(G)/net/%.bin)
guests: $(NET_BINS)
