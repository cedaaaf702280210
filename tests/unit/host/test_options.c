/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: what tools send (COMPAT.md A1, A4, B, C), what is refused, hostile words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dm/config/devprops.h"
#include "dm/json.h"
#include "dm/config/options.h"
#include "ui/layout.h"
#include "ui/vnc.h"

static struct vm_config c;
static char *message; /* of the last failure */

static bool parse_argv(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    bool done = false, ok;

    g_clear_pointer(&message, g_free);
    ok = config_parse(argc, argv, &c, &done, &error);
    assert_true(ok == (error == NULL));
    if (error)
        message = g_strdup(error->message);
    assert_false(done);
    return ok;
}

/* A line in shell quoting, without the program's name. */
static bool parse(const char *line)
{
    g_autofree char *full = g_strconcat("kvm-dm ", line, NULL);
    g_auto(GStrv) argv = NULL;
    int argc;

    assert_true(g_shell_parse_argv(full, &argc, &argv, NULL));
    return parse_argv(argc, argv);
}

static void accept(const char *line)
{
    if (!parse(line))
        fail_msg("%s: %s", line, message);
}

/* Refused, with one line that holds all the words (separated by '|'). */
static void refuse(const char *line, const char *words)
{
    g_auto(GStrv) list = g_strsplit(words, "|", -1);

    if (parse(line))
        fail_msg("accepted: %s", line);
    assert_null(c.machine); /* nothing half-made is left */
    assert_null(strchr(message, '\n'));
    assert_true(*message == '-' || g_str_has_prefix(message, "disk image") ||
                g_str_has_prefix(message, "stdio"));
    for (char **w = list; *w; w++) {
        if (!strstr(message, *w))
            fail_msg("%s: '%s' is not in: %s", line, *w, message);
    }
}

static void finish(void)
{
    config_clear(&c);
    g_clear_pointer(&message, g_free);
}

static const char *blockdev(guint i, const char *option)
{
    assert_true(i < c.blockdevs->len);
    return g_hash_table_lookup(((struct blockdev_config *)g_ptr_array_index(c.blockdevs, i))->opts,
                               option);
}

static const struct drive_config *drive(guint i)
{
    assert_true(i < c.drives->len);
    return g_ptr_array_index(c.drives, i);
}

static const struct device_config *device(guint i)
{
    assert_true(i < c.devices->len);
    return g_ptr_array_index(c.devices, i);
}

static const struct chardev_config *chardev(const char *id)
{
    for (guint i = 0; i < c.chardevs->len; i++) {
        const struct chardev_config *d = g_ptr_array_index(c.chardevs, i);

        if (!strcmp(d->id, id))
            return d;
    }
    fail_msg("no chardev %s", id);
    return NULL;
}

static const char *prop(guint i, const char *name)
{
    return g_hash_table_lookup(device(i)->props, name);
}

static const char *serial(guint i)
{
    assert_true(i < c.serials->len);
    return g_ptr_array_index(c.serials, i);
}

/* ---- plain use ---- */

static void defaults(void **state)
{
    (void)state;
    accept("");
    assert_string_equal(c.machine, "pc");
    assert_string_equal(c.machine_name, "pc-i440fx-7.2");
    assert_string_equal(g_ptr_array_index(c.accels, 0), "kvm");
    assert_true(c.ram_bytes == 128ull << 20 && c.cpus == 1 && c.max_cpus == 1);
    assert_int_equal(c.vga, VGA_STD);
    assert_int_equal(c.display, DISPLAY_DEFAULT);
    assert_int_equal(c.serials->len, 1);
    assert_string_equal(chardev(serial(0))->backend, "vc");
    assert_true(c.rtc_start_s == -1 && c.boot_splash_time_ms == -1 && c.boot_reboot_timeout_ms == -1);
    finish();
    accept("-nodefaults");
    assert_int_equal(c.vga, VGA_NONE);
    assert_int_equal(c.serials->len, 0);
    finish();
}

static void plain_use(void **state)
{
    (void)state;
    accept("disk.img");
    assert_string_equal(drive(0)->file, "disk.img");
    assert_string_equal(drive(0)->id, "ide0-hd0");
    assert_null(drive(0)->format);
    assert_true(drive(0)->locking && drive(0)->cache_writeback && !drive(0)->readonly);
    finish();
    accept("-m 512 -drive file=disk.img,format=raw -serial stdio -display none");
    assert_true(c.ram_bytes == 512ull << 20);
    assert_string_equal(drive(0)->format, "raw");
    assert_string_equal(chardev("serial0")->backend, "stdio");
    assert_int_equal(c.display, DISPLAY_NONE);
    finish();
    accept("--kernel bzImage --initrd i -append 'console=ttyS0 a,b' -nographic");
    assert_string_equal(c.append, "console=ttyS0 a,b");
    assert_string_equal(c.kernel, "bzImage");
    assert_true(c.nographic && c.no_graphics && c.display == DISPLAY_NONE);
    assert_string_equal(chardev(serial(0))->backend, "mux-stdio");
    finish();
    refuse("-initrd i", "-initrd|-kernel");
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"512", 512ull << 20}, {"512M", 512ull << 20}, {"1G", 1ull << 30},  {"1.5g", 3ull << 29},
        {"size=2G", 2ull << 30}, {"65536k", 64ull << 20}, {"1T", 1ull << 40}, {"4194304b", 4 << 20},
    };
    static const char *const bad[] = {"0", "1T1", "2T", "x", "''", "-1", "1.3k", "0x100", "5000b",
                                      "99999999999999999999", "1e3", "'1 G'", "1,5G"};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *line = g_strdup_printf("-m %s", good[i].text);

        accept(line);
        assert_true(c.ram_bytes == good[i].bytes);
        finish();
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *line = g_strdup_printf("-m %s", bad[i]);

        refuse(line, "-m ");
    }
    refuse("-m 512,slots=2,maxmem=1G", "-m slots");
    refuse("-device VGA -device VGA", "-device VGA|already");
    refuse("-device VGA -device isa-vga", "-device isa-vga|already");
    refuse("-m", "-m|argument is missing");
}

static void topology(void **state)
{
    static const struct {
        const char *text;
        unsigned cpus, max, sockets, cores, threads;
    } good[] = {
        {"4", 4, 4, 1, 4, 1},
        {"cpus=2,sockets=2", 2, 2, 2, 1, 1},
        {"1,sockets=1,cores=1,threads=1", 1, 1, 1, 1, 1},
        {"1,maxcpus=2,sockets=2,cores=1,threads=1", 1, 2, 2, 1, 1},
        {"sockets=2,cores=2,threads=2", 8, 8, 2, 2, 2},
        {"8,cores=2,threads=2", 8, 8, 2, 2, 2},
        {"8,sockets=2,dies=1,threads=2", 8, 8, 2, 2, 2},
        {"6,sockets=1,cores=3", 6, 6, 1, 3, 2},
        {"255", 255, 255, 1, 255, 1},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *line = g_strdup_printf("-smp %s", good[i].text);

        accept(line);
        assert_int_equal(c.cpus, good[i].cpus);
        assert_int_equal(c.max_cpus, good[i].max);
        assert_int_equal(c.sockets, good[i].sockets);
        assert_int_equal(c.cores, good[i].cores);
        assert_int_equal(c.threads, good[i].threads);
        finish();
    }
    refuse("-smp 0", "-smp cpus=0|1 to 255");
    refuse("-smp 256", "-smp cpus=256");
    refuse("-smp 3,sockets=2", "-smp|sockets");
    refuse("-smp 2,maxcpus=1", "-smp cpus=2|maxcpus=1");
    refuse("-smp 2,dies=2", "-smp dies=2");
    refuse("-smp sockets=255,cores=255,threads=255", "-smp");
    refuse("-machine isapc -smp 2", "-smp 2|isapc");
}

