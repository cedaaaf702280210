# SPDX-License-Identifier: GPL-2.0-or-later
# make fuzz: libFuzzer targets, built with clang beside everything else. FUZZ_SECONDS each; a corpus
# grows in $(B)/corpus. A crash leaves its input in $(B) and fails the target.
FUZZ_SECONDS ?= 60
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(FUZZ_NAMES:%=$(B)/tests/fuzz/fuzz_%)

ifneq ($(FUZZING),)
CC = clang
ALL_CFLAGS += -fsanitize=fuzzer-no-link
$(FUZZ_PROGRAMS): FUZZ_LIBS = $(HOST_ARCHIVES)
# Cards that are alone with the fakes.
FUZZ_CARDS := $(addprefix $(B)/tests/fuzz/,fuzz_ne2000 fuzz_pcnet fuzz_rtl8139 fuzz_e1000 fuzz_virtio)
$(FUZZ_CARDS): FUZZ_LIBS = $(DEVICE_LIBS) $(B)/libfakes.a
$(FUZZ_PROGRAMS): %: %.o $(HOST_ARCHIVES) $(B)/libfakes.a
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group $(HOST_LIBS)
fuzz-run: $(FUZZ_PROGRAMS)
	@for n in $(FUZZ_NAMES); do \
		mkdir -p $(B)/corpus/$$n; \
		echo "fuzz $$n: $(FUZZ_SECONDS) s"; \
		$(B)/tests/fuzz/fuzz_$$n -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-print_final_stats=1 -verbosity=0 -artifact_prefix=$(B)/ $(B)/corpus/$$n || exit 1; \
	done
endif

fuzz:
	@command -v clang >/dev/null && echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' | \
		clang -x c - -fsanitize=fuzzer -o /dev/null 2>/dev/null || \
		{ echo "make fuzz needs clang with libFuzzer: apt-get install clang libclang-rt-14-dev" >&2; exit 1; }
	$(MAKE) B=build-fuzz FUZZING=1 SANITIZE=address,undefined fuzz-run

.PHONY: fuzz fuzz-run
