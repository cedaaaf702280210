/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floppy disk controller: Intel 290166, "82077AA CHMOS Single-Chip Floppy Disk Controller",
 * with the commands that Intel 290468 ("82078") adds. Two drives; data by the 8237 or by the CPU.
 *
 *   +0 SRA  +1 SRB  +2 DOR  +3 TDR  +4 MSR/DSR  +5 FIFO  +7 DIR/CCR     (+6 belongs to the IDE)
 *
 *                 parameters              delay               host has it
 *   IDLE -> COMMAND --------> LOCATING ---------> HOST_READ ------------> DMA_WAIT, PIO_IN
 *    ^                          ^  |                                            |
 *    |                          |  +-> DMA_WAIT, PIO_OUT -> HOST_WRITE          |
 *    |                          +-------- next sector ------+-------------------+
 *    +---------- RESULT <------------------ the last -------+
 *
 * SEEK, RECALIBRATE and RELATIVE SEEK are each drive's own affair: the controller is IDLE meanwhile.
 *
 * Where this follows software rather than the data book, and why:
 * - DOR is 0C after power-on, as if firmware had been there: SeaBIOS waits for the interrupt of its
 *   first reset with the interrupt gate as it finds it, and clients written for QEMU use the
 *   controller without touching DOR.
 * - A data command moves the head to its cylinder, whatever CONFIGURE says: SeaBIOS never seeks.
 * - Without a medium, or at the wrong data rate, a data command ends with a missing address mark
 *   instead of hanging until a reset: every driver takes that, and none has to sit out its time-out.
 * - The motor bits are stored and shown; a medium can be read without the motor.
 * - With DOR's DMA gate shut a data command moves its data through the FIFO.
 * - The heads stay where they are in a software reset, and the controller knows where: drivers that
 *   recalibrate lose nothing, and those that do not find their track.
 * - Times are short and the same for all: a seek and a reset take 100 us, a sector 20 us by the CPU
 *   and none by DMA. Nothing ends inside the port write that starts it, unless `immediate`.
 * - DREQ is not a wire here: a transfer for which the 8237's channel is not ready is tried again
 *   each ms, and when the guest reads MSR; after 1 s it ends as an overrun, as does PIO that rests.
 */
#ifndef HW_FLOPPY_FDC_H
#define HW_FLOPPY_FDC_H

#include "hw/device.h"
#include "hw/dma/i8237.h"
#include "hw/floppy/fdc_geometry.h"

struct block;

#define FDC_DRIVES 2

struct fdc_drive_config {
    enum fdc_drive_type type; /* NONE: no drive there; AUTO: by the medium, `fallback` without one */
    enum fdc_drive_type fallback;
    struct block *blk;        /* NULL: a drive that stays empty */
};

struct fdc_config {
    uint16_t iobase; /* 0x3f0 */
    struct irq_pin irq;
    struct dma8237_channel dma;
    /*
     * What takes time on the clock above takes none, and ends inside the port write: for a qtest
     * client, whose clock stands still. What waits for the image or for the 8237 still waits.
     */
    bool immediate;
    struct fdc_drive_config drive[FDC_DRIVES];
};

/*
 * A new "isa-fdc", reset and with its ports mapped; device_free() ends it (and gives the blocks
 * back). NULL with why[]: ports taken, or a medium that does not fit its drive.
 */
struct device *isa_fdc_new(const struct dev_env *env, const char *id,
                           const struct fdc_config *cfg, char *why, size_t why_size);

/* The drive's type, AUTO resolved; NONE: there is none. Fixed for the device's life. */
enum fdc_drive_type isa_fdc_drive_type(const struct device *dev, unsigned unit);

/* NULL if the controller's invariants hold, else the one that does not. Lock held. For tests. */
const char *isa_fdc_check(const struct device *dev);

#endif
