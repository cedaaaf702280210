# SPDX-License-Identifier: GPL-2.0-or-later
# `make bench`: nothing of this is part of `make check`, since it measures time.
BENCH_KINDS := start pio-read pio-write mmio-read mmio-write uart ide-pio ide-dma
bench_KIND_start := 0
bench_KIND_pio-read := 1
bench_KIND_pio-write := 2
bench_KIND_mmio-read := 3
bench_KIND_mmio-write := 4
bench_KIND_uart := 5
bench_KIND_ide-pio := 6
bench_KIND_ide-dma := 7
BENCH_ROMS := $(BENCH_KINDS:%=$(B)/bench/%.bin)

$(BENCH_ROMS:.bin=.o): $(B)/bench/%.o: bench/guest/bench.S tests/guest/rom/rom.h
	@mkdir -p $(@D)
	$(GUEST_CC) -DKIND=$(bench_KIND_$*) -c -o $@ $<
$(BENCH_ROMS:.bin=.elf): %.elf: %.o tests/guest/rom/rom.ld
	$(GUEST_LD) -T tests/guest/rom/rom.ld -o $@ $<
$(BENCH_ROMS): %.bin: %.elf
	objcopy -O binary $< $@
$(B)/bench/floor: bench/floor.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra -O2 -D_GNU_SOURCE -o $@ $<

bench: $(B)/kvm-dm $(B)/bench/floor $(BENCH_ROMS) $(GUEST_ROMS)
	@B=$(abspath $(B)) KVM_DM=$(abspath $(B)/kvm-dm) python3 bench/bench.py

.PHONY: bench
