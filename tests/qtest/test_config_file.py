#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-readconfig and -writeconfig: a command line survives the way into a file and back; bad files are named by line."""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, run


def start(*options):
    p = subprocess.run([KVM_DM, *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def explained(*options):
    code, out, err = start(*options, "-explain", "json")
    assert code == 0, err
    return json.loads(out)


def test_there_and_back():
    with tempfile.TemporaryDirectory() as d:
        disk, conf = os.path.join(d, "a,b.raw"), os.path.join(d, "vm.conf")
        with open(disk, "wb") as f:
            f.truncate(1 << 20)
        line = ["-m", "size=256", "-name", "guest=a b,process=p", "-drive",
                "file=%s,format=raw,if=none,id=x,snapshot" % disk.replace(",", ",,"), "-device", "ide-hd,drive=x,serial=S 1",
                "-nodefaults", "-chardev", "socket,id=c,path=/run/x,server,nowait", "-serial", "chardev:c",
                "-blockdev", '{"driver":"null-co","node-name":"n","size":1048576}', "-device", "ide-hd,drive=n,bus=ide.1",
                "-boot", "order=c,menu=on", "-global", "ide-hd.ver=7", "-rtc", "base=localtime"]
        want = explained(*line)
        code, _, err = start(*line, "-writeconfig", conf, "-explain", "text")
        assert code == 0, err
        assert explained("-readconfig", conf) == want
        code, out, _ = start(*line, "-writeconfig", "-", "-explain", "text")
        with open(conf) as f:
            text = f.read()
        assert text in out
        assert '[drive "x"]' in text and '[kvm-dm]\n  nodefaults = ""' in text, text


def test_bad_files():
    cases = (("[drive", "bad:1"), ("file = \"x\"", "bad:1"), ("[nothing]", "'nothing'"), ("[memory]\nsize = 5", "bad:2"),
             ("[memory]\nsize", "bad:2"), ("[memory]\n\n#c\nsize = \"1X\"", "1X"), ("[memory]\nwrong = \"1\"", "wrong"),
             ("[kvm-dm]\nreadconfig = \"bad\"", "readconfig"), ("[kvm-dm]\nno-such = \"\"", "no-such"),
             ("[memory] x\n", "bad:1"), ("[kvm-dm]\nkernel = \"/no/kernel\"\n", "/no/kernel"))
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "bad")
        for text, words in cases:
            with open(path, "w") as f:
                f.write(text)
            code, out, err = start("-readconfig", path, "-explain", "text")
            assert code == 1 and not out and err.count("\n") == 1 and words in err, (text, err)
        for path in ("/no/such/file", d, "/dev/zero" if False else __file__ + ".no"):
            code, _, err = start("-readconfig", path)
            assert code == 1 and err.count("\n") == 1, err


def test_random_files():
    rnd = random.Random(6)
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "f")
        for _ in range(150):
            with open(path, "wb") as f:
                f.write(bytes(rnd.choice(b'[]"=,\n\n drivefmsz#\xff\x00k') for _ in range(rnd.randrange(300))))
            code, _, err = start("-readconfig", path, "-explain", "text")
            assert code in (0, 1) and err.count("\n") <= 1, (code, err)


if __name__ == "__main__":
    run(sys.modules[__name__])
