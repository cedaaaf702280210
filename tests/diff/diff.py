#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs scripts of qtest accesses on QEMU and on kvm-dm and compares the answers.

  diff.py [--ours CMD] [--theirs CMD] [--verbose] SCRIPT.qts ...
  diff.py --self-test

A script is a text file; a line is a qtest command as in docs/qtest.md, or one of:

  args OPTION...              options for both emulators (before the first command)
  disk NAME MEGABYTES         an image with a known pattern (1440K: KiB); @NAME@ in args is its file
  pcir SS.F OFFSET SIZE       configuration read of bus 0, slot SS function F (hexadecimal)
  pciw SS.F OFFSET SIZE VALUE
  wait PORT MASK VALUE        reads the port until (byte & MASK) == VALUE, 5 s at most; answers the byte
  irqs                        lines that are raised, and rising edges of each since the last irqs
  for X FIRST LAST CMD; CMD   the commands with {X} replaced, for FIRST .. LAST
  # comment                   also at the end of a line

Answers are compared one by one. Differences that stay are listed in known.txt beside this file:

  script.qts:12: OURS THEIRS # reason           line 12 (without a loop)
  script.qts:12.5: OURS THEIRS # reason         the answer for X = 5 (hexadecimal) of the loop there
  script.qts:12.5-a: OURS THEIRS # reason       each X from 5 to a: all of them differ in this way
  script.qts:12.*: OURS THEIRS # reason         any X, at least one