/* ---- drives ---- */

static void drive_places(void **state)
{
    (void)state;
    accept("-drive file=a -hdc b -drive file=c -drive file=d,index=3 -drive file=e,if=none,id=x "
           "-drive file=f,if=none");
    assert_string_equal(drive(0)->id, "ide0-hd0");
    assert_string_equal(drive(1)->id, "ide1-hd0");
    assert_string_equal(drive(2)->id, "ide0-hd1");
    assert_string_equal(drive(3)->id, "ide1-hd1");
    assert_true(drive(3)->bus == 1 && drive(3)->unit == 1);
    assert_string_equal(drive(4)->id, "x");
    assert_string_equal(drive(5)->id, "none1");
    finish();
    accept("-drive file=a,bus=1,unit=1 -hda b");
    assert_true(drive(0)->bus == 1 && drive(0)->unit == 1 && drive(1)->bus == 0);
    finish();
    refuse("a.img b.img", "b.img|drive already");
    refuse("-hda a -drive file=b,index=0", "-drive|index 0|already");
    refuse("-drive file=b,index=0,unit=1", "-drive index=0");
    refuse("-drive file=b,index=4", "-drive index=4|0 to 3");
    refuse("-hda a -hdb a -hdc a -hdd a -drive file=e", "-drive file=e|four IDE drives");
    refuse("-drive file=a,id=x -drive file=b,id=x", "id=x|taken");
    refuse("-machine none -hda a", "machine none");
}

static void drive_flags(void **state)
{
    const struct drive_config *d;

    (void)state;
    accept("-drive file=a,,b.img,format=raw,if=ide,cache=none,aio=native,readonly,snapshot=on,"
           "werror=stop,rerror=report,file.locking=off,serial=S1,discard=unmap,detect-zeroes=off,"
           "media=disk");
    d = drive(0);
    assert_string_equal(d->file, "a,b.img");
    assert_true(d->cache_direct && d->cache_writeback && !d->cache_no_flush && d->aio_native);
    assert_true(d->readonly && d->snapshot && !d->locking && d->discard);
    assert_string_equal(d->werror, "stop");
    assert_string_equal(d->serial, "S1");
    finish();
    accept("-drive file=a,cache=writethrough,noreadonly -drive file=b,cache=unsafe,read-only=on "
           "-drive file=c,cache=directsync,locking=on");
    assert_false(drive(0)->cache_writeback || drive(0)->readonly);
    assert_true(drive(1)->cache_no_flush && drive(1)->readonly);
    assert_true(drive(2)->cache_direct && !drive(2)->cache_writeback && drive(2)->locking);
    finish();
    /* -snapshot wherever it stands, but not against a word of the drive's own */
    accept("-drive file=a -snapshot -drive file=b,snapshot=off -hdd c");
    assert_true(drive(0)->snapshot && !drive(1)->snapshot && drive(2)->snapshot);
    finish();
    accept("-drive driver=null-co,size=1G,read-zeroes=on,if=none,id=n");
    assert_null(drive(0)->file);
    assert_true(drive(0)->size_bytes == 1ull << 30);
    assert_string_equal(g_hash_table_lookup(drive(0)->node_options, "read-zeroes"), "on");

    accept("-drive file=a,file.locking=off,detect-zeroes=unmap,backing.driver=raw,bps_rd=5,"
           "throttling.iops-total=9 -cdrom x.iso -drive media=cdrom,if=none,id=e");
    assert_false(drive(0)->locking);
    assert_string_equal(g_hash_table_lookup(drive(0)->node_options, "detect-zeroes"), "unmap");
    assert_string_equal(g_hash_table_lookup(drive(0)->node_options, "backing.driver"), "raw");
    assert_string_equal(g_hash_table_lookup(drive(0)->throttle, "bps-read"), "5");
    assert_string_equal(g_hash_table_lookup(drive(0)->throttle, "iops-total"), "9");
    assert_string_equal(drive(1)->id, "ide1-cd0");
    assert_true(drive(1)->cd && drive(1)->readonly && drive(2)->cd && !drive(2)->file);
    finish();
    refuse("-drive file=a,aio=native", "-drive aio=native|cache=none");
    refuse("-drive file=a,aio=io_uring", "-drive aio=io_uring|threads");
    refuse("-drive file=a,cache=foo", "-drive cache=foo|writeback");
    refuse("-drive file=a,format=dmg", "-drive format=dmg|qemu-img convert");
    refuse("-drive file=a,format=rwa", "-drive format=rwa|raw works");
    refuse("-drive file=a,if=scsi", "-drive if=scsi|virtio");
    refuse("-drive file=a,if=virtio,bus=0", "if=virtio|bus=");
    refuse("-drive file=a,if=virtio,media=cdrom", "if=virtio|disk");
    refuse("-drive file=a,media=tape", "-drive media=tape|cdrom");
    refuse("-cdrom a -hdc b", "index 2|already");
    refuse("-drive file=a,rerror=enospc", "-drive rerror=enospc");
    refuse("-drive file=a,bpsx=1", "-drive bpsx|unknown sub-option");
    refuse("-drive file=a,readonly=maybe", "-drive readonly=maybe|on or off");
    refuse("-drive nosuch.img", "-drive nosuch.img|file=nosuch.img");
    refuse("-drive if=ide", "-drive|file=");
    refuse("-drive file=", "-drive|file=");
    refuse("-drive file=a,id=1x", "-drive id=1x");
    refuse("-drive file=a,serial=123456789012345678901", "-drive serial|20");
    refuse("-drive file=a,size=1G", "-drive size|null-co");
}

static const struct drive_config *drive_named(const char *id)
{
    for (guint i = 0; i < c.drives->len; i++) {
        if (!strcmp(drive(i)->id, id))
            return drive(i);
    }
    return NULL;
}

