# SPDX-License-Identifier: GPL-2.0-or-later
# `make bench`: small ROM guests on a bare KVM_RUN loop, on kvm-dm and on Debian's QEMU, in turn.
# BENCH_ROUNDS, BENCH_SECONDS (of each run), BENCH_DISK_ROUNDS, BENCH_DISK_SECONDS, BENCH_NET_ROUNDS,
# BENCH_NET_SECONDS and BENCH_ROWS (a regular expression for the names of rows; those of cards and wires are
# "net: CARD, WIRE, send BYTES") change what it does.
BN := $(B)/bench

# A ROM's source and what sets it apart.
bench_port-read-uart := port -DREAD -DPORT=0x3ff
bench_port-read-ide := port -DREAD -DPORT=0x3f6
bench_port-write-uart := port -DPORT=0x3ff
bench_port-write-post := port -DPORT=0x80
bench_mem-read-window := mem -DREAD
bench_mem-write-window := mem
bench_mem-read-bar := mem -DREAD -DBAR
bench_mem-write-bar := mem -DBAR
bench_uart-out := uart
bench_uart-outs := uart -DSTRING
bench_pio-read := ide_pio -DSECTORS=256 -DBLOCK=1
bench_pio-read-multiple := ide_pio -DSECTORS=256 -DBLOCK=16
bench_pio-write := ide_pio -DSECTORS=2 -DBLOCK=1 -DWRITE
bench_pio-write-multiple := ide_pio -DSECTORS=2 -DBLOCK=2 -DWRITE
bench_dma-read-64k := ide_dma -DSECTORS=128
bench_dma-read-1m := ide_dma -DSECTORS=2048
bench_dma-write-64k := ide_dma -DSECTORS=128 -DWRITE
bench_dma-write-1m := ide_dma -DSECTORS=2048 -DWRITE
bench_start := start
bench_start-exit := start -DEXIT
BENCH_VIDEO := planes fill dots xlines xdots chain4 scroll banks linear still
$(foreach k,$(BENCH_VIDEO),$(eval bench_video-$(k) := video -DKIND=$(shell echo $(k) | tr a-z A-Z)))
BENCH_ROMS := $(BENCH_VIDEO:%=video-%) port-read-uart port-read-ide port-write-uart port-write-post mem-read-window \
	mem-write-window mem-read-bar mem-write-bar uart-out uart-outs pio-read pio-read-multiple \
	pio-write pio-write-multiple dma-read-64k dma-read-1m dma-write-64k dma-write-1m start start-exit

# Disks under load, disk-HOW-WHAT-WHERE-SHIFT: commands of 1 << SHIFT sectors; between marks as many as make
# the marks cheap. bench.py asks for these names.
BENCH_SPAN := 27
bench_disk_batch_3 := 64
bench_disk_batch_7 := 32
bench_disk_batch_11 := 8
bench_disk_dma :=
bench_disk_sectors := -DBLOCK=1
bench_disk_multiple := -DBLOCK=8
bench_disk_read :=
bench_disk_write := -DWRITE
bench_disk_seq :=
bench_disk_random := -DRANDOM
BENCH_DISKS := $(foreach w,read write,$(foreach o,seq random,$(foreach s,3 7 11,dma-$(w)-$(o)-$(s)) \
	multiple-$(w)-$(o)-3)) sectors-read-seq-3 sectors-read-seq-7 sectors-write-seq-3 \
	multiple-read-seq-7 multiple-read-seq-11
bench_disk_flags = $(bench_disk_$(1)) $(bench_disk_$(2)) $(bench_disk_$(3)) -DSHIFT=$(4) -DSPAN=$(BENCH_SPAN) \
	-DBATCH=$(if $(filter-out dma,$(1)),1,$(bench_disk_batch_$(4)))
$(foreach d,$(BENCH_DISKS),$(eval bench_disk-$(d) := disk \
	$(call bench_disk_flags,$(word 1,$(subst -, ,$(d))),$(word 2,$(subst -, ,$(d))),$(word 3,$(subst -, ,$(d))),$(word 4,$(subst -, ,$(d))))))
BENCH_ROMS += $(BENCH_DISKS:%=disk-%)

define bench_rom
$(BN)/$(1).bin: bench/guest/$(firstword $(bench_$(1))).S bench/guest/bench.h bench/guest/ide.h bench/bench.mk tests/guest/rom/rom.ld
	@mkdir -p $$(@D)
	$$(GUEST_CC) -MF $(BN)/$(1).d -Ibench/guest $(wordlist 2,9,$(bench_$(1))) -c -o $(BN)/$(1).o $$<
	$$(GUEST_LD) -T tests/guest/rom/rom.ld -o $(BN)/$(1).elf $(BN)/$(1).o
	objcopy -O binary $(BN)/$(1).elf $$@
endef
$(foreach r,$(BENCH_ROMS),$(eval $(call bench_rom,$(r))))

$(BN)/floor: bench/floor.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $<
$(BN)/countrun.so: bench/countrun.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -fPIC -shared -o $@ $<
$(BN)/hostaio: bench/hostaio.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< -laio
$(BN)/netpeer: bench/netpeer.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $<

bench-guests: $(BENCH_ROMS:%=$(BN)/%.bin) $(NET_BINS) $(BN)/floor $(BN)/hostaio $(BN)/netpeer $(BN)/countrun.so
bench: $(B)/kvm-dm bench-guests
	@KVM_DM=$(abspath $(B)/kvm-dm) B=$(abspath $(B)) bench/bench.py

.PHONY: bench bench-guests
