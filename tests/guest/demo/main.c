/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the demo shows and checks, in the order of the screen. */
#include "demo.h"

enum { MEMORY_ROW = 2, DISK_ROW = 11, CHECK_ROW = 15, SUMMARY_ROW = 24 };
enum { BOX_LINES = 7, CHECK_LINES = 7 };

static unsigned checks, failures;

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);

/* gcc may call these even in freestanding code. */
void *memcpy(void *to, const void *from, size_t bytes)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t bytes)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return start;
}

static bool same(const void *a, const void *b, uint32_t bytes)
{
    const uint8_t *x = a, *y = b;

    while (bytes && *x++ == *y++) {
        bytes--;
    }
    return !bytes;
}

/* One check: `wrong` is NULL if it passed, else the reason. */
static void check(const char *what, const char *wrong)
{
    int row = CHECK_ROW + 1 + checks % CHECK_LINES, column = 2 + checks / CHECK_LINES * 36;

    checks++;
    failures += wrong != NULL;
    screen_at(row, column, wrong ? BAD : GOOD, wrong ? "FAIL" : " ok ");
    screen_at(row, column + 5, wrong ? BRIGHT : PLAIN, "%s", what);
    serial_line("[%s] %s%s%s", wrong ? "FAIL" : " ok ", what, wrong ? ": " : "", wrong ? wrong : "");
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct e820 {
    uint32_t base, base_high, length, length_high, type, attributes;
};

static const char *memory_type(uint32_t type)
{
    static const char *const names[] = {"?", "usable", "reserved", "ACPI data", "ACPI NVS", "bad"};

    return type < 6 ? names[type] : "other";
}

static void show_memory(void)
{
    const struct e820 *entry = (const struct e820 *)E820_ADDR;
    uint32_t count = *(const volatile uint16_t *)E820_COUNT_ADDR;
    uint32_t usable_kib = 0;

    for (uint32_t i = 0; i < count; i++, entry++) {
        if (i < BOX_LINES) {
            screen_at(MEMORY_ROW + 1 + i, 2, PLAIN, "%02x%08x +%02x%08x %s", entry->base_high,
                      entry->base, entry->length_high, entry->length, memory_type(entry->type));
        }
        serial_line("memory: %08x%08x + %08x%08x %s", entry->base_high, entry->base,
                    entry->length_high, entry->length, memory_type(entry->type));
        if (entry->type == 1) {
            usable_kib += entry->length_high << 22 | entry->length >> 10;
        }
    }
    screen_at(MEMORY_ROW, 21, HEADING, " %u MiB usable ", usable_kib >> 10);
    serial_line("memory: %u KiB usable", usable_kib);
    check("memory map names usable memory", usable_kib > 4096 ? NULL : "less than 4 MiB");
}

static void check_a20(void)
{
    volatile uint32_t *low = (volatile uint32_t *)0x6000, *high = (volatile uint32_t *)0x106000;

    *low = 0x12345678;
    *high = 0x9abcdef0;
    check("address line 20 works", *low == 0x12345678 ? NULL : "1 MiB wraps to 0");
}

/* ---- PCI ------------------------------------------------------------------------------------- */

static void show_function(int line, int slot, int function, uint32_t id, uint32_t class_revision)
{
    const char *name = pci_name(id, class_revision);

    if (line < BOX_LINES) {
        screen_at(MEMORY_ROW + 1 + line, 44, PLAIN, "%02x.%x %04x:%04x %s", slot, function,
                  id & 0xffff, id >> 16, name);
    }
    serial_line("pci: 00:%02x.%x %04x:%04x class %04x %s", slot, function, id & 0xffff, id >> 16,
                class_revision >> 16, name);
}

static void show_pci(void)
{
    unsigned found = 0;
    uint32_t host = pci_read(pci_address(0, 0, 0), 0);

    for (int slot = 0; slot < 32; slot++) {
        for (int function = 0; function < 8; function++) {
            uint32_t address = pci_address(0, slot, function);
            uint32_t id = pci_read(address, 0);
            if (id != PCI_NONE) {
                show_function(found++, slot, function, id, pci_read(address, 8));
            }
            if (function == 0 && (id == PCI_NONE || !(pci_read(address, 0x0c) & 0x800000))) {
                break;
            }
        }
    }
    check("PCI devices answer", host != PCI_NONE && found > 2 ? NULL : "too few");
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint8_t cmos(uint8_t index)
{
    outb(0x70, index);
    return inb(0x71);
}

static void show_clock(void)
{
    uint8_t day = cmos(7), month = cmos(8), year = cmos(9), hours = cmos(4), minutes = cmos(2);

    screen_at(0, 57, ON_BLUE, "RTC 20%02x-%02x-%02x %02x:%02x", year, month, day, hours, minutes);
    serial_line("rtc: 20%02x-%02x-%02x %02x:%02x", year, month, day, hours, minutes);
}

static void check_timer(void)
{
    const char *wrong = acpi_find() ? NULL : "no ACPI found";
    uint32_t start = acpi_timer();
    int spin = 0;

    while (!wrong && spin < 100000 && acpi_ticks_since(start) < 3580) { /* 1 ms */
        spin++;
    }
    serial_line("acpi: by %s", acpi_source());
    check("ACPI timer runs", wrong ? wrong : spin < 100000 ? NULL : "it stands still");
}

/* ---- the disk -------------------------------------------------------------------------------- */

static void show_speed(int column, const char *what, uint32_t kib, uint32_t ticks)
{
    uint32_t ms = ticks / 3580, hundredths = ticks % 3580 / 36 % 100;
    uint32_t kib_per_s = ticks ? kib * 3579545 / ticks : 0;

    screen_at(DISK_ROW + 2, column, PLAIN, "%s: %u KiB in %u.%02u ms", what, kib, ms, hundredths);
    serial_line("disk: %s: %u KiB in %u.%02u ms, %u KiB/s", what, kib, ms, hundredths, kib_per_s);
}

static void identify_disk(void)
{
    struct ide_identity disk = {.sectors = 0};
    const char *wrong = ide_identify(&disk);

    if (!wrong) {
        screen_at(DISK_ROW + 1, 2, BRIGHT, "%s", disk.model);
        screen_at(DISK_ROW + 1, 22, PLAIN, "serial %s  firmware %s  %u sectors", disk.serial,
                  disk.firmware, disk.sectors);
        serial_line("disk: model '%s' serial '%s' firmware '%s' sectors %u", disk.model, disk.serial,
                    disk.firmware, disk.sectors);
        wrong = disk.sectors == DISK_SECTORS ? NULL : "it has the wrong size";
    }
    check("disk identifies itself", wrong);
}

typedef const char *read_fn(uint32_t lba, uint32_t sectors, void *buf);

static void check_read(const char *what, const char *name, int column, read_fn *read, void *buf,
                       const struct demo_header *header)
{
    uint32_t start = acpi_timer();
    const char *wrong = read(PAYLOAD_LBA, PAYLOAD_SECTORS, buf);
    uint32_t ticks = acpi_ticks_since(start);

    if (!wrong) {
        show_speed(column, name, PAYLOAD_SECTORS / 2, ticks);
        wrong = crc32(buf, PAYLOAD_SECTORS * 512) == header->payload_crc32
                    ? NULL : "the checksum is wrong";
    }
    check(what, wrong);
}

/* Known bytes, so that a test can look for them from outside: text, then a counter. */
static void fill_sector(uint8_t *sector, const char *way)
{
    uint8_t *at = sector;

    for (int i = 0; i < 512; i++) {
        sector[i] = i * 7 + way[0];
    }
    for (const char *c = SCRATCH_TEXT; *c; c++) {
        *at++ = *c;
    }
    for (; *way; way++) {
        *at++ = *way;
    }
    *at = '\n';
}

static void check_write(void)
{
    uint8_t *sector = (uint8_t *)SECTOR_ADDR, *back = (uint8_t *)READBACK_ADDR;
    const char *wrong;

    fill_sector(sector, "PIO");
    wrong = ide_write_pio(SCRATCH_PIO_LBA, 1, sector);
    wrong = wrong ? wrong : ide_read_dma(SCRATCH_PIO_LBA, 1, back);
    check("sector written by PIO, read by DMA",
          wrong ? wrong : same(sector, back, 512) ? NULL : "it reads back differently");

    fill_sector(sector, "DMA");
    wrong = ide_write_dma(SCRATCH_DMA_LBA, 1, sector);
    wrong = wrong ? wrong : ide_read_pio(SCRATCH_DMA_LBA, 1, back);
    check("sector written by DMA, read by PIO",
          wrong ? wrong : same(sector, back, 512) ? NULL : "it reads back differently");
    check("disk cache flushes", ide_flush());
}

static void check_disk(void)
{
    struct demo_header header;
    uint8_t *sector = (uint8_t *)SECTOR_ADDR;
    uint32_t controller = ide_find();

    check("PIIX IDE controller found",
          controller == PCI_NONE ? "no 8086:7010" : ide_bus_master_port() ? NULL : "no bus master port");
    identify_disk();
    const char *wrong = ide_read_pio(HEADER_LBA, 1, sector);
    memcpy(&header, sector, sizeof(header));
    if (!wrong && !same(header.magic, DEMO_MAGIC, 16)) {
        wrong = "not the demo's disk";
    }
    check("demo's header sector", wrong);
    if (wrong) {
        return; /* nothing below could mean anything, and the disk is not ours to write to */
    }
    check_read("256 KiB by PIO, checksum", "PIO", 2, ide_read_pio, (void *)PIO_ADDR, &header);
    if (!ide_bus_master_port()) {
        return;
    }
    check_read("256 KiB by bus-master DMA, checksum", "DMA", 42, ide_read_dma, (void *)DMA_ADDR,
               &header);
    check_write();
    check("IRQ 14 arrives after each DMA",
          ide_interrupts_seen() == 4 ? NULL : "it was not seen at the 8259A");
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void draw_screen(void)
{
    screen_bar(0, 0, 80, ON_BLUE);
    screen_at(0, 2, ON_BLUE, "kvm-dm demo guest");
    screen_box(MEMORY_ROW, 0, BOX_LINES + 2, 42, "Memory (E820)");
    screen_box(MEMORY_ROW, 42, BOX_LINES + 2, 38, "PCI devices");
    screen_box(DISK_ROW, 0, 4, 80, "IDE disk");
    screen_box(CHECK_ROW, 0, CHECK_LINES + 2, 80, "Checks");
}

static void show_summary(void)
{
    if (failures) {
        screen_bar(SUMMARY_ROW, 0, 80, ON_RED);
        screen_at(SUMMARY_ROW, 2, ON_RED, "demo: FAILED: %u of %u checks", failures, checks);
        serial_line("demo: FAILED: %u of %u checks", failures, checks);
    } else {
        screen_bar(SUMMARY_ROW, 0, 80, ON_GREEN);
        screen_at(SUMMARY_ROW, 2, ON_GREEN, "demo: all %u checks passed", checks);
        serial_line("demo: all %u checks passed", checks);
    }
}

void demo_main(void);
void demo_main(void)
{
    console_init();
    draw_screen();
    screen_cursor(SUMMARY_ROW, 0);
    serial_line("kvm-dm demo guest");
    show_memory();
    check_a20();
    show_pci();
    show_clock();
    check_timer();
    check_disk();
    show_summary();
    acpi_power_off();
    serial_line("demo: the machine is still on");
}