static void floppies(void **state)
{
    (void)state;
    accept("");
    assert_non_null(drive_named("floppy0"));
    assert_int_equal(drive_named("floppy0")->interface, DRIVE_IF_FLOPPY);
    assert_null(drive_named("floppy0")->file);
    finish();
    accept("-nodefaults");
    assert_int_equal(c.drives->len, 0);
    finish();
    accept("-machine none");
    assert_int_equal(c.drives->len, 0);
    finish();
    accept("-fdb b.img");
    assert_string_equal(drive_named("floppy1")->file, "b.img");
    assert_int_equal(drive_named("floppy1")->unit, 1);
    assert_true(drive_named("floppy1")->auto_read_only && !drive_named("floppy1")->readonly);
    assert_null(drive_named("floppy0")->file);
    finish();
    accept("-nodefaults -fdb b.img");
    assert_int_equal(c.drives->len, 1);
    finish();
    accept("-drive if=floppy,file=a,readonly=on -drive if=floppy,file=b,id=x -no-fd-bootchk");
    assert_true(drive_named("floppy0")->readonly && !drive_named("floppy0")->auto_read_only);
    assert_true(c.no_fd_bootchk);
    assert_int_equal(drive_named("x")->unit, 1);
    assert_null(drive_named("floppy1"));
    finish();
    accept("-drive if=floppy");
    assert_null(drive_named("floppy0")->file);
    finish();
    accept("-drive if=none,file=a,id=f -device floppy,drive=f,unit=1,drive-type=144,bootindex=2");
    assert_null(drive_named("floppy0"));
    assert_true(drive_named("f")->used_by_device);
    finish();
    accept("-device floppy");
    assert_null(drive_named("floppy0"));
    assert_null(drive_named(prop(0, "drive"))->file);
    finish();
    accept("-global isa-fdc.fdtypeA=120 -global floppy.drive-type=288");
    finish();
    refuse("-fda a -fda b", "if=floppy|index 0");
    refuse("-drive if=floppy,file=a,index=2", "if=floppy|two floppy drives");
    refuse("-drive if=floppy,file=a,bus=1", "if=floppy|two floppy drives");
    refuse("-fda a -machine none", "machine none|if=none");
    refuse("-drive if=none,file=a,id=floppy0", "floppy0|-nodefaults");
    refuse("-device floppy,drive=x", "-device floppy,drive=x");
    refuse("-device floppy,drive-type=145", "drive-type=145|144");
    refuse("-device isa-fdc", "isa-fdc|part of the machine");
    refuse("-global isa-fdc.fdtypeA=1", "fdtypeA");
}

static void blockdevs(void **state)
{
    (void)state;
    accept("-blockdev '{\"driver\":\"file\",\"filename\":\"/a:b,.raw\",\"node-name\":\"s\","
           "\"auto-read-only\":true,\"discard\":\"unmap\",\"aio\":\"native\",\"cache\":{\"direct\":true,"
           "\"no-flush\":false}}' "
           "-blockdev '{\"node-name\":\"f\",\"read-only\":false,\"driver\":\"raw\",\"file\":\"s\","
           "\"discard\":\"unmap\"}' -device ide-hd,drive=f");
    assert_int_equal(c.drives->len, 2); /* and drive A, empty */
    assert_string_equal(drive(0)->id, "f");
    assert_string_equal(drive(0)->node, "f");
    assert_int_equal(drive(0)->interface, DRIVE_IF_NONE);
    assert_true(drive(0)->used_by_device);
    assert_string_equal(blockdev(0, "filename"), "/a:b,.raw");
    assert_string_equal(blockdev(0, "aio"), "native");
    assert_string_equal(blockdev(1, "file"), "s");

    /* The dotted form; in any order: what stands on another comes after it. */
    accept("-device ide-hd,drive=d -blockdev driver=raw,node-name=d,file=e -blockdev "
           "driver=raw,node-name=e,read-only=on,file.driver=host_device,file.filename=/dev/x");
    assert_string_equal(blockdev(0, "node-name"), "e");
    assert_string_equal(blockdev(0, "file.filename"), "/dev/x");
    assert_string_equal(blockdev(1, "node-name"), "d");

    refuse("-blockdev '{\"driver\":\"dmg\",\"node-name\":\"f\",\"file\":\"s\"}'",
           "-blockdev dmg|qemu-img convert");
    refuse("-blockdev driver=raw,node-name=f,file=s", "-blockdev f|'s'");
    refuse("-blockdev driver=raw,node-name=a,file=b -blockdev driver=raw,node-name=b,file=a",
           "-blockdev|ring");
    refuse("-blockdev driver=raw,node-name=a,file=a", "-blockdev|ring");
    refuse("-blockdev driver=file,node-name=a", "-blockdev file|filename");
    refuse("-blockdev driver=file,filename=x", "-blockdev|node-name");
    refuse("-blockdev '{\"driver\":\"file\",\"node-name\":\"a\",\"filename\":1}'",
           "'filename'|string");
    refuse("-blockdev '{\"driver\":\"file\",\"node-name\":\"a\",\"filename\":\"x\",\"read-only\":\"on\"}'",
           "'read-only'|boolean");
    refuse("-blockdev driver=file,node-name=a,filename=x -snapshot", "-snapshot|-blockdev");
}

/* ---- devices ---- */

static void devices(void **state)
{
    (void)state;
    accept("-device '{\"driver\":\"ide-hd\",\"bus\":\"ide.0\",\"unit\":0,\"drive\":\"x\",\"id\":\"d0\","
           "\"bootindex\":1,\"write-cache\":\"on\"}' -drive file=a,if=none,id=x "
           "-chardev null,id=n -device isa-serial,chardev=n,id=serial0,index=0 "
           "-device VGA,id=video0,vgamem_mb=16,bus=pci.0,addr=0x2 "
           "-device isa-debug-exit,iobase=0xf4,iosize=0x4 -global ide-hd.serial=X -global "
           "driver=ide-hd,property=ver,value=Y");
    assert_string_equal(device(0)->id, "d0");
    assert_string_equal(prop(0, "bootindex"), "1");
    assert_string_equal(prop(0, "write-cache"), "on");
    assert_string_equal(prop(3, "iobase"), "244"); /* numbers are decimal from here on */
    assert_string_equal(prop(3, "iosize"), "4");
    assert_int_equal(c.serials->len, 0); /* -device isa-serial takes the default's place */
    assert_int_equal(c.vga, VGA_NONE);
    assert_int_equal(c.globals->len, 2);
    assert_true(drive(0)->used_by_device && chardev("n")->used);
    finish();
    accept("-device '{\"driver\":\"cmd646-ide\",\"id\":\"ctl\",\"secondary\":1,\"addr\":\"0x5\"}' "
           "-device isa-ide,iobase=0x1e8,iobase2=0x3ee,irq=11 -drive file=a,if=none,id=x "
           "-device ide-hd,drive=x,bus=ctl.1,unit=1,rotation_rate=7200,logical_block_size=512,"
           "physical_block_size=4k,discard_granularity=0,bios-chs-trans=lba,lcyls=100,lheads=16,"
           "lsecs=63,share-rw=off");
    assert_string_equal(prop(0, "secondary"), "1");
    assert_string_equal(prop(1, "iobase2"), "1006");
    assert_string_equal(prop(2, "bus"), "ctl.1");
    assert_string_equal(prop(2, "physical_block_size"), "4096");
    finish();
    refuse("-device e1000e", "-device e1000e|not supported|use e1000|-device help");

    refuse("-device nonsense", "-device nonsense|no such device|-device help");
    refuse("-device PIIX3", "-device PIIX3|part of the machine");
    refuse("-device ''", "-device|driver is missing");
    refuse("-device ide-hd,drive=x,unit=2", "-device ide-hd unit=2|0 to 1");
    refuse("-device ide-hd,drive=x,bogus=2", "-device ide-hd bogus|unknown");
    refuse("-device ide-hd,drive=x,lheads=256", "-device ide-hd lheads|0 to 255");
    refuse("-device ide-hd,drive=x,bios-chs-trans=x", "-device ide-hd bios-chs-trans|rechs");
    refuse("-device ide-hd,drive=x,share-rw=on", "-device ide-hd share-rw|only off");
    refuse("-device cmd646-ide,secondary=2", "-device cmd646-ide secondary|0 to 1");
    refuse("-device isa-ide,irq=2", "-device isa-ide irq|3 to 15");
    refuse("-device ide-hd", "-device ide-hd|drive=");
    refuse("-device ide-hd,drive=x", "-device ide-hd|drive=x");
    refuse("-drive file=a,if=none,id=x -device ide-hd,drive=x -device ide-hd,drive=x", "in use");
    refuse("-drive file=a,id=x -device ide-hd,drive=x", "in use|if=none");
    refuse("-device isa-serial,id=a -device isa-serial,id=a", "id=a|taken");
    refuse("-device isa-serial,chardev=q", "-device isa-serial|'q'");
    refuse("-chardev null,id=q -device isa-serial,chardev=q -serial chardev:q", "'q'|in use");
    refuse("-device isa-debugcon", "-device isa-debugcon|chardev=");
    refuse("-device VGA,vgamem_mb=x", "-device VGA vgamem_mb=x|number");
    refuse("-device VGA -vga std", "-vga std");
    refuse("-vga cirrus", "-vga cirrus|std");
    refuse("-machine none -device VGA", "-device VGA|none");
    refuse("-device '{\"driver\":\"ide-hd\",\"unit\":\"0\"}'", "'unit'|number");
    /* libvirt's: booleans where QEMU has booleans and this table words. */
    accept("-drive if=none,id=x,file=a,format=raw -netdev hubport,id=n,hubid=0 -device "
           "'{\"driver\":\"virtio-blk-pci\",\"drive\":\"x\",\"scsi\":false,\"discard\":true}' -device "
           "'{\"driver\":\"virtio-net-pci\",\"netdev\":\"n\",\"mq\":true}'");
    refuse("-device '{\"driver\":\"virtio-blk-pci\",\"drive\":\"x\",\"scsi\":true}'", "scsi=on|off");
    refuse("-device '{\"driver\":\"rtl8139\",\"chip\":true}'", "'chip'|string");
    refuse("-device '{\"driver\":\"ide-hd\",\"unit\":0.5}'", "'unit'");
    refuse("-device '{\"driver\":\"ide-hd\"'", "-device|JSON");
    refuse("-device '{\"driver\":\"ide-hd\"} x'", "-device|JSON");
    refuse("-device '{\"driver\":\"a\",\"driver\":\"b\"}'", "-device|twice");
    refuse("-global virtio-blk.scsi=off", "-global virtio-blk|virtio-blk-pci");
    refuse("-global ide-hd.foo=1", "-global ide-hd.foo");
    refuse("-global ide-hd", "-global ide-hd");
    refuse("-global PIIX4_PM.disable_s3=0", "-global PIIX4_PM|disable_s3=0");
    accept("-global PIIX4_PM.disable_s3=1 -global kvm-pit.lost_tick_policy=delay");
    finish();
}

