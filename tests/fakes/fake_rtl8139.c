/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_rtl8139.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t nic_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static void fail(const char *what)
{
    fprintf(stderr, "fake rtl8139: %s\n", what);
    abort();
}

static struct nic *make(bool cable, bool c_only)
{
    struct rtl8139_config cfg = { .c_only = c_only };
    struct nic *n = calloc(1, sizeof(*n));
    struct irq_pin intx[4];
    char why[200];

    if (!n)
        abort();
    n->fe = fake_env_new(NIC_RAM);
    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(n->fe, 32 + i);
    n->bus = pci_bus_new(&n->fe->env, intx);
    n->port = cfg.port = cable ? fake_net_new() : NULL;
    memcpy(cfg.mac, nic_mac, 6);
    n->dev = rtl8139_new(n->bus, NIC_DEVFN, &n->fe->env, "nic", &cfg, why, sizeof(why));
    if (!n->dev)
        fail(why);
    nic_set_config(n, 0x10, 4, NIC_PORT);
    nic_set_config(n, 0x14, 4, NIC_MMIO);
    nic_set_config(n, 0x04, 2, 7);
    return n;
}

struct nic *nic_new(void) { return make(true, false); }
struct nic *nic_new_without_cable(void) { return make(false, false); }
struct nic *nic_new_c_only(void) { return make(true, true); }

void nic_free(struct nic *n)
{
    nic_check(n);
    device_free(n->dev);
    if (n->port && fake_net_attached(n->port))
        fail("the port is still attached");
    if (n->fe->maps_open)
        fail("a mapping is open");
    pci_bus_free(n->bus);
    if (n->port)
        fake_net_free(n->port);
    fake_env_free(n->fe);
    free(n);
}

void nic_check(struct nic *n)
{
    const char *why;

    device_enter(n->dev);
    why = rtl8139_check(n->dev);
    device_leave(n->dev);
    if (why)
        fail(why);
}

uint32_t nic_in(struct nic *n, unsigned reg, unsigned size)
{
    uint32_t v = (uint32_t)fake_in(n->fe, (uint16_t)(NIC_PORT + reg), size);

    nic_check(n);
    return v;
}

void nic_out(struct nic *n, unsigned reg, unsigned size, uint32_t value)
{
    fake_out(n->fe, (uint16_t)(NIC_PORT + reg), size, value);
    nic_check(n);
}

uint32_t nic_config(struct nic *n, unsigned off, unsigned size)
{
    return pci_config_read(n->bus, NIC_DEVFN, off, size);
}

void nic_set_config(struct nic *n, unsigned off, unsigned size, uint32_t value)
{
    pci_config_write(n->bus, NIC_DEVFN, off, size, value);
    nic_check(n);
}

bool nic_line(const struct nic *n) { return n->fe->irq_level[NIC_LINE]; }

unsigned nic_causes(struct nic *n)
{
    unsigned isr = nic_in(n, ISR, 2);

    nic_out(n, ISR, 2, isr);
    return isr;
}

uint32_t nic_get32(const struct nic *n, uint32_t at)
{
    uint32_t v;

    memcpy(&v, n->fe->ram + at, 4);
    return v;
}

void nic_put32(struct nic *n, uint32_t at, uint32_t value) { memcpy(n->fe->ram + at, &value, 4); }

void nic_pattern(uint8_t *p, size_t len, unsigned salt)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(i * 7 + (i >> 8) * 3 + salt * 31 + 1);
}

void nic_frame(uint8_t *frame, size_t len, const uint8_t dst[6], unsigned salt)
{
    nic_pattern(frame, len, salt);
    memcpy(frame, dst, 6);
    memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01\x88\xb5", 8);
}

uint16_t nic_ip_sum(const uint8_t *p, size_t len, uint32_t start)
{
    uint64_t sum = start;

    for (size_t i = 0; i < len; i++)
        sum += (uint64_t)p[i] << (i & 1 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

size_t nic_ip_frame(uint8_t *frame, uint8_t protocol, size_t payload, unsigned salt)
{
    size_t header = protocol == 6 ? 20 : 8, l4 = 34, end = l4 + header + payload;
    uint32_t pseudo = protocol + (uint32_t)(end - l4);

    memset(frame, 0, l4 + header);
    memcpy(frame, nic_mac, 6);
    memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01\x08\x00\x45", 9);
    put16(frame + 16, (unsigned)(end - 14));
    frame[22] = 64;
    frame[23] = protocol;
    memcpy(frame + 26, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
    put16(frame + 24, nic_ip_sum(frame + 14, 20, 0));
    memcpy(frame + l4, "\x12\x34\x56\x78", 4);
    if (protocol == 6)
        frame[l4 + 12] = 0x50;
    else
        put16(frame + l4 + 4, (unsigned)(header + payload));
    nic_pattern(frame + l4 + header, payload, salt);
    for (unsigned i = 26; i < 34; i += 2)
        pseudo += (uint32_t)frame[i] << 8 | frame[i + 1];
    put16(frame + l4 + (protocol == 6 ? 16 : 6), nic_ip_sum(frame + l4, end - l4, pseudo));
    return end;
}

uint32_t nic_fcs(const uint8_t *p, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len * 8; i++) {
        unsigned bit = (p[i / 8] >> i % 8 & 1) ^ (crc & 1);

        crc = crc >> 1 ^ (bit ? 0xedb88320u : 0);
    }
    return ~crc;
}

bool nic_feed(struct nic *n, const void *frame, size_t len)
{
    bool taken = fake_net_feed(n->port, frame, len);

    nic_check(n);
    return taken;
}

void nic_start_c(struct nic *n, unsigned rblen, unsigned rcr)
{
    nic_out(n, CR, 1, RST);
    nic_out(n, RBSTART, 4, NIC_RING);
    nic_out(n, CR, 1, TE | RE);
    nic_out(n, RCR, 4, rblen << 11 | 0xe700 | rcr);
    nic_out(n, TCR, 4, 0x03000600);
    nic_out(n, ISR, 2, 0xffff);
    nic_out(n, IMR, 2, 0xffff);
}

void nic_start_cp(struct nic *n, unsigned cpcr)
{
    nic_out(n, CR, 1, RST);
    nic_out(n, CPCR, 2, cpcr | 3);
    nic_out(n, TNPDS, 4, NIC_TX_RING);
    nic_out(n, TNPDS + 4, 4, 0);
    nic_out(n, THPDS, 4, NIC_HIGH_RING);
    nic_out(n, THPDS + 4, 4, 0);
    nic_out(n, RDSAR, 4, NIC_RX_RING);
    nic_out(n, RDSAR + 4, 4, 0);
    nic_out(n, CR, 1, TE | RE);
    nic_out(n, MAR, 4, 0xffffffff);
    nic_out(n, MAR + 4, 4, 0xffffffff);
    nic_out(n, RCR, 4, AAP | APM | AM | AB);
    nic_out(n, TCR, 4, 0x03000600);
    nic_out(n, IMR, 2, 0xffff);
}

void nic_desc(struct nic *n, uint32_t ring, unsigned index, uint32_t command, uint32_t tag, uint32_t buffer)
{
    uint32_t at = ring + index * 16;

    nic_put32(n, at, command);
    nic_put32(n, at + 4, tag);
    nic_put32(n, at + 8, buffer);
    nic_put32(n, at + 12, 0);
}
