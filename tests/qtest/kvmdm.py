# SPDX-License-Identifier: GPL-2.0-or-later
"""A kvm-dm process under test: a qtest client and a QMP client on its sockets."""
import json
import os
import socket
import subprocess
import tempfile
import time

KVM_DM = os.environ.get("KVM_DM", "build/kvm-dm")
LIMIT_S = 10


class Refused(Exception):
    """The process ended before it connected: exit code, what it said."""


class Stream:
    """Lines over a unix socket that the process connects to."""

    def __init__(self, directory, name):
        self.path = os.path.join(directory, name)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.settimeout(LIMIT_S)
        self.data = b""

    def accept(self, process):
        end = time.monotonic() + LIMIT_S
        self.listener.settimeout(0.2)
        while True:
            try:
                self.sock, _ = self.listener.accept()
                break
            except TimeoutError:
                if process.poll() is not None:
                    raise Refused(process.returncode, process.stderr.read().decode(errors="replace"))
                if time.monotonic() > end:
                    process.kill()
                    raise
        self.sock.settimeout(LIMIT_S)

    def send(self, text):
        self.sock.sendall(text.encode() + b"\n")

    def line(self):
        while b"\n" not in self.data:
            more = self.sock.recv(1 << 20)
            if not more:
                raise EOFError("the process closed " + self.path)
            self.data += more
        line, self.data = self.data.split(b"\n", 1)
        return line.decode().rstrip("\r")


class Machine:
    """Starts kvm-dm without a vCPU, driven over qtest; also QMP. Use as a context manager."""

    def __init__(self, *options, qmp=True, pass_fds=()):
        self.dir = tempfile.TemporaryDirectory(prefix="kvm-dm-qtest-")
        self.options = options
        self.pass_fds = pass_fds
        self.qtest = Stream(self.dir.name, "qtest")
        self.qmp = Stream(self.dir.name, "qmp") if qmp else None
        self.irqs = []
        self.events = []
        self.exit_code = 0  # what the end of the block expects

    def __enter__(self):
        command = [KVM_DM, "-accel", "qtest", "-display", "none", "-qtest", "unix:" + self.qtest.path,
                   "-qtest-log", "/dev/null", *self.options]
        if self.qmp:
            command += ["-chardev", "socket,path=%s,id=char0" % self.qmp.path,
                        "-mon", "chardev=char0,mode=control"]
        # An address sanitizer build would keep freed memory, and growth could not be told from that.
        environment = dict(os.environ)
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, pass_fds=self.pass_fds)
        self.qtest.accept(self.process)
        if self.qmp:
            self.qmp.accept(self.process)
            json.loads(self.qmp.line())
            self.execute("qmp_capabilities")
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("SIGTERM did not end the process")
        self.stderr = self.process.stderr.read().decode(errors="replace")
        self.process.stderr.close()
        self.qtest.sock.close()
        self.qtest.listener.close()
        if self.qmp:
            self.qmp.sock.close()
            self.qmp.listener.close()
        self.dir.cleanup()
        if exc[0] is None:
            assert self.process.returncode == self.exit_code, "exit %r: %s" % (self.process.returncode, self.stderr)
            assert "ERROR: " not in self.stderr, self.stderr  # a sanitizer spoke
            assert len(self.stderr) < 65536, "stderr grew by %d bytes" % len(self.stderr)

    def kill(self):
        """As a crash of the host's user would: nothing is flushed, nothing said."""
        self.process.kill()
        self.process.wait()
        self.exit_code = self.process.returncode

    def answer(self, text):
        while True:
            line = self.qtest.line()
            if line.startswith("IRQ "):
                word, number = line.split()[1:]
                self.irqs.append((word, int(number)))
                continue
            assert line.startswith("OK"), "%s -> %s" % (text, line)
            return line[3:]

    def cmd(self, text):
        self.qtest.send(text)
        return self.answer(text)

    def cmds(self, texts):
        """Many commands at once, sent before the first answer is waited for."""
        out = []
        for first in range(0, len(texts), 256):
            part = texts[first:first + 256]
            self.qtest.send("\n".join(part))
            out += [self.answer(text) for text in part]
        return out

    def inb(self, port): return int(self.cmd("inb 0x%x" % port), 16)
    def inw(self, port): return int(self.cmd("inw 0x%x" % port), 16)
    def inl(self, port): return int(self.cmd("inl 0x%x" % port), 16)
    def outb(self, port, v): self.cmd("outb 0x%x 0x%x" % (port, v))
    def outw(self, port, v): self.cmd("outw 0x%x 0x%x" % (port, v))
    def outl(self, port, v): self.cmd("outl 0x%x 0x%x" % (port, v))
    def read(self, addr, n): return bytes.fromhex(self.cmd("read 0x%x 0x%x" % (addr, n))[2:])
    def write(self, addr, data): self.cmd("write 0x%x 0x%x 0x%s" % (addr, len(data), data.hex()))
    def step(self, ns=None): return int(self.cmd("clock_step" + ("" if ns is None else " %d" % ns)))

    def config_read(self, devfn, reg):
        self.outl(0xcf8, 0x80000000 | devfn << 8 | reg)
        return self.inl(0xcfc)

    def config_write(self, devfn, reg, value):
        self.outl(0xcf8, 0x80000000 | devfn << 8 | reg)
        self.outl(0xcfc, value)

    def ask(self, command, **arguments):
        """The whole answer, an error too."""
        request = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        self.qmp.send(json.dumps(request))
        while True:
            answer = json.loads(self.qmp.line())
            if "event" not in answer:
                return answer
            self.events.append(answer)

    def execute(self, command, **arguments):
        answer = self.ask(command, **arguments)
        assert "return" in answer, "%s -> %s" % (command, answer)
        return answer["return"]

    def named(self, event):
        """The data of all events of this name so far; those of commands that were answered are among them."""
        return [e.get("data", {}) for e in self.events if e["event"] == event]

    def alive(self):
        """The shared oracles: answers on both sockets within a second."""
        start = time.monotonic()
        self.inb(0x61)
        if self.qmp:
            self.execute("query-status")
        assert time.monotonic() - start < 1.0, "slow to answer"

    def rss_kib(self):
        with open("/proc/%d/statm" % self.process.pid) as f:
            return int(f.read().split()[1]) * 4

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))


def run(module):
    """Runs every test_* function of a module; the last line printed is the summary."""
    names = [n for n in sorted(vars(module)) if n.startswith("test_")]
    for name in names:
        start = time.monotonic()
        print(name, end=" ", flush=True)
        getattr(module, name)()
        print("%.1f s" % (time.monotonic() - start), flush=True)
    print("%d cases passed" % len(names))
