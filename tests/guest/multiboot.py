# SPDX-License-Identifier: GPL-2.0-or-later
"""
-kernel, -append, -initrd: a multiboot kernel of our own says what it was given; kernels with
hostile headers (HAZARDS P-20, P-21) are refused with one line, exit code 1 and little memory.
"""
import os
import struct
import subprocess
import sys
import time
import zlib

from vmtest import ACCEL, EMULATOR, GUESTS, Vm, check, done, fail, need_file, need_kvm, tmp

MAGIC = 0x1BADB002
KERNEL = f"{GUESTS}/mb/kernel.elf"
RSS_LIMIT_KIB = 200 * 1024
DEBUG = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def write(name, data):
    path = tmp(name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def boots():
    one, two = os.urandom(5000), b"second module\n"
    paths = write("one.mod", one), write("two.mod", two)
    vm = Vm(["-m", "32", "-vga", "std", "-kernel", KERNEL, "-append", "alpha beta=\"c d\" gamma",
             "-initrd", f"{paths[0]} first word,{paths[1]}"] + DEBUG)
    code = vm.wait_exit(120)
    text = vm.serial().replace("\r", "")
    print(text)
    check(code == 0x2B, f"multiboot kernel ends by the debug port, exit code {code}")
    check("multiboot: started\n" in text, "multiboot magic, bss cleared")
    check("alpha beta=\"c d\" gamma'" in text, "-append arrives")
    check(f"'{paths[0]} first word' 5000 bytes crc32 {zlib.crc32(one):08x}\n" in text,
          "first module arrives, page-aligned, with its words")
    check(f"'{paths[1]}' {len(two)} bytes crc32 {zlib.crc32(two):08x}\n" in text,
          "second module arrives")
    check("upper 3" in text, "memory information")


def multiboot(flags=0x10000, fields=(), at=0, size=8192, magic=MAGIC, checksum=None):
    """A file of `size` bytes with a header at offset `at`."""
    if checksum is None:
        checksum = -(magic + flags) & 0xFFFFFFFF
    header = struct.pack("<III", magic, flags, checksum)
    header += b"".join(struct.pack("<I", f & 0xFFFFFFFF) for f in fields)
    return (bytes(at) + header + b"\xf4" * size)[:max(size, at + 12)]


def elf(phoff=52, phnum=1, entry=0x100000, offset=0x1000, paddr=0x100000, filesz=0x100,
        memsz=0x100, size=0x2000, phentsize=32, kind=1, machine=3):
    head = b"\x7fELF" + bytes([kind, 1, 1]) + bytes(9)
    head += struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, entry, phoff & 0xFFFFFFFF, 0, 0, 52,
                        phentsize, phnum, 0, 0, 0)
    head += struct.pack("<IIIIIIII", 1, offset & 0xFFFFFFFF, paddr, paddr & 0xFFFFFFFF,
                        filesz & 0xFFFFFFFF, memsz & 0xFFFFFFFF, 7, 4096)
    head += struct.pack("<III", MAGIC, 0, -MAGIC & 0xFFFFFFFF)
    return (head + b"\xf4" * size)[:size]


def bzimage(setup_sects=4, version=0x20F, loadflags=1, size=0x8000, init_size=0x100000,
            magic=b"HdrS", boot_flag=0xAA55, cmdline_size=255, initrd_max=0x7FFFFFFF):
    image = bytearray(size)
    if size >= 0x264:
        image[0x1F1] = setup_sects
        struct.pack_into("<H", image, 0x1FE, boot_flag)
        image[0x202:0x206] = magic
        struct.pack_into("<H", image, 0x206, version)
        image[0x211] = loadflags
        struct.pack_into("<I", image, 0x22C, initrd_max)
        struct.pack_into("<I", image, 0x238, cmdline_size)
        struct.pack_into("<I", image, 0x260, init_size)
    return bytes(image)


