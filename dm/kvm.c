/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dm/cpu/cpu_spec.h"
#include "dm/log.h"
#include "dm/memory.h"
#include "ioreq/iolock.h"

#define PAGE_SIZE 4096 /* KVM_COALESCED_MMIO_MAX is made of it */

/* Intel hosts without unrestricted guests need four pages for real mode; as QEMU, below the ROM. */
#define IDENTITY_MAP_GPA 0xfeffc000ull
#define TSS_GPA 0xfeffd000ul

static void set_kvm_error(GError **error, const char *what)
{
    int err = errno;
    const char *hint = "";

    if (err == ENOENT)
        hint = " (is the kvm module loaded, and virtualization enabled in the firmware?)";
    else if (err == EACCES || err == EPERM)
        hint = " (add yourself to the group kvm: adduser USER kvm, then log in again)";
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "-accel kvm: %s: %s%s", what,
                g_strerror(err), hint);
}

static int check(const struct kvm *kvm, int cap)
{
    return ioctl(kvm->fd, KVM_CHECK_EXTENSION, cap);
}

static bool check_required(const struct kvm *kvm, GError **error)
{
    static const struct {
        int cap;
        const char *name;
    } required[] = {
        {KVM_CAP_IRQCHIP, "in-kernel interrupt controllers"},
        {KVM_CAP_PIT2, "in-kernel PIT"},
        {KVM_CAP_IRQ_ROUTING, "interrupt routing"},
        {KVM_CAP_USER_MEMORY, "memory slots"},
        {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
        {KVM_CAP_READONLY_MEM, "read-only memory slots"},
    };

    if (ioctl(kvm->fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                    "-accel kvm: /dev/kvm speaks another API version than %d", KVM_API_VERSION);
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(required); i++) {
        if (check(kvm, required[i].cap) <= 0) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                        "-accel kvm: this kernel's KVM lacks %s", required[i].name);
            return false;
        }
    }
    return true;
}

/*
 * GSI 0 to 15 go to both PICs and the I/O APIC, 16 to 23 to the I/O APIC only; GSI 0 (the PIT) is
 * pin 2 there, as the MADT of SeaBIOS says (fw_cfg key IRQ0_OVERRIDE).
 */
static int set_routing(struct kvm *kvm)
{
    g_autofree struct kvm_irq_routing *r =
        g_malloc0(sizeof(*r) + 64 * sizeof(struct kvm_irq_routing_entry));
    struct kvm_irq_routing_entry *e = r->entries;

    for (unsigned gsi = 0; gsi < 16; gsi++) {
        *e++ = (struct kvm_irq_routing_entry){
            .gsi = gsi,
            .type = KVM_IRQ_ROUTING_IRQCHIP,
            .u.irqchip = {gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8}};
    }
    for (unsigned gsi = 0; gsi < 24; gsi++) {
        if (gsi == 2)
            continue;
        *e++ = (struct kvm_irq_routing_entry){
            .gsi = gsi,
            .type = KVM_IRQ_ROUTING_IRQCHIP,
            .u.irqchip = {KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi}};
    }
    r->nr = (uint32_t)(e - r->entries);
    return ioctl(kvm->vm_fd, KVM_SET_GSI_ROUTING, r);
}

bool kvm_create_chips(struct kvm *kvm, GError **error)
{
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

    if (ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0) {
        set_kvm_error(error, "cannot create the interrupt controllers");
        return false;
    }
    if (ioctl(kvm->vm_fd, KVM_CREATE_PIT2, &pit) < 0) {
        set_kvm_error(error, "cannot create the PIT");
        return false;
    }
    if (set_routing(kvm) < 0) {
        set_kvm_error(error, "cannot set the interrupt routes");
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        kvm->chips[i].chip_id = i;
        ioctl(kvm->vm_fd, KVM_GET_IRQCHIP, &kvm->chips[i]);
    }
    ioctl(kvm->vm_fd, KVM_GET_PIT2, &kvm->pit);
    return true;
}