/* ---- ports and monitors ---- */

static void ports(void **state)
{
    (void)state;
    accept("-serial none -serial null -serial pty -serial unix:/tmp/s,server,nowait");
    assert_int_equal(c.serials->len, 4);
    assert_null(serial(0));
    assert_string_equal(chardev(serial(1))->backend, "null");
    assert_string_equal(serial(3), "serial3");
    assert_string_equal(chardev("serial3")->backend, "socket");
    assert_string_equal(g_hash_table_lookup(chardev("serial3")->opts, "path"), "/tmp/s");
    finish();
    accept("-qmp unix:/q,server=on,wait=off -qmp-pretty tcp:localhost:1 -debugcon file:/dev/null "
           "-serial chardev:k -chardev socket,id=k,path=/k,server,nowait -monitor none -parallel none");
    assert_int_equal(c.monitors->len, 2);
    assert_true(((struct monitor_config *)g_ptr_array_index(c.monitors, 1))->pretty);
    assert_string_equal(c.debugcon, "debugcon");
    assert_string_equal(serial(0), "k");
    assert_string_equal(g_hash_table_lookup(chardev("k")->opts, "server"), "on");
    assert_string_equal(g_hash_table_lookup(chardev("k")->opts, "wait"), "off");
    finish();
    refuse("-serial null -serial null -serial null -serial null -serial null", "-serial");
    refuse("-serial foo:x", "-serial foo:x");
    accept("-monitor stdio -display none");
    assert_int_equal(c.monitors->len, 1);
    assert_false(((struct monitor_config *)g_ptr_array_index(c.monitors, 0))->control);
    finish();
    accept("-serial mon:stdio -display none"); /* one multiplexer, the port and a human monitor on it */
    assert_int_equal(c.monitors->len, 1);
    assert_string_equal(((struct monitor_config *)g_ptr_array_index(c.monitors, 0))->chardev, "serial0");
    finish();
    accept("-nographic -monitor none");
    assert_int_equal(c.monitors->len, 0);
    finish();
    refuse("-serial stdio -monitor stdio", "stdio|serial0|compat_monitor0");
    refuse("-parallel stdio", "-parallel stdio");
    refuse("-mon chardev=x", "-mon|x");
    refuse("-mon x,mode=control", "-mon|'x'");
    refuse("-mon x,mode=web", "-mon mode=web|readline, control");
    refuse("-chardev foo,id=x", "-chardev foo|-chardev help");
    refuse("-chardev null", "-chardev null|id=");
    refuse("-chardev null,id=a -chardev null,id=a", "id=a|taken");
    refuse("-chardev null,id=a,path=x", "-chardev null|path");
    refuse("-chardev file,id=a", "-chardev file|path");
    refuse("-serial stdio -qmp stdio", "stdio|serial0|compat_monitor0");
    refuse("-nographic -daemonize", "-nographic|-daemonize");
    refuse("-serial stdio -daemonize", "-daemonize|serial0");
}

/* ---- everything else ---- */

