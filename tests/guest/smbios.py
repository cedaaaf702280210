# SPDX-License-Identifier: GPL-2.0-or-later
"""SeaBIOS puts what -smbios and -uuid say into its tables, which pmemsave shows."""
import uuid

from vmtest import Vm, check, done, need_kvm, tmp

UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
SAID = {"vendor": "Vendor Ltd", "version": "V 1.2", "date": "01/02/2026", "manufacturer": "Maker AG", "product": "Product, 9",
        "serial": "S-0001", "sku": "SKU 7", "family": "A family"}


def option(kind, *names):
    return ",".join(["type=%d" % kind] + ["%s=%s" % (n, SAID[n].replace(",", ",,")) for n in names])


def structures(memory):
    """{type: (formatted part, strings)} behind the SMBIOS 2 entry point."""
    entry = next(i for i in range(0xf0000, 0x100000, 16) if memory.startswith(b"_SM_", i))
    at, count = int.from_bytes(memory[entry + 0x18:entry + 0x1c], "little"), \
        int.from_bytes(memory[entry + 0x1c:entry + 0x1e], "little")
    found = {}
    for _ in range(count):
        kind, length = memory[at], memory[at + 1]
        end = memory.index(b"\0\0", at + length)
        found.setdefault(kind, (memory[at:at + length], memory[at + length:end].split(b"\0")))
        at = end + 2
    return found


def text(structure, offset):
    formatted, strings = structure
    return strings[formatted[offset] - 1].decode()


need_kvm()
vm = Vm(["-vga", "std", "-uuid", UUID, "-smbios", option(0, "vendor", "version", "date") + ",release=3.4",
         "-smbios", option(1, "manufacturer", "product", "serial", "sku", "family"), "-boot", "menu=on,splash-time=60000"])
vm.qmp("wait-screen", timeout=130, text="boot menu", **{"timeout-ms": 120000})
path = tmp("memory")
vm.qmp("pmemsave", val=0, size=1 << 20, filename=path)
with open(path, "rb") as f:
    memory = f.read()
check(len(memory) == 1 << 20, "pmemsave wrote 1 MiB")
tables = structures(memory)
for kind, offsets in ((0, {"vendor": 4, "version": 5, "date": 8}),
                      (1, {"manufacturer": 4, "product": 5, "serial": 7, "sku": 25, "family": 26})):
    for name, offset in offsets.items():
        got = text(tables[kind], offset)
        check(got == SAID[name], "type %d %s: %r" % (kind, name, got))
check(tables[0][0][20:22] == b"\x03\x04", "the BIOS's release is 3.4")
check(tables[1][0][8:24] == uuid.UUID(UUID).bytes, "the UUID is the machine's")
vm.kill()
done("SeaBIOS's SMBIOS tables say what -smbios and -uuid did")