static bool create_vm(struct kvm *kvm, GError **error)
{
    uint64_t identity = IDENTITY_MAP_GPA;

    kvm->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm->fd < 0) {
        set_kvm_error(error, "cannot open /dev/kvm");
        return false;
    }
    if (!check_required(kvm, error))
        return false;
    do {
        kvm->vm_fd = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    } while (kvm->vm_fd < 0 && errno == EINTR);
    kvm->cpuid = kvm->vm_fd < 0 ? NULL : cpu_ask_kvm(kvm->fd);
    if (!kvm->cpuid) {
        set_kvm_error(error, "cannot create a VM");
        return false;
    }
    kvm->run_bytes = (unsigned)ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    kvm->coalesced_page = (unsigned)MAX(check(kvm, KVM_CAP_COALESCED_MMIO), 0);
    kvm->coalesced_pio = check(kvm, KVM_CAP_COALESCED_PIO) > 0;
    /* Only Intel needs these two; other hosts refuse the second, which is no error. */
    ioctl(kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, TSS_GPA);
    return true;
}

struct kvm *kvm_new(GError **error)
{
    struct kvm *kvm = g_new0(struct kvm, 1);

    kvm->fd = kvm->vm_fd = -1;
    kvm->ring_lock = iolock_new();
    kvm->counted_lock = iolock_new();
    kvm->posted.slots = KVM_COALESCED_MMIO_MAX;
    if (!create_vm(kvm, error)) {
        kvm_free(kvm);
        return NULL;
    }
    return kvm;
}

void kvm_free(struct kvm *kvm)
{
    if (!kvm)
        return;
    if (kvm->vm_fd >= 0)
        close(kvm->vm_fd);
    if (kvm->fd >= 0)
        close(kvm->fd);
    iolock_free(kvm->ring_lock);
    iolock_free(kvm->counted_lock);
    g_free(kvm->cpuid);
    g_free(kvm->guest_cpuid);
    g_free(kvm);
}

/* ---- memory ---- */

static bool set_slot(void *opaque, const struct memory_section *s, bool mapped)
{
    struct kvm *kvm = opaque;
    struct kvm_userspace_memory_region region = {
        .slot = (uint32_t)s->slot,
        .guest_phys_addr = s->gpa,
        .memory_size = mapped ? s->size : 0,
        .userspace_addr = (uintptr_t)s->rd,
        .flags = (s->wr == s->rd ? 0 : KVM_MEM_READONLY) |
                 (s->block && s->wr ? KVM_MEM_LOG_DIRTY_PAGES : 0),
    };

    if (s->slot < 0)
        return false;
    if (!ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region))
        return true;
    log_error("KVM refuses %s memory at 0x%llx, %llu KiB: %s", mapped ? "to map" : "to unmap",
              (unsigned long long)s->gpa, (unsigned long long)s->size / 1024, g_strerror(errno));
    return false;
}