static void machine_words(void **state)
{
    (void)state;
    accept("-M isapc -accel kvm -accel qtest");
    assert_string_equal(c.machine, "isapc");
    assert_string_equal(g_ptr_array_index(c.accels, 0), "kvm");
    assert_string_equal(g_ptr_array_index(c.accels, 1), "qtest");
    finish();
    accept("-machine accel=tcg:kvm -machine pc-i440fx-6.0,graphics=off,kernel_irqchip=on");
    assert_string_equal(c.machine, "pc");
    assert_string_equal(c.machine_name, "pc-i440fx-6.0");
    assert_int_equal(c.accels->len, 1);
    assert_string_equal(g_ptr_array_index(c.accels, 0), "kvm");
    assert_true(c.no_graphics);
    assert_true(c.vmport);
    finish();
    accept("-accel tcg -accel qtest");
    assert_int_equal(c.accels->len, 1);
    finish();
    accept("-machine pc,vmport=off");
    assert_false(c.vmport);
    finish();
    accept("-machine pc,vmport=off -machine vmport=auto");
    assert_true(c.vmport);
    finish();
    accept("-machine pc,acpi=off");
    assert_true(c.no_acpi);
    finish();
    accept("-no-acpi -watchdog-action inject-nmi -action panic=pause,halt=shutdown,reboot=shutdown -device pvpanic "
           "-device ib700,id=watchdog0");
    assert_true(c.no_acpi && c.actions.of[ACTION_WATCHDOG] == ACTION_INJECT_NMI);
    assert_true(c.actions.of[ACTION_PANIC] == ACTION_PAUSE && c.actions.of[ACTION_HALT] == ACTION_END);
    assert_true(c.actions.of[ACTION_REBOOT] == ACTION_END && c.actions.of[ACTION_SHUTDOWN] == ACTION_POWEROFF);
    finish();
    refuse("-watchdog-action explode", "-watchdog-action explode|inject-nmi");
    refuse("-action panic=reset", "-action panic=reset|exit-failure");
    refuse("-action fire=run", "-action fire|watchdog");
    refuse("-watchdog ib700", "-watchdog|-device ib700");
    refuse("-device pvpanic-pci", "pvpanic-pci|pvpanic");
    refuse("-device pci-testdev", "-device pci-testdev|pc-testdev");
    refuse("-device pvpanic,events=4", "events=4");
    refuse("-machine pc,vmport=maybe", "-machine vmport=maybe|auto");
    refuse("-device vmmouse", "-device vmmouse|part of the machine");
    refuse("-accel tcg", "-accel tcg|kvm");
    refuse("-machine accel=tcg", "tcg|kvm");
    refuse("-accel hax", "-accel hax|kvm");
    refuse("-accel kvm,thread=single", "-accel thread=single");
    refuse("-machine accel=kvm -accel kvm", "-accel|-machine");
    refuse("-machine q35", "-machine q35|isapc");
    refuse("-machine pc,usb=on", "-machine usb=on|off");
    refuse("-machine pc,dump-guest-core=on", "-machine dump-guest-core=on|off");
    refuse("-machine pc,memory-backend=m", "-machine memory-backend=m|no -object");
    refuse("-machine pc,kernel_irqchip=split", "-machine kernel_irqchip=split|on");
    refuse("-cpu qemu65,kvm=off", "-cpu qemu65|-cpu help");
    refuse("-cpu host,+x3apic", "-cpu host|+x3apic");
    accept("-cpu qemu64,kvm=off,+x2apic,-svm,check=off -smp 2");
    assert_string_equal(c.cpu_model, "qemu64");
    assert_int_equal(c.cpu_features->len, 4);
    finish();
    accept("-cpu host,migratable=on -enable-kvm");
    assert_string_equal(c.cpu_model, "host");
    finish();
}

static void boot_words(void **state)
{
    (void)state;
    accept("-boot cdn");
    assert_string_equal(c.boot_order, "cdn");
    finish();
    accept("-boot once=d -boot menu=on,splash-time=3000,strict=on,reboot-timeout=-1,order=c");
    assert_string_equal(c.boot_once, "d");
    assert_string_equal(c.boot_order, "c");
    assert_true(c.boot_menu && c.boot_strict);
    assert_int_equal(c.boot_splash_time_ms, 3000);
    assert_int_equal(c.boot_reboot_timeout_ms, -1);
    finish();
    refuse("-boot z", "-boot order=z|'z'");
    refuse("-boot cc", "-boot|twice");
    refuse("-boot order=", "-boot order");
    refuse("-boot splash-time=70000", "-boot splash-time=70000");
    refuse("-boot splash=a.bmp", "-boot splash=a.bmp");
}

static void process_words(void **state)
{
    (void)state;
    accept("-name guest=a,,b,process=p,debug-threads=on -uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8 -S "
           "-no-reboot -action shutdown=pause -daemonize -pidfile /p -msg timestamp=on "
           "-rtc base=2006-06-17T16:01:21,clock=vm,driftfix=none -no-hpet -no-user-config "
           "-overcommit mem-lock=off -sandbox off -net none -nic none -audio none "
           "-audiodev '{\"id\":\"a\",\"driver\":\"none\"}' -vnc none "
           "-object secret,id=masterKey0,format=raw,file=/nonexistent");
    assert_string_equal(c.name, "a,b");
    assert_string_equal(c.process_name, "p");
    assert_true(c.start_stopped && c.actions.of[ACTION_REBOOT] == ACTION_END &&
                c.actions.of[ACTION_SHUTDOWN] == ACTION_PAUSE && c.daemonize && c.msg_timestamp);
    assert_true(c.rtc_start_s == 1150560081);
    assert_int_equal(c.display, DISPLAY_NONE);
    finish();
    accept("-name plain -rtc base=localtime");
    assert_string_equal(c.name, "plain");
    assert_true(c.rtc_localtime);
    finish();
    refuse("-uuid 12", "-uuid 12");
    refuse("-rtc base=noon", "-rtc base=noon|utc");
    refuse("-rtc base=2006-13-40", "-rtc base=2006-13-40");
    refuse("-rtc clock=host", "-rtc clock=host|only vm");
    refuse("-rtc driftfix=fast", "-rtc driftfix=fast|none, slew");
    accept("-rtc base=utc,driftfix=slew");
    assert_true(c.rtc_slew);
    finish();
    refuse("-name process=1234567890123456", "-name process|15");
    refuse("-smbios type=2,product=x", "type=2|types 0 and 1");
    refuse("-smbios type=1,colour=x", "-smbios|colour");
    refuse("-smbios type=0,release=1", "release=1");
    refuse("-smbios type=0,release=1.300", "release=1.300");
    refuse("-smbios type=1,uuid=12", "uuid=12");
    refuse("-uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8 -smbios type=1,uuid=7ba7b810-9dad-11d1-80b4-00c04fd430c8", "-uuid 6ba");
    refuse("-smbios file=/no/table", "/no/table");
    refuse("-smbios file=/dev/null,type=1", "stands alone");
    refuse("-runas no-such-user", "no-such-user|UID:GID");
    refuse("-chroot /no/dir", "/no/dir|directory");
    accept("-runas 65534:65534 -chroot /");
    assert_true(c.privileges.change_user && c.privileges.uid == 65534 && c.privileges.gid == 65534);
    finish();
    refuse("-fw_cfg name=etc/x,string=y", "opt/");
    refuse("-fw_cfg name=opt/x", "string= or file=");
    refuse("-fw_cfg name=opt/x,string=a,file=b", "string= or file=");
    refuse("-fw_cfg name=opt/x,file=/no/file", "/no/file");
    accept("-fw_cfg opt/x,string=y -smbios type=0,vendor=V");
    assert_string_equal(((struct fw_cfg_file *)g_ptr_array_index(c.fw_cfg_files, 0))->name, "opt/x");
    assert_int_equal(c.smbios->len, 2 + 6 + 2);
    assert_memory_equal(c.smbios->data, "\1\0\10\0\0\0\4\0V", 10);
    finish();
    refuse("-object iothread,id=i", "-object iothread");
    refuse("-object memory-backend-ram,id=pc.ram,size=1G", "id=pc.ram|nothing uses it");
    refuse("-object memory-backend-ram,id=pc.ram,size=1G -machine pc,memory-backend=pc.ram -m 128", "134217728|1073741824");
    refuse("-object memory-backend-ram,id=pc.ram -machine pc,memory-backend=pc.ram", "size= is missing");
    refuse("-object memory-backend-file,id=m,size=1G -machine pc,memory-backend=m", "mem-path= is missing");
    refuse("-object memory-backend-ram,id=m,size=1G -machine pc,memory-backend=m -mem-path /x", "-mem-path");
    refuse("-object memory-backend-ram,id=m,size=4097 -machine pc,memory-backend=m", "from 1M");
    refuse("-object memory-backend-ram,id=m,size=1M,host-nodes=0 -machine pc,memory-backend=m", "host-nodes|numactl");
    refuse("-object secret,id=a -object secret,id=a", "id=a|taken");
    refuse("-object secret,id=a -object tls-creds-psk,id=a", "id=a|taken");
    refuse("-object tls-creds-x509", "id= is missing");
    refuse("-object tls-creds-x509,id=t,endpoint=server", "endpoint|client");
    refuse("-object tls-creds-x509,id=t,priority=NORMAL", "priority|GnuTLS");
    refuse("-object tls-creds-x509,id=t,username=u", "username");
    refuse("-object tls-creds-anon,id=t", "tls-creds-anon|tls-creds-x509");
    refuse("-netdev tap", "-netdev tap|id= is missing");
    refuse("-netdev vde,id=n", "-netdev vde|not supported");
    refuse("-netdev tap,id=n,vhost=on", "-netdev tap vhost=on|off");
    refuse("-netdev tap,id=n -netdev tap,id=n", "id=n|taken");
    refuse("-netdev '{\"type\":\"tap\",\"id\":\"n\",\"fd\":29}'", "fd|string");
    refuse("-netdev hubport,id=n,hubid=-1", "hubid=-1|negative");
    refuse("-nic tap,model=pcnet32", "model=pcnet32|not supported");
    refuse("-net nic,vectors=3", "vectors|-device");
    refuse("-net nic,frob=3", "frob|macaddr");
    refuse("-object filter-dump,id=f,netdev=n", "filter-dump|file= is missing");
    refuse("-object filter-dump,id=f,netdev=n,file=x", "netdev=n|no -netdev");
    refuse("-object filter-mirror,id=f", "filter-mirror|filter-dump");
    refuse("-overcommit mem-lock=on", "-overcommit mem-lock=on|off");
    refuse("-sandbox on", "-sandbox|off");
    refuse("-audiodev pa,id=a", "-audiodev driver=pa|none");
    refuse("-display gtk,gl=on", "-display gtk|text");
    refuse("-display text -daemonize", "-display text|-daemonize");
}