M = 0x100000
BAD_MULTIBOOT = {
    "header address below load address":    multiboot(fields=(M - 64, M, M + 256, 0, M)),
    "load address before the file":         multiboot(fields=(M + 8000, M, 0, 0, M)),
    "load address far before the file":     multiboot(fields=(0xFFFFFFFF, 0, 0, 0, 0)),
    "load end before load":                 multiboot(fields=(M, M, M - 1, 0, M)),
    "load end past the file":               multiboot(fields=(M, M, M + 0x100000, 0, M)),
    "load end at the end of the space":     multiboot(fields=(M, M, 0xFFFFFFFF, 0, M)),
    "bss end before load end":              multiboot(fields=(M, M, M + 4096, M + 16, M)),
    "bss end at the end of the space":      multiboot(fields=(M, M, M + 4096, 0xFFFFFFFF, M)),
    "bss larger than memory":               multiboot(fields=(M, M, M + 4096, M * 100, M)),
    "load address past memory":             multiboot(fields=(M * 128, M * 128, 0, 0, M * 128)),
    "load address just below 4 GiB":        multiboot(fields=(0xFFFFF000, 0xFFFFF000, 0, 0, M)),
    "load address 0, over the BIOS's data": multiboot(fields=(0, 0, 0, 0, 0)),
    "all fields ones":                      multiboot(fields=(0xFFFFFFFF,) * 5),
    "all flags ones":                       multiboot(flags=0xFFFFFFFF, fields=(0xFFFFFFFF,) * 5),
    "unknown required flag":                multiboot(flags=0x8, fields=(M,) * 5),
    "no addresses and no ELF":              multiboot(flags=0),
    "header at offset 8160, cut off":       multiboot(fields=(M,) * 5, at=8164, size=8180),
    "header as the last 12 bytes":          multiboot(at=8180, size=8192),
    "file is the header only":              multiboot(size=12),
    "wrong checksum":                       multiboot(checksum=1),
    "all ones":                             b"\xff" * 8192,
    "all zeros":                            bytes(8192),
}
BAD_ELF = {
    "program headers past the file":        elf(phoff=0x10000),
    "program headers at the end of space":  elf(phoff=0xFFFFFFF0),
    "65535 program headers":                elf(phnum=0xFFFF),
    "no program headers":                   elf(phnum=0),
    "program headers of 0 bytes":           elf(phentsize=0),
    "segment past the file":                elf(offset=0x1F80, filesz=0x100),
    "segment offset at the end of space":   elf(offset=0xFFFFFF80),
    "segment larger than the file":         elf(filesz=0xFFFFFFFF, memsz=0xFFFFFFFF),
    "segment memory of 4 GiB":              elf(memsz=0xFFFFFFFF),
    "segment past memory":                  elf(paddr=0xF0000000),
    "segment that wraps":                   elf(paddr=0xFFFFFF80),
    "segment over the BIOS's data":         elf(paddr=0),
    "less memory than file":                elf(filesz=0x800, memsz=0x100),
    "64-bit ELF":                           elf(kind=2),
    "another machine":                      elf(machine=40),
}
BAD_LINUX = {
    "empty file":                           b"",
    "one byte":                             b"\x00",
    "cut in the header":                    bzimage()[:0x210],
    "more set-up sectors than file":        bzimage(setup_sects=255),
    "set-up exactly the file":              bzimage(setup_sects=4, size=5 * 512),
    "ancient protocol":                     bzimage(version=0x1FF),
    "init_size 4 GiB":                      bzimage(init_size=0xFFFFFFFF),
    "init_size more than memory":           bzimage(init_size=80 * M),
    "no signature":                         bzimage(magic=b"HdrX"),
    "no boot flag":                         bzimage(boot_flag=0),
}


def run_refused(what, args):
    """Starts the emulator; it must end by itself, at once, with one line."""
    command = [EMULATOR, "-accel", ACCEL, "-nodefaults", "-display", "none", "-m", "64"] + args
    with open(tmp("err"), "w+b") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        try:
            pid, status, usage = wait4(process, 15)
        except TimeoutError:
            process.kill()
            process.wait()
            print(" ".join(command))
            fail(f"{what}: was started")
        err.seek(0)
        text = err.read().decode("latin-1")
    if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != 1:
        fail(f"{what}: status {status:#x}, output {text!r}")
    if text.count("\n") != 1 or len(text) < 20:
        fail(f"{what}: not one line: {text!r}")
    if usage.ru_maxrss > RSS_LIMIT_KIB:
        fail(f"{what}: took {usage.ru_maxrss} KiB")
    print(f"ok: {what}: {text.strip()[:150]}")


def wait4(process, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = status
            return pid, status, usage
        time.sleep(0.005)
    raise TimeoutError


def refuses():
    count = 0
    for table in (BAD_MULTIBOOT, BAD_ELF, BAD_LINUX):
        for what, data in table.items():
            run_refused(what, ["-kernel", write("kernel", data)])
            count += 1
    good = ["-kernel", write("kernel", bzimage())]
    run_refused("command line longer than the kernel takes", good + ["-append", "x" * 300])
    run_refused("initrd larger than memory", good + ["-initrd", sparse("initrd", 80 * M)])
    run_refused("initrd_addr_max 0", ["-kernel", write("k2", bzimage(initrd_max=0)),
                                      "-initrd", write("i", b"x" * 100)])
    run_refused("kernel larger than memory", ["-kernel", sparse("huge", 8 << 30)])
    run_refused("kernel is a directory", ["-kernel", "/"])
    run_refused("kernel is missing", ["-kernel", "/nonexistent"])
    run_refused("module is missing", ["-kernel", KERNEL, "-initrd", "/nonexistent"])
    run_refused("module larger than memory", ["-kernel", KERNEL, "-initrd", sparse("m", 1 << 40)])
    return count + 8


def sparse(name, size):
    path = write(name, b"")
    os.truncate(path, size)
    return path


need_kvm()
need_file(KERNEL, "none: make guests")
refused = 0 if "boots" in sys.argv else refuses()
boots()
done(f"multiboot kernel with arguments and two modules; {refused} bad kernels refused")