static void get_dirty(void *opaque, const struct memory_section *s, uint64_t *bitmap)
{
    struct kvm *kvm = opaque;
    size_t words = (s->size / 4096 + 63) / 64;
    g_autofree uint64_t *bits = g_new0(uint64_t, words);
    struct kvm_dirty_log log = {.slot = (uint32_t)s->slot, .dirty_bitmap = bits};

    if (s->slot < 0 || ioctl(kvm->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0)
        memset(bits, 0xff, words * sizeof(*bits)); /* not known: all of it */
    for (size_t i = 0; i < words; i++)
        bitmap[i] |= bits[i];
}

void kvm_follow_memory(struct kvm *kvm, struct memory *mem)
{
    kvm->listener = (struct memory_listener){set_slot, get_dirty, kvm};
    memory_set_listener(mem, &kvm->listener);
}

/* ---- posted writes ---- */

static void set_zone(struct kvm *kvm, const struct io_region *region, const struct io_span *span,
                     bool mapped)
{
    struct kvm_coalesced_mmio_zone zone = {
        .addr = region->base + span->off,
        .size = (uint32_t)span->size,
        .pio = region->space == IO_PORT,
    };

    ioctl(kvm->vm_fd, mapped ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &zone);
}

/*
 * The region in the list of those whose limits count, or out of it. Without room for one nothing is collected
 * any more (no machine has so many), since another region's limit may be the one that matters.
 */
static void list_counted(struct kvm *kvm, const struct io_region *region, bool mapped)
{
    unsigned i = 0;

    iolock_enter(kvm->counted_lock);
    while (i < kvm->counted_count && kvm->counted[i] != region)
        i++;
    if (mapped && kvm->counted_count < KVM_COUNTED_MAX)
        kvm->counted[kvm->counted_count++] = region;
    else if (mapped)
        kvm->counted_full = true;
    else if (i < kvm->counted_count)
        kvm->counted[i] = kvm->counted[--kvm->counted_count];
    iolock_leave(kvm->counted_lock);
}

static void set_zones(void *opaque, const struct io_region *region, bool mapped)
{
    const struct io_ops *ops = region->ops;
    struct kvm *kvm = opaque;

    if (!kvm->coalesced_page || (region->space == IO_PORT && !kvm->coalesced_pio))
        return;
    for (unsigned i = 0; i < ops->posted_count; i++)
        set_zone(kvm, region, &ops->posted[i], mapped);
    if (!kvm->posted.limited || !ops->counted_count)
        return;
    list_counted(kvm, region, mapped);
    for (unsigned i = 0; i < ops->counted_count; i++)
        set_zone(kvm, region, &ops->counted[i], mapped);
}

static void set_zones_mapped(void *opaque, const struct io_region *region)
{
    set_zones(opaque, region, true);
}

void kvm_follow_iomap(struct kvm *kvm, struct iomap *map, unsigned vcpus)
{
    kvm->posted.limited = vcpus == 1;
    iomap_foreach(map, set_zones_mapped, kvm);
    iomap_set_listener(map, set_zones, kvm);
}

void kvm_limit_posted(struct kvm *kvm)
{
    uint32_t room = UINT32_MAX;

    if (!kvm->posted.ring || !kvm->posted.limited)
        return;
    iolock_enter(kvm->counted_lock);
    for (unsigned i = 0; i < kvm->counted_count; i++) {
        uint32_t limit = __atomic_load_n(&kvm->counted[i]->posted_limit, __ATOMIC_ACQUIRE);

        if (limit)
            room = MIN(room, limit - 1);
    }
    if (kvm->counted_full)
        room = 0;
    iolock_leave(kvm->counted_lock);
    posted_set_room(&kvm->posted, room);
}

void kvm_flush_posted(struct kvm *kvm, struct iomap *map, struct io_reader *reader)
{
    if (!kvm_has_posted(kvm))
        return;
    iolock_enter(kvm->ring_lock);
    /* At most one ring full: a guest that goes on posting cannot hold us here. */
    for (unsigned budget = kvm->posted.slots; budget && kvm_has_posted(kvm); budget--) {
        struct kvm_coalesced_mmio c = posted_oldest(&kvm->posted);
        struct ioreq req = {
            .addr = c.phys_addr,
            .data = c.data,
            .count = 1,
            .size = (uint8_t)MIN(c.len, sizeof(c.data)),
            .space = c.pio ? IO_PORT : IO_MEM,
            .dir = IO_WRITE,
            .source = IOREQ_SOURCE_POSTED,
        };

        iomap_dispatch(map, reader, &req);
        /* Only now: another vCPU must find the ring empty when the write has been done, not before. */
        posted_done(&kvm->posted);
    }
    iolock_leave(kvm->ring_lock);
}

/* ---- interrupts, reset, clock ---- */

void kvm_irq_line(struct kvm *kvm, unsigned gsi, bool level)
{
    struct kvm_irq_level irq = {.irq = gsi, .level = level};

    ioctl(kvm->vm_fd, KVM_IRQ_LINE, &irq);
}

void kvm_msi(struct kvm *kvm, uint64_t address, uint32_t data)
{
    struct kvm_msi msi = {
        .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data};

    ioctl(kvm->vm_fd, KVM_SIGNAL_MSI, &msi);
}

void kvm_reset(struct kvm *kvm)
{
    for (unsigned i = 0; i < 3; i++)
        ioctl(kvm->vm_fd, KVM_SET_IRQCHIP, &kvm->chips[i]);
    ioctl(kvm->vm_fd, KVM_SET_PIT2, &kvm->pit);
}

void kvm_clock_save(struct kvm *kvm, struct kvm_clock_data *clock)
{
    memset(clock, 0, sizeof(*clock));
    ioctl(kvm->vm_fd, KVM_GET_CLOCK, clock);
}

void kvm_clock_restore(struct kvm *kvm, const struct kvm_clock_data *clock)
{
    struct kvm_clock_data set = {.clock = clock->clock};

    ioctl(kvm->vm_fd, KVM_SET_CLOCK, &set);
}