/* What libvirt and packer send, and the rest. */
static void vnc_words(void **state)
{
    (void)state;
#ifdef CONFIG_VNC
    accept("-audiodev '{\"id\":\"audio1\",\"driver\":\"none\"}' -vnc 127.0.0.1:0,audiodev=audio1");
    assert_string_equal(c.vnc->host, "127.0.0.1");
    assert_int_equal(c.vnc->port, 5900);
    assert_int_equal(c.vnc->port_last, 5900);
    assert_false(c.vnc->password || c.vnc->lossy || c.vnc->websocket);
    assert_int_equal(c.vnc->share, VNC_SHARE_ALLOW_EXCLUSIVE);
    finish();
    accept("-vnc 127.0.0.1:1,audiodev=a -audiodev none,id=a");
    finish();
    accept("-vnc vnc=unix:/run/x,,y -k de");
    assert_string_equal(c.vnc->path, "/run/x,y");
    assert_ptr_equal(c.layout, layout_by_name("de"));
    finish();
    accept("-vnc 127.0.0.1:0,share=force-shared,password=on -k en-us");
    assert_true(c.vnc->password);
    assert_int_equal(c.vnc->share, VNC_SHARE_FORCE_SHARED);
    finish();
    accept("-vnc 127.0.0.1:32,password -display none");
    assert_true(c.vnc->password);
    finish();
    accept("-vnc [::1]:3,to=9,websocket,share=ignore,connections=2,lossy=on,ipv6=on");
    assert_string_equal(c.vnc->host, "::1");
    assert_int_equal(c.vnc->port, 5903);
    assert_int_equal(c.vnc->port_last, 5909);
    assert_int_equal(c.vnc->websocket, 5703);
    assert_int_equal(c.vnc->connections, 2);
    assert_int_equal(c.vnc->share, VNC_SHARE_IGNORE);
    assert_true(c.vnc->lossy && c.vnc->ipv6 && !c.vnc->ipv4);
    finish();
    accept("-display vnc=:4,websocket=8080 -nodefaults");
    assert_int_equal(c.vnc->websocket, 8080);
    finish();
    accept("-vnc :1 -vnc none");
    assert_null(c.vnc);
    finish();
    refuse("-vnc :0,audiodev=other -audiodev none,id=a", "audiodev=other|-audiodev");
    refuse("-vnc :0 -vnc :1", "-vnc :1|one VNC server");
    refuse("-vnc :0,share=maybe", "share=maybe|force-shared");
    refuse("-vnc :0,tls-creds=t", "tls-creds|TLS");
    refuse("-vnc :0,sasl=on", "sasl|password=on");
    refuse("-vnc :0,lock-key-sync=off", "lock-key-sync=off");
    refuse("-vnc unix:", "path");
    refuse("-vnc 5900", "-vnc 5900|HOST:DISPLAY");
    refuse("-vnc :60000", ":60000");
    refuse("-vnc :x", ":x|HOST:DISPLAY");
    refuse("-vnc :0,websocket=70000", "websocket=70000");
    refuse("-display vnc=:0,frames=1", "-display vnc|frames");
#else
    refuse("-vnc :0", "-vnc :0|-display");
#endif
    accept("-k fr");
    assert_ptr_equal(c.layout, layout_by_name("fr"));
    finish();
    refuse("-k sv", "-k sv|us, de");
    refuse("-audiodev none", "-audiodev|id=");
    refuse("-audiodev none,id=a -audiodev none,id=a", "id=a|taken");
}

/* As libvirt and others write them; hubs after the wires that they name; lists are joined. */
static void netdevs(void **state)
{
    const struct netdev_config *n;
    const struct capture_config *f;

    (void)state;
    accept("-netdev hubport,id=h,hubid=1,netdev=n "
           "-netdev '{\"type\":\"tap\",\"fd\":\"30\",\"id\":\"n\"}' "
           "-netdev stream,id=s,addr.type=unix,addr.path=/x,,y -net none -nic none "
           "-object filter-dump,id=f,netdev=n,file=a.pcap,maxlen=96,queue=rx");
    n = g_ptr_array_index(c.netdevs, 0);
    f = g_ptr_array_index(c.captures, 0);
    assert_int_equal(c.netdevs->len, 3);
    assert_string_equal(n->id, "n");
    assert_string_equal(n->type, "tap");
    assert_string_equal(g_hash_table_lookup(n->opts, "fd"), "30");
    n = g_ptr_array_index(c.netdevs, 1);
    assert_string_equal(g_hash_table_lookup(n->opts, "addr.path"), "/x,y");
    n = g_ptr_array_index(c.netdevs, 2);
    assert_string_equal(n->id, "h");
    assert_true(f->from_guest && !f->to_guest && f->maxlen == 96 && f->limit == 1 << 30);
    finish();
}

/* Every option of QEMU's 7.2 that is not here is refused by its name, never taken for a file. */
static void refused_by_name(void **state)
{
    static const char *const names[] = {
        "pflash", "curses", "spice", "usb", "usbdevice",
        "incoming", "loadvm", "numa", "tpmdev", "fsdev",
        "virtfs", "iscsi", "watchdog", "icount", "gdb", "s", "d", "D", "trace", "L",
        "compat", "set", "g", "sd", "seed", "plugin", "acpitable",
        "option-rom", "xen-domid", "preconfig", "full-screen", "only-migratable", "soundhw",
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *line = g_strdup_printf("-%s", names[i]);
        g_autofree char *words = g_strdup_printf("-%s: not supported", names[i]);

        refuse(line, words);
    }
    refuse("-nographc", "-nographc|-nographic meant");
    refuse("-foo", "-foo|-help");
    refuse("-", "-");
    refuse("--", "-");
    refuse("''", "disk image");
}

