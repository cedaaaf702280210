/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages as interrupts: what a device writes to the local APIC's address is a vector that waits in that APIC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "dm/kvm.h"

enum { SPURIOUS = 0xf0, REQUESTS = 0x200 }; /* registers of the local APIC */

static uint32_t reg(const struct kvm_lapic_state *apic, unsigned off)
{
    uint32_t value;

    memcpy(&value, apic->regs + off, 4);
    return value;
}

static bool waits(int vcpu, unsigned vector)
{
    struct kvm_lapic_state apic;

    assert_int_equal(ioctl(vcpu, KVM_GET_LAPIC, &apic), 0);
    return reg(&apic, REQUESTS + vector / 32 * 16) >> vector % 32 & 1;
}

static void message_reaches_its_apic(void **state)
{
    g_autoptr(GError) error = NULL;
    struct kvm *kvm = kvm_new(&error);
    struct kvm_lapic_state apic;
    const uint32_t enabled = 0x1ff;
    int vcpu[2];

    (void)state;
    if (!kvm) {
        print_message("%s\n", error->message);
        skip();
    }
    assert_true(kvm_create_chips(kvm, &error));
    for (unsigned i = 0; i < 2; i++) {
        vcpu[i] = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, i);
        assert_true(vcpu[i] >= 0);
        assert_int_equal(ioctl(vcpu[i], KVM_GET_LAPIC, &apic), 0);
        memcpy(apic.regs + SPURIOUS, &enabled, 4);
        assert_int_equal(ioctl(vcpu[i], KVM_SET_LAPIC, &apic), 0);
    }
    kvm_msi(kvm, 0xfee00000, 0x41);
    kvm_msi(kvm, 0xfee01000, 0x52);
    kvm_msi(kvm, 0xfee05000, 0x63); /* no such processor */
    assert_true(waits(vcpu[0], 0x41) && !waits(vcpu[1], 0x41));
    assert_true(waits(vcpu[1], 0x52) && !waits(vcpu[0], 0x52));
    assert_false(waits(vcpu[0], 0x63) || waits(vcpu[1], 0x63));
    for (unsigned i = 0; i < 2; i++)
        close(vcpu[i]);
    kvm_free(kvm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(message_reaches_its_apic)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
