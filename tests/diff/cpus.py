# SPDX-License-Identifier: GPL-2.0-or-later
"""
-cpu on QEMU and on kvm-dm. For every model that kvm-dm has: which features it has, which of them this host lacks, its
family, levels and name, by query-cpu-definitions and query-cpu-model-expansion. For some: CPUID as a guest reads it.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

OURS = os.environ.get("KVM_DM", "build/kvm-dm")
THEIRS = "qemu-system-x86_64"
IDENTITY = ("family", "model", "stepping", "model-id", "vendor", "level", "xlevel", "min-level", "min-xlevel")
# What a guest reads is compared for these, with features added and taken away.
GUESTS = ("486", "pentium3", "qemu32", "qemu64", "kvm64", "Westmere", "phenom", "EPYC", "qemu64,kvm=off",
          "qemu64,-apic,+tsc-deadline", "kvm64,family=6,model=42,stepping=7,model-id=Own name,level=5",
          "Penryn,vendor=GenuineIntel,hypervisor=off")
# Caches are described as the host's are; 80000008 has fields of AMD's that come and go with the topology.
HOSTS = {2, 4, 0x80000005, 0x80000006, 0x8000001d, 0x8000001e}


def qmp(emulator, commands):
    """The answers; a bare machine asks KVM, too."""
    text = "".join(json.dumps(c) + "\n" for c in [{"execute": "qmp_capabilities"}] + commands + [{"execute": "quit"}])
    machine = "none" if emulator == OURS else "pc"
    run = subprocess.run([emulator, "-machine", machine + ",accel=kvm", "-S", "-nodefaults", "-display", "none", "-qmp",
                          "stdio"], input=text, capture_output=True, text=True, timeout=120)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    answers = [a for a in lines if "return" in a or "error" in a][1:]
    if len(answers) <= len(commands) - 1:
        sys.exit(f"{emulator}: {len(answers)} answers: {run.stderr}")
    return answers


def expansions(emulator, names, kind):
    command = [{"execute": "query-cpu-model-expansion", "arguments": {"type": kind, "model": {"name": n}}} for n in names]
    return {n: a["return"]["model"] for n, a in zip(names, qmp(emulator, command))}


def definitions(emulator):
    return {d["name"]: d for d in qmp(emulator, [{"execute": "query-cpu-definitions"}])[0]["return"]}


def compare_models(faults):
    ours, theirs = definitions(OURS), definitions(THEIRS)
    names = [n for n in ours if n not in ("host", "max", "base")]
    for n in names:
        for member in ("alias-of", "typename", "static", "migration-safe"):
            if ours[n].get(member) != theirs[n].get(member):
                faults.append(f"{n}: {member}: {ours[n].get(member)}, QEMU {theirs[n].get(member)}")
    for kind in "static", "full":
        a, b = expansions(OURS, names, kind), expansions(THEIRS, names, kind)
        for n in names:
            mine, other = a[n]["props"], b[n]["props"]
            if (kind == "static") != (a[n]["name"] == "base") or a[n]["name"] != b[n]["name"]:
                faults.append(f"{n}: {kind} is called {a[n]['name']}, QEMU {b[n]['name']}")
            shared = [k for k in mine if k in other and (isinstance(mine[k], bool) or k in IDENTITY)]
            if len(shared) < 150:
                faults.append(f"{n}: only {len(shared)} properties that QEMU has, too")
            for k in shared:
                if mine[k] != other[k]:
                    faults.append(f"{n}: {kind}: {k} is {mine[k]}, QEMU {other[k]}")
    for n in names:
        # QEMU names the parts of XSAVE's area by the first feature that needs them, again; and monitor by request only.
        lacks = [set(d[n]["unavailable-features"]) for d in (ours, theirs)]
        if lacks[0] != lacks[1]:
            faults.append(f"{n}: unavailable {sorted(lacks[0] ^ lacks[1])} on one side")
    return len(names)


def compare_host(faults):
    """All that the host has: what could move elsewhere, and with the rest. The name is KVM's here; QEMU hides topoext."""
    for props in {}, {"migratable": False}:
        command = [{"execute": "query-cpu-model-expansion",
                    "arguments": {"type": "static", "model": {"name": "host", "props": props}}}]
        mine, other = (qmp(e, command)[0]["return"]["model"]["props"] for e in (OURS, THEIRS))
        for k in mine:
            if k in other and k not in ("topoext", "model-id") and mine[k] != other[k]:
                faults.append(f"host {props}: {k} is {mine[k]}, QEMU {other[k]}")


def cpuid(emulator, rom, cpu, directory):
    out = os.path.join(directory, "serial")
    run = subprocess.run([emulator, "-accel", "kvm", "-machine", "pc", "-m", "16", "-nodefaults", "-display", "none",
                          "-cpu", cpu, "-bios", rom, "-serial", "file:" + out, "-device",
                          "isa-debug-exit,iobase=0xf4,iosize=4"], capture_output=True, text=True, timeout=120)
    if run.returncode != 0x21:
        sys.exit(f"{emulator} -cpu {cpu}: exit code {run.returncode}: {run.stderr}")
    with open(out, "rb") as f:
        data = f.read()
    return {r[:2]: r[2:] for r in struct.iter_unpack("<6I", data)}


def expected(leaf, values, xsave):
    """What cannot agree is made equal: OSXSAVE and the like do not differ, the host's caches do."""
    eax, ebx, ecx, edx = values
    if leaf[0] == 0xd and leaf[1] >= 2 and not xsave:
        return None  # QEMU tells sizes of parts that cannot be stored
    if leaf[0] in HOSTS or (leaf[0] == 0x80000008 and leaf[1] == 0):
        return None if leaf[0] in HOSTS else (eax, ebx)
    return eax, ebx, ecx, edx


def compare_guests(rom, faults):
    xsave = "xsave" not in definitions(OURS)["EPYC"]["unavailable-features"]
    with tempfile.TemporaryDirectory() as directory:
        for cpu in GUESTS:
            a, b = cpuid(OURS, rom, cpu, directory), cpuid(THEIRS, rom, cpu, directory)
            if len(a) < 60 or a.keys() != b.keys():
                faults.append(f"-cpu {cpu}: {len(a)} leaves, QEMU {len(b)}")
            for leaf in a:
                mine, other = (expected(leaf, x[leaf], xsave) for x in (a, b))
                if mine != other:
                    faults.append("-cpu %s: leaf %x.%x: %s, QEMU %s" % (
                        cpu, *leaf, " ".join("%08x" % v for v in mine), " ".join("%08x" % v for v in other)))


def main():
    faults = []
    count = compare_models(faults)
    compare_host(faults)
    compare_guests(sys.argv[1], faults)
    for f in faults:
        print(f)
    if faults:
        sys.exit(f"{len(faults)} differences")
    print(f"{count} CPU models are as QEMU has them; {len(GUESTS)} guests read the same CPUID")


main()