/* ---- the tools' own lines ---- */

static void libvirt_probe(void **state)
{
    (void)state;
    accept("-S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg "
           "-qmp unix:/d/qmp.monitor,server=on,wait=off -pidfile /d/qmp.pid -daemonize");
    assert_string_equal(c.machine, "none");
    assert_true(c.daemonize && c.start_stopped && c.nodefaults);
    assert_int_equal(c.serials->len, 0);
    assert_int_equal(c.accels->len, 1);
    assert_string_equal(g_ptr_array_index(c.accels, 0), "kvm");
    assert_string_equal(g_hash_table_lookup(chardev("compat_monitor0")->opts, "wait"), "off");
    assert_int_equal(c.vga, VGA_NONE);
    finish();
}

static void libvirt_run(void **state)
{
    const struct monitor_config *m;

    (void)state;
    accept("-name guest=f4,debug-threads=on -S "
           "-object secret,id=masterKey0,format=raw,file=/var/lib/libvirt/qemu/domain-2-f4/master-key.aes "
           "-machine pc-i440fx-7.2,usb=off,dump-guest-core=off -accel kvm -m 128 "
           "-overcommit mem-lock=off -smp 1,sockets=1,cores=1,threads=1 "
           "-uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8 -no-user-config -nodefaults "
           "-chardev socket,id=charmonitor,fd=24,server=on,wait=off "
           "-mon chardev=charmonitor,id=monitor,mode=control -rtc base=utc -no-shutdown -boot strict=on "
           "-blockdev '{\"driver\":\"file\",\"filename\":\"/a.raw\",\"node-name\":\"libvirt-3-storage\","
           "\"auto-read-only\":true,\"discard\":\"unmap\"}' "
           "-blockdev '{\"node-name\":\"libvirt-3-format\",\"read-only\":false,\"driver\":\"raw\","
           "\"file\":\"libvirt-3-storage\"}' "
           "-device ide-hd,bus=ide.0,unit=0,drive=libvirt-3-format,id=ide0-0-0,bootindex=1 "
           "-chardev pty,id=charserial0 -device isa-serial,chardev=charserial0,id=serial0,index=0 "
           "-audiodev '{\"id\":\"audio1\",\"driver\":\"none\"}' -display none "
           "-device VGA,id=video0,bus=pci.0,addr=0x2 -msg timestamp=on");
    m = g_ptr_array_index(c.monitors, 0);
    assert_string_equal(m->chardev, "charmonitor");
    assert_true(m->control && c.actions.of[ACTION_SHUTDOWN] == ACTION_PAUSE && c.boot_strict);
    assert_string_equal(g_hash_table_lookup(chardev("charmonitor")->opts, "fd"), "24");
    assert_string_equal(prop(0, "drive"), "libvirt-3-format");
    assert_string_equal(drive(0)->node, "libvirt-3-format");
    assert_string_equal(blockdev(0, "filename"), "/a.raw");
    assert_string_equal(c.name, "f4");
    finish();
}

static void other_tools(void **state)
{
    (void)state;
    /* packer, but for what comes later */
    accept("-name v1 -machine type=pc,accel=kvm -m 128M -smp cpus=2,sockets=2 -boot once=d "
           "-drive file=out/v1,if=ide,cache=writeback,discard=ignore,format=raw "
           "-qmp unix:out/v1.monitor,server,nowait");
    finish();
    /* qtest clients */
    accept("-qtest unix:/q -qtest-log /dev/null -chardev socket,path=/p,id=char0 "
           "-mon chardev=char0,mode=control -display none -audio none -accel qtest");
    assert_string_equal(c.qtest, "qtest");
    assert_string_equal(c.qtest_log, "/dev/null");
    assert_null(g_hash_table_lookup(chardev("qtest")->opts, "server")); /* we connect */
    finish();
    /* kvm-unit-tests, but for its test devices */
    accept("-nodefaults -device isa-debug-exit,iobase=0xf4,iosize=0x4 -vnc none -serial stdio "
           "-machine accel=kvm -kernel X.flat -initrd ENV -smp 2 -cpu max -append 'a b'");
    finish();
    /* libguestfs without virtio */
    accept("-no-user-config -nodefaults -display none -machine accel=kvm:tcg,graphics=off -m 1280 "
           "-no-reboot -no-hpet -kernel K -initrd I -serial stdio "
           "-drive file=D,cache=writeback,id=hd0,if=none "
           "-drive file=root,snapshot=on,id=appliance,cache=unsafe,if=none,format=raw");
    assert_int_equal(drive(1)->interface, DRIVE_IF_NONE);
    finish();
}

/* ---- hostile words ---- */

static void hostile(void **state)
{
    g_autofree char *longer = g_strnfill(100000, 'x');
    g_autofree char *commas = g_strnfill(100001, ',');
    g_autofree char *deep = g_strnfill(100000, '[');
    g_autofree char *json = g_strconcat("{\"driver\":", deep, NULL);
    char *lines[][3] = {
        {"kvm-dm", "-drive", longer},        {"kvm-dm", "-device", longer},
        {"kvm-dm", "-device", json},         {"kvm-dm", longer, longer},
        {"kvm-dm", "-device", "\n\x01\x7f"}, {"kvm-dm", "-\xff\xfe\n", "x"},
        {"kvm-dm", "-drive", "=,=,="},       {"kvm-dm", "-device", "{\"driver\":\"\\u0000\"}"},
        {"kvm-dm", "-drive", commas},        {"kvm-dm", "-chardev", "%s%n%s,id=x"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        bool ok = parse_argv(3, lines[i]);

        if (ok) {
            finish();
            continue;
        }
        assert_true(strlen(message) < 2000);
        assert_true(g_utf8_validate(message, -1, NULL));
        for (const char *p = message; *p; p++)
            assert_false(g_ascii_iscntrl(*p));
    }
    finish();
}

/* Any words in any order neither crash nor leave anything behind (the sanitizers look). */
static void random_lines(void **state)
{
    static const char *const words[] = {
        "-drive", "-device", "-chardev", "-machine", "-m", "-smp", "-serial", "-qmp", "-blockdev",
        "-boot", "-global", "-object", "-mon", "-S", "-nographic", "-nodefaults", "-snapshot",
        "file=a", "file=a,if=none,id=x", "ide-hd,drive=x", "null,id=n", "isa-serial,chardev=n",
            "pc",
        "none", "1", "2,sockets=2", "stdio", "null", "driver=raw,node-name=r,file=f",
        "driver=file,node-name=f,filename=z", "{\"driver\":\"VGA\"}", "{", "n,mode=control",
        "ide-hd.ver=1", "secret,id=s", "order=c", "mon:stdio", "chardev:n", ",", "=", "a,b,c",
    };
    GRand *rng = g_rand_new_with_seed(20261123);

    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        char *argv[10] = {"kvm-dm"};
        int argc = g_rand_int_range(rng, 1, 10);

        for (int i = 1; i < argc; i++)
            argv[i] = (char *)words[g_rand_int_range(rng, 0, G_N_ELEMENTS(words))];
        if (parse_argv(argc, argv))
            config_clear(&c);
        else
            assert_null(c.machine);
    }
    g_rand_free(rng);
    finish();
}

