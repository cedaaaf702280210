# SPDX-License-Identifier: GPL-2.0-or-later
"""
In the laboratory: Linux with virtio disks and virtio-rng; the second disk grows when the guest (virtio.inner) asks for
it. Arguments: the new size in bytes, kernel, initramfs, command line, further options.
"""
import sys

import asks
from vmtest import done

SIZE, KERNEL, INITRD, APPEND, *OPTIONS = sys.argv[1:]

asks.run(["-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND] + OPTIONS,
         {"grow": lambda vm: vm.qmp("block_resize", device="second", size=int(SIZE))})
done("done")
