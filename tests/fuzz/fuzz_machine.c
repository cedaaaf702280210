/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any sequence of accesses to the whole machine, built as under -accel qtest: ports, registers in
 * memory, RAM (so that DMA finds descriptors), time. Each input starts from a reset machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm/vm_build.h"
#include "hw/env.h"
#include "dm/machine/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where something is; an input byte picks one, so that little is wasted on empty space. */
static const uint16_t ports[] = {
    0x00, 0x08, 0x0c, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x81, 0x92, 0xb2, 0xc0, 0xd0, 0x170, 0x174,
    0x177, 0x1ce, 0x1cf, 0x1f0, 0x1f1, 0x1f2, 0x1f6, 0x1f7, 0x2f8, 0x376, 0x3b4, 0x3c0, 0x3c4, 0x3c5,
    0x3c8, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3da, 0x3f6, 0x3f8, 0x3f9, 0x3fa, 0x3fd, 0x4d0, 0x510, 0x511,
    0x514, 0x518, 0xafe0, 0xb000, 0xb004, 0xc000, 0xc002, 0xc004, 0xc008, 0xcf8, 0xcf9, 0xcfc,
    0x168, 0x16f, 0x36e, 0x3f0, 0x3f2, 0x3f4, 0x3f5, 0x3f7,
    0x1e8, 0x1ef, 0x3ee, 0xd000, 0xd001, 0xd002, 0xd006, 0xd007, 0xd012, 0xd040, 0xd041, 0xd042, 0xd044, 0xd048,
    0xd104, 0xd108, 0xd10e, 0xd110, 0xd112, 0xd113, 0xd118, 0xd204, 0xd208, 0xd20e, 0xd210, 0xd212, 0xd213, 0xd21c,
};
static const uint64_t places[] = {0x0, 0x1000, 0x8000, 0x9fffe, 0xa0000, 0xb8000, 0xbffff, 0xc0000,
                                  0xfffff, 0x3fffff0, 0xe0000000, 0xf0000400, 0xf0000500, 0xfee00000,
                                  0xffffff00};

static struct vm *make(void)
{
    char *argv[] = {"fuzz", "-accel", "qtest", "-display", "none", "-nodefaults", "-vga", "std", "-m", "64",
                    "-serial", "null", "-drive", "file=null-co://,format=raw,if=ide",
                    "-device", "cmd646-ide,id=c,addr=3", "-device", "isa-ide,id=t",
                    "-drive", "file=null-co://,format=raw,if=none,id=r,readonly=on,media=cdrom",
                    "-device", "ide-cd,drive=r,bus=ide.1", "-device", "isa-ide,id=u",
                    "-device", "ide-cd,bus=u.0", "-drive", "format=null-co,size=1474560,if=floppy",
                    "-drive", "file=null-co://,format=raw,if=none,id=n", "-device", "ide-hd,drive=n,bus=c.0",
                    "-drive", "file=null-co://,format=raw,if=none,id=m", "-device", "ide-hd,drive=m,bus=t.0",
                    "-device", "virtio-balloon-pci,addr=4,free-page-reporting=on",
                    "-device", "virtio-serial-pci,addr=5",
                    "-chardev", "null,id=c0", "-device", "virtconsole,chardev=c0",
                    "-chardev", "ringbuf,id=c1", "-device", "virtserialport,chardev=c1,id=p,name=p", NULL};
    static struct vm_config config;
    GError *error = NULL;
    struct vm *vm = NULL;
    bool done;

    if (config_parse(G_N_ELEMENTS(argv) - 1, argv, &config, &done, &error))
        vm = vm_new(&config, &error);
    if (!vm) {
        fprintf(stderr, "%s\n", error->message);
        abort();
    }
    return vm;
}

static void prepare(const struct dev_env *env, struct io_reader *reader)
{
    /* As firmware leaves it: both channels of IDE, PM, VGA, a second IDE controller, two virtio functions decoded. */
    static const uint32_t config[][2] = {{0x80000940, 0x80008000}, {0x80000920, 0xc001},
                                         {0x80000904, 5},          {0x80000b40, 0xb001},
                                         {0x80000b80, 1},          {0x80001010, 0xe0000000},
                                         {0x80001018, 0xf0000000}, {0x80001004, 3},
                                         {0x80001810, 0xd001},     {0x80001814, 0xd011},
                                         {0x80001818, 0xd021},     {0x8000181c, 0xd031},
                                         {0x80001820, 0xd041},     {0x80001804, 5},
                                         {0x80002010, 0xd101},     {0x80002004, 5},
                                         {0x80002810, 0xd201},     {0x80002804, 5}};

    for (unsigned i = 0; i < G_N_ELEMENTS(config); i++) {
        for (unsigned j = 0; j < 2; j++) {
            uint32_t v = config[i][j];
            struct ioreq req = {.addr = j ? 0xcfc : 0xcf8, .data = &v, .count = 1, .size = 4,
                                .space = IO_PORT, .dir = IO_WRITE};

            iomap_dispatch(env->iomap, reader, &req);
        }
    }
}

static void one_access(const struct dev_env *env, struct io_reader *reader, const uint8_t *d)
{
    uint8_t data[64];
    struct ioreq req = {.data = data, .count = 1, .size = (uint8_t)(1 << (d[0] & 3))};

    memset(data, 0xa5, sizeof(data));
    memcpy(data, d + 3, 4);
    req.dir = d[0] >> 2 & 1;
    req.space = d[0] >> 3 & 1;
    if (req.space == IO_PORT) {
        req.addr = ports[d[1] % G_N_ELEMENTS(ports)] + (d[2] & 3);
        req.size = req.size == 8 ? 4 : req.size;
        req.count = d[0] & 0x10 ? 1 + (d[2] >> 4) % 8 : 1;
    } else {
        req.addr = places[d[1] % G_N_ELEMENTS(places)] + d[2];
    }
    iomap_dispatch(env->iomap, reader, &req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vm *vm;
    static struct io_reader reader;
    const struct dev_env *env;

    if (!vm) {
        vm = make();
        iomap_reader_add(vm_env(vm)->iomap, &reader);
    }
    env = vm_env(vm);
    machine_reset(vm_machine(vm));
    prepare(env, &reader);
    for (size_t i = 0; i + 7 <= size && i < 7 * 512; i += 7) {
        one_access(env, &reader, data + i);
        if (data[i] & 0x20)
            vclock_step(env->clock, vclock_now_ns(env->clock) + (data[i + 1] << 16));
        if (data[i] & 0x40)
            g_main_context_iteration(NULL, FALSE);
    }
    return 0;
}