/* ---- the tables ---- */

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    print(out);
    fclose(out);
    return text;
}

static void help_is_complete(void **state)
{
    char *help = printed(options_print_help), *version = printed(options_print_version);
    char *man = printed(options_print_man), *list = printed(list_devices);
    unsigned count;
    const struct option_spec *specs = option_specs(&count);

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *line = g_strdup_printf("\n-%s", specs[i].name);

        if (specs[i].section != SECTION_COUNT)
            assert_non_null(strstr(help, line));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(specs[i].name, specs[j].name);
        for (const struct opt_desc *d = specs[i].subs; d && d->name; d++) {
            assert_true(d->type != OPT_ENUM || (d->values && *d->values));
            assert_true(d->refusal || d->alias_of || d->help);
            assert_true(!d->alias_of || opt_desc_find(specs[i].subs, d->alias_of));
        }
    }
    assert_non_null(strstr(help, "-no-user-config"));
    assert_non_null(strstr(help, "-nodefaults"));
    assert_non_null(strstr(help, "-no-hpet"));
    /* packer's way to read it: the first run of digits and dots */
    assert_string_equal(strpbrk(version, "0123456789"), strstr(version, "7.2.0"));
    assert_non_null(strstr(list, "\"isa-debug-exit\""));
    assert_non_null(strstr(man, ".SH OPTIONS"));
    assert_non_null(strstr(man, "vgamem_mb="));
    free(help);
    free(version);
    free(man);
    free(list);
}

static bool done_after(const char *line)
{
    g_autofree char *full = g_strconcat("kvm-dm ", line, NULL);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;
    bool done = false;
    int argc, keep = dup(1);

    fflush(stdout);
    assert_non_null(freopen("/dev/null", "w", stdout));
    g_shell_parse_argv(full, &argc, &argv, NULL);
    config_parse(argc, argv, &c, &done, &error);
    fflush(stdout);
    dup2(keep, 1);
    close(keep);
    return done;
}

static void help_words(void **state)
{
    static const char *const lines[] = {
        "-help", "--help", "-h", "-version", "-display none -help", "-machine help", "-device ?",
        "-display none -machine accel=kvm:tcg -device '?'", "-device help", "-device ide-hd,help",
        "-chardev help", "-chardev socket,help", "-accel help", "-cpu help", "-smp help",
        "-drive help", "-display help", "-M ?", "-help-man",
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (!done_after(lines[i]))
            fail_msg("%s prints nothing", lines[i]);
    }
    assert_false(done_after("-device nonsense,help"));
}

/* ---- JSON ---- */

static void json_values(void **state)
{
    static const char *const good[] = {
        "1", "-1", "0", "1.5", "1e3", "\"\"", "'a\"b'", "[]", "{}", "[1,[2]]", " {\"a\" : null } ",
        "{'execute':'quit'}", "\"\\u00e4\\ud83d\\ude00\\n\"", "true", "9223372036854775807",
    };
    static const char *const bad[] = {
        "", " ", "01", "1.", "1e", "-", "+1", ".5", "nul", "truex", "[1,]", "[1 2]", "{\"a\"}",
        "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{a:1}", "\"\\x\"", "\"\\ud800\"", "\"\\udc00\"",
        "\"\\u0000\"", "\"\n\"", "\"abc", "[", "{}{}", "// x\n1", "var a = 1", "NaN", "1]",
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(JsonNode) node = json_read(good[i], strlen(good[i]), NULL);

        if (!node)
            fail_msg("refused: %s", good[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonNode) node = json_read(bad[i], strlen(bad[i]), &error);

        if (node || !error)
            fail_msg("accepted: %s", bad[i]);
    }
    assert_null(json_read("\"\xff\"", 3, NULL));
    assert_null(json_read("1\0", 2, NULL));
}

static void json_depth(void **state)
{
    g_autofree char *open = g_strnfill(JSON_MAX_DEPTH + 1, '[');
    g_autoptr(GString) fits = g_string_new(NULL);
    g_autoptr(JsonNode) node = NULL;

    (void)state;
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        g_string_append_c(fits, '[');
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        g_string_append_c(fits, ']');
    node = json_read(fits->str, fits->len, NULL);
    assert_non_null(node);
    assert_null(json_read(open, strlen(open), NULL));
}

/* Counts what the framer makes of a text. */
static void frame(struct json_framer *f, const char *text, unsigned *values, unsigned *errors)
{
    *values = *errors = 0;
    for (size_t i = 0; text[i];) {
        bool again;
        enum json_frame what = json_framer_feed(f, text[i], &again);

        i += !again;
        *values += what == JSON_FRAME_VALUE;
        *errors += what == JSON_FRAME_ERROR;
        if (what == JSON_FRAME_VALUE)
            json_framer_reset(f);
    }
}

static void json_framing(void **state)
{
    static const struct {
        const char *text;
        unsigned values, errors;
    } cases[] = {
        {"{}{}[]", 3, 0},      {" {\"a\":\"}{\"}\r\n", 1, 0}, {"12 {}", 2, 0},
        {"'a\\'b'", 1, 0},     {"}\n{}", 1, 1},               {"{\"a\n{}", 1, 1},
        {"{\"a\":1", 0, 0},    {"x{}", 2, 0},                 {"}]}\n}\n1 ", 1, 2},
    };
    struct json_framer f;
    unsigned values, errors;
    g_autofree char *big = g_strnfill(5000, 'x');
    g_autofree char *line = g_strdup_printf("\"%s\" {}\n{}", big);

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_framer_init(&f, 1000);
        frame(&f, cases[i].text, &values, &errors);
        if (values != cases[i].values || errors != cases[i].errors)
            fail_msg("%s: %u values, %u errors", cases[i].text, values, errors);
        json_framer_clear(&f);
    }
    json_framer_init(&f, 1000);
    frame(&f, line, &values, &errors);
    assert_true(values == 1 && errors == 1); /* the rest of the long line is skipped */
    assert_true(f.text->allocated_len <= 4096);
    json_framer_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(plain_use), cmocka_unit_test(sizes),
        cmocka_unit_test(topology), cmocka_unit_test(drive_places), cmocka_unit_test(drive_flags),
        cmocka_unit_test(floppies), cmocka_unit_test(blockdevs), cmocka_unit_test(devices), cmocka_unit_test(ports),
        cmocka_unit_test(machine_words), cmocka_unit_test(boot_words),
        cmocka_unit_test(process_words), cmocka_unit_test(vnc_words), cmocka_unit_test(netdevs),
        cmocka_unit_test(refused_by_name),
        cmocka_unit_test(libvirt_probe), cmocka_unit_test(libvirt_run),
        cmocka_unit_test(other_tools), cmocka_unit_test(hostile), cmocka_unit_test(random_lines),
        cmocka_unit_test(help_is_complete), cmocka_unit_test(help_words),
        cmocka_unit_test(json_values), cmocka_unit_test(json_depth), cmocka_unit_test(json_framing),
    };

    /* GLib's complaints are failures. */
    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