A difference that is not listed fails (it is printed in this form, for its reason to be filled in), and
so does a row that matches none any more. The end of an emulator cannot be listed.
The clock stands still on both sides, so scripts avoid what needs time.
"""
import argparse
import os
import select
import shlex
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWER_SECONDS = 20
THEIRS = "qemu-system-x86_64 -machine pc,accel=tcg -S"
OURS = "-machine pc -accel qtest"
COMMON = "-display none -nodefaults -qtest stdio -qtest-log /dev/null"
COMMON_OURS = "-display none -nodefaults -qtest stdio -qtest-log /dev/null"


class Died(Exception):
    pass


class Emulator:
    """One process that speaks qtest on its standard streams."""

    def __init__(self, argv):
        self.argv = argv
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors)
        self.pending = b""
        self.raised = set()
        self.edges = {}
        self.patience = 5

    def line(self):
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise Died("no answer in time" if not ready else "it ended: " + self.last_words())
            self.pending += data
        text, self.pending = self.pending.split(b"\n", 1)
        return text.decode("ascii", "replace").strip()

    def last_words(self):
        self.process.wait()
        self.errors.seek(0)
        words = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return "exit %d: %s" % (self.process.returncode, words[-1] if words else "nothing on stderr")

    def note_irq(self, text):
        _, what, number = text.split()
        if what == "raise":
            self.raised.add(int(number))
            self.edges[int(number)] = self.edges.get(int(number), 0) + 1
        else:
            self.raised.discard(int(number))

    def command(self, text):
        try:
            self.process.stdin.write(text.encode("ascii") + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Died("it ended: " + self.last_words())
        while True:
            answer = self.line()
            if answer.startswith("IRQ "):
                self.note_irq(answer)
            elif answer.startswith("OK"):
                return answer[2:].strip().replace(" ", ",") or "ok"
            else:
                return "FAIL"

    def wait_for(self, port, mask, value):
        deadline = time.monotonic() + self.patience
        while True:
            answer = self.command("inb %s" % port)
            if answer == "FAIL" or int(answer, 16) & mask == value:
                return answer
            if time.monotonic() > deadline:
                self.patience = 0.05  # it hangs: the other waits need not take as long
                return "timeout:" + answer
            time.sleep(0.002)

    def irqs(self):
        self.command("endianness")  # whatever was raised meanwhile has arrived before this answer
        up = ",".join(str(n) for n in sorted(self.raised)) or "none"
        edges = ",".join("%dx%d" % (n, c) for n, c in sorted(self.edges.items())) or "none"
        self.edges = {}
        return "up:%s/edges:%s" % (up, edges)

    def run(self, words):
        name = words[0]
        if name == "wait":
            return self.wait_for(words[1], int(words[2], 0), int(words[3], 0))
        if name == "irqs":
            return self.irqs()
        if name in ("pcir", "pciw"):
            slot, function = words[1].split(".")
            offset, size = int(words[2], 0), int(words[3], 0)
            address = 0x80000000 | int(slot, 16) << 11 | int(function, 16) << 8 | offset & 0xfc
            self.command("outl 0xcf8 %#x" % address)
            width, port = {1: "b", 2: "w", 4: "l"}[size], 0xcfc + (offset & 3)
            if name == "pcir":
                return self.command("in%s %#x" % (width, port))
            return self.command("out%s %#x %s" % (width, port, words[4]))
        return self.command(" ".join(words))

    def end(self):
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Script:
    """A parsed script: options, disks, and steps of (key, words)."""

    def __init__(self, path):
        self.name = os.path.basename(path)
        self.args, self.disks, self.steps = [], [], []
        with open(path, encoding="ascii") as lines:
            for number, line in enumerate(lines, 1):
                line = line.split("#")[0].strip()
                if line:
                    self.add(number, line)

    def add(self, number, line):
        words = line.split()
        if words[0] == "args":
            self.args += shlex.split(line)[1:]
        elif words[0] == "disk":
            self.disks.append((words[1], kibibytes(words[2])))
        elif words[0] == "for":
            variable, first, last, body = line.split(None, 4)[1:]
            for value in range(int(first, 0), int(last, 0) + 1):
                self.add_loop(number, body.replace("{%s}" % variable, "%#x" % value), value)
        else:
            self.steps.append(("%s:%d" % (self.name, number), words))

    def add_loop(self, number, body, value):
        for command in body.split(";"):
            self.steps.append(("%s:%d.%x" % (self.name, number, value), command.split()))


def kibibytes(size):
    return int(size[:-1]) if size.endswith("K") else int(size) * 1024


def make_disk(path, kib):
    """Each sector holds its number and bytes that follow from it."""
    with open(path, "wb") as image:
        for sector in range(kib * 2):
            image.write(sector.to_bytes(8, "little") + bytes((sector * 7 + i) & 0xff for i in range(8)) * 63)


class Row:
    """One line of known.txt: for a line, an X of its loop, a range of X, or any X."""

    def __init__(self, key, ours, theirs, number):
        self.key, self.ours, self.theirs, self.number = key, ours, theirs, number
        self.seen = set()
        self.keys = None if key.endswith(".*") else {key}
        base, dot, last = key.partition(":")[2].partition(".")
        if "-" in last:
            low, high = (int(n, 16) for n in last.split("-"))
            self.keys = {"%s:%s.%x" % (key.partition(":")[0], base, n) for n in range(low, high + 1)}

    def covers(self, key, ours, theirs):
        here = key in self.keys if self.keys is not None else key.rpartition(".")[0] == self.key[:-2]
        if here and (ours, theirs) == (self.ours, self.theirs):
            self.seen.add(key)
            return True
        return False

    def used_up(self):
        return self.seen == self.keys if self.keys is not None else bool(self.seen)


class Known:
    """The listed differences."""

    def __init__(self, lines, origin="known.txt"):
        self.rows = []
        for number, line in enumerate(lines, 1):
            text, _, reason = line.partition("#")
            if not text.strip():
                continue
            words = text.split()
            if len(words) != 3 or not words[0].endswith(":") or not reason.strip():
                sys.exit("%s:%d: wanted 'script:line: ours theirs # reason'" % (origin, number))
            self.rows.append(Row(words[0][:-1], words[1], words[2], number))

    def covers(self, key, ours, theirs):
        if "DIED" in (ours, theirs):
            return False
        return any([row.covers(key, ours, theirs) for row in self.rows])

    def stale(self, scripts):
        return [row for row in self.rows if not row.used_up() and row.key.split(":")[0] in scripts]


def run_script(script, argv, disks):
    """All answers of one emulator, as a list of (key, command, answer)."""
    args = list(script.args)
    for name, path in disks.items():
        args = [a.replace("@%s@" % name, path) for a in args]
    emulator = Emulator(argv + args)
    answers = []
    try:
        for key, words in script.steps:
            answers.append((key, " ".join(words), emulator.run(words)))
    except Died as death:
        answers.append((script.steps[len(answers)][0], "", "DIED"))
        print("%s: %s: %s" % (answers[-1][0], argv[0], death))
    emulator.end()
    return answers


def compare(ours, theirs, known):
    """Prints what is not listed; returns (answers compared, differences listed, not listed)."""
    listed = unlisted = 0
    for (key, command, a), (_, _, b) in zip(ours, theirs):
        if a == b and a != "DIED":
            continue
        if known.covers(key, a, b):
            listed += 1
            continue
        unlisted += 1
        print("%s: %s %s # TODO %s" % (key, a, b, command))
    return min(len(ours), len(theirs)), listed, unlisted


def run_all(options, known):
    totals = [0, 0, 0]
    names = set()
    for path in options.scripts:
        script = Script(path)
        names.add(script.name)
        results = []
        for argv in (options.ours, options.theirs):
            with tempfile.TemporaryDirectory() as folder:
                disks = {}
                for name, kib in script.disks:
                    disks[name] = os.path.join(folder, name + ".img")
                    make_disk(disks[name], kib)
                results.append(run_script(script, argv, disks))
        if options.verbose:
            for (key, command, a), (_, _, b) in zip(*results):
                print("    %s %-30s %s %s" % (key, command, a, "" if a == b else b))
        counts = compare(results[0], results[1], known)
        totals = [t + c for t, c in zip(totals, counts)]
    stale = known.stale(names)
    for row in stale:
        print("known.txt:%d: %s no longer differs so: take the row out" % (row.number, row.key))
    print("%d scripts, %d answers compared, %d differences listed with reasons, %d not listed, %d stale"
          % (len(names), totals[0], totals[1], totals[2], len(stale)))
    return 1 if totals[2] or stale or not totals[0] else 0


def self_test():
    """The comparison fails where it has to."""
    ours = [("a.qts:1", "inb 1", "0x01"), ("a.qts:2", "inb 2", "0x02"), ("a.qts:3.5", "inb 3", "0x03")]
    theirs = [("a.qts:1", "inb 1", "0x01"), ("a.qts:2", "inb 2", "0xff"), ("a.qts:3.5", "inb 3", "0x04")]
    sys.stdout = open(os.devnull, "w")
    assert compare(ours, theirs, Known([])) == (3, 0, 2), "unlisted differences"
    known = Known(["# comment", "a.qts:2: 0x02 0xff # why", "a.qts:3.*: 0x03 0x04 # why"])
    assert compare(ours, theirs, known) == (3, 2, 0) and not known.stale({"a.qts"}), "listed"
    assert compare(ours, theirs, Known(["a.qts:2: 0x03 0xff # why"]))[2] == 2, "other values"
    assert compare(ours, theirs, Known(["a.qts:3.*: * * # why"]))[2] == 2, "no answer stands for all"
    known = Known(["a.qts:3.4-5: 0x03 0x04 # why"])
    assert compare(ours, theirs, known)[2] == 1 and known.stale({"a.qts"}), "only a part of the range"
    known = Known(["a.qts:3.5-5: 0x03 0x04 # why"])
    assert compare(ours, theirs, known)[2] == 1 and not known.stale({"a.qts"}), "the whole range"
    known = Known(["a.qts:1: 0x01 0x02 # why"])
    compare(ours, theirs, known)
    assert known.stale({"a.qts"}) and not known.stale({"b.qts"}), "stale"
    died = [("a.qts:1", "", "DIED")]
    assert compare(died, died, Known([]))[2] == 1, "both died"
    assert compare(died, ours, Known(["a.qts:1: DIED 0x01 # why"]))[2] == 1, "a death cannot be listed"
    try:
        Known(["a.qts:2: 0x02 0xff"])
        raise AssertionError("a row without a reason")
    except SystemExit:
        pass
    sys.stdout = sys.__stdout__
    print("self-test passed")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--ours")
    parser.add_argument("--theirs", default=THEIRS)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--known", default=os.path.join(HERE, "known.txt"))
    parser.add_argument("scripts", nargs="*")
    options = parser.parse_args()
    if options.self_test:
        self_test()
        return 0
    if options.ours:
        options.ours = shlex.split(options.ours + " " + COMMON)
    else:
        ours = [os.environ.get("KVM_DM", "build/kvm-dm")]
        options.ours = ours + shlex.split(OURS + " " + COMMON_OURS)
    options.theirs = shlex.split(options.theirs + " " + COMMON)
    if not options.scripts:
        options.scripts = sorted(os.path.join(HERE, f) for f in os.listdir(HERE) if f.endswith(".qts"))
    with open(options.known, encoding="utf-8") as lines:
        return run_all(options, Known(lines))


if __name__ == "__main__":
    sys.exit(main())
