# SPDX-License-Identifier: GPL-2.0-or-later
"""
The web console as a person meets it: in Chromium, by the address that was printed. SeaBIOS's boot menu and a boot
sector are driven by keys that the browser gets; the canvas is compared with screendump; the serial console, the
text for copying and the power buttons are used; without the token, or from a foreign page, there is nothing.
"""
import base64
import http.server
import json
import os
import re
import select
import shutil
import subprocess
import threading
import time

from vmtest import GUESTS, Vm, check, done, fail, need_file, need_kvm, skip, tmp

HERE = os.path.dirname(os.path.abspath(__file__))
WEB = os.path.join(HERE, "..", "web")
LIMIT_S = 150


def playwright():
    """The folder with playwright-core of package-lock.json, installed into the build directory."""
    lock = os.path.join(WEB, "package-lock.json")
    into = os.path.join(os.path.dirname(GUESTS), "web-test")
    stamp = os.path.join(into, "package-lock.json")
    if not shutil.which("npm"):
        skip("npm is missing (Debian package npm)")
    with open(lock) as f:
        wanted = f.read()
    if os.path.exists(os.path.join(into, "installed")) and open(stamp).read() == wanted:
        return into
    shutil.rmtree(into, ignore_errors=True)
    os.makedirs(into)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(WEB, name), into)
    npm = subprocess.run(["timeout", "-k", "5", "300", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                         cwd=into, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if npm.returncode:
        print(npm.stdout.decode(errors="replace"))
        skip("npm ci could not install playwright-core: the npm registry cannot be reached")
    open(os.path.join(into, "installed"), "w").close()
    return into


class Browser:
    def __init__(self, core):
        with open(tmp("browser.log"), "wb") as log:
            self.process = subprocess.Popen(["node", os.path.join(WEB, "drive.mjs"), core, tmp("profile")],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.answer(90)

    def answer(self, limit_s):
        ready, _, _ = select.select([self.process.stdout], [], [], limit_s)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            with open(tmp("browser.log"), errors="replace") as f:
                print(f.read()[-3000:])
            fail("the browser does not answer")
        return json.loads(line)

    def try_do(self, op, limit_s=LIMIT_S + 20, **args):
        self.process.stdin.write(json.dumps({"op": op, **args}).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer(limit_s)

    def do(self, op, **args):
        got = self.try_do(op, **args)
        if "error" in got:
            print(self.try_do("said"))
            fail(f"browser: {op} {args}: {got['error']}")
        return got.get("value")

    def eval(self, js):
        return self.do("eval", js=js)

    def wait(self, js, what, limit_s=60):
        got = self.try_do("wait", js=js, ms=limit_s * 1000)
        if "error" in got:
            print(self.try_do("said"))
            print(self.try_do("eval", js="document.activeElement.outerHTML.slice(0, 200)"))
            print(self.try_do("eval", js="document.querySelector('.view:not([hidden])').innerText.slice(0, 2000)"))
            fail(f"not in {limit_s} s: {what}")
        check(True, what)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


CANVAS = """(() => {
    const c = document.querySelector('#screen canvas');
    if (!c || !c.width) return [0, 0, ''];
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    let s = '';
    for (let i = 0; i < d.length; i += 4) s += String.fromCharCode(d[i], d[i + 1], d[i + 2]);
    return [c.width, c.height, btoa(s)];
})()"""


def same_picture(vm, browser, what, size=None):
    """The canvas comes to hold what screendump writes; a blinking cursor may differ now and then."""
    end = time.monotonic() + 60
    while True:
        before = vm.screen()
        width, height, data = browser.eval(CANVAS)
        if (width, height) == before[:2] and (not size or size == (width, height)) and \
                base64.b64decode(data) in (before[2], vm.screen()[2]):
            check(True, f"{what}: {width} x {height}, every pixel")
            return
        if time.monotonic() > end:
            browser.do("shot", path=tmp("shot.png"))
            fail(f"{what}: the canvas of {width} x {height} is not the screen of {before[0]} x {before[1]}")
        time.sleep(0.3)


def wait_text(vm, text, limit_s=LIMIT_S):
    got = vm.try_qmp("wait-screen", timeout=limit_s + 10, text=text, **{"timeout-ms": limit_s * 1000})
    if "return" not in got:
        print("\n".join(vm.qmp("query-screen-text")["lines"]).rstrip())
        fail(f"not on the screen in {limit_s} s: {text}")
    return got["return"]


def boot_by_menu(vm, browser):
    wait_text(vm, "Press ESC for boot menu")
    browser.do("press", key="Escape")
    entry = wait_text(vm, r"^\d\. .*ata0-1.*$", 60)["line"]
    same_picture(vm, browser, "SeaBIOS's menu, opened by a key in the browser")
    browser.do("press", key=entry[0])
    wait_text(vm, "the web guest is here")
    check(True, "the disk that was chosen in the browser boots")


def keys(vm, browser):
    """In parts that fit into the 15 keys that a BIOS keeps for a program which has no time now."""
    text = "The quick brown fox, (jumps) over 4567890 lazy dogs; {it}~ is |typed|!"
    for i in range(0, len(text), 10):
        browser.do("type", text=text[i:i + 10])
        wait_text(vm, re.escape(text[:i + 10].rstrip()), 60)
    check(True, f"{len(text)} characters typed, none lost, none doubled")
    same_picture(vm, browser, "and they are seen")


def modes(vm, browser):
    for key, size in (("2", (640, 480)), ("3", (640, 400)), ("1", None)):
        browser.do("press", key=key)
        end = time.monotonic() + 30
        while size and vm.screen()[:2] != size and time.monotonic() < end:
            time.sleep(0.2)
        same_picture(vm, browser, "the canvas follows the mode", size)
    wait_text(vm, "the web guest is here", 30)


def text_view(vm, browser):
    browser.do("click", selector="[data-view=text]")
    browser.wait("document.getElementById('text-lines').textContent.includes('the web guest is here')",
                 "the screen as text, for copying")
    lines = "\n".join(vm.qmp("query-screen-text")["lines"])
    check(browser.eval("document.getElementById('text-lines').textContent") == lines, "it is query-screen-text's")
    browser.do("click", selector="[data-view=screen]")


def serial_view(browser):
    browser.wait("window.kvmDm.serial.get('serial0')", "there is a serial console")
    browser.do("click", selector="[data-view=serial0]")
    text = "document.querySelector('#serial0 pre').innerText"
    browser.wait(f"{text}.includes('the web guest is here')", "what came before the page is shown")
    browser.do("type", text="Ab9%")
    browser.do("press", key="ArrowUp")
    browser.wait(f"{text}.includes('<A><b><9><%>')", "what is typed there comes back from the guest")
    browser.do("click", selector="[data-view=screen]")


def state(browser, word):
    browser.wait(f"document.getElementById('state').textContent === '{word}'", f"the page says: {word}")


def buttons(vm, browser):
    browser.do("click", selector="[data-do=pause]")
    vm.wait_event("STOP")
    state(browser, "paused")
    check(vm.qmp("query-status")["status"] == "paused", "paused by a button")
    browser.do("click", selector="[data-do=resume]")
    vm.wait_event("RESUME")
    state(browser, "running")
    browser.do("click", selector="[data-do=powerdown]")
    vm.wait_event("POWERDOWN")
    browser.do("dialogs", accept=False)
    browser.do("click", selector="[data-do=reset]")
    browser.do("click", selector="[data-do=quit]")
    time.sleep(0.5)
    said = browser.do("said")
    check(len([s for s in said if s.startswith("dialog: ")]) == 2, "reset and quit ask first")
    vm.qmp("query-status")
    check(not [e for e in vm.events if e["event"] in ("RESET", "SHUTDOWN")], "and a no is heard")
    browser.do("dialogs", accept=True)
    browser.do("click", selector="[data-do=reset]")
    vm.wait_event("RESET")
    wait_text(vm, "Press ESC for boot menu")
    check(True, "reset by a button: SeaBIOS is there again")


def intruders(browser, url):
    """A page of another origin, and one without the token."""
    base, token = url.split("#token=")

    class Foreign(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>foreign</title>")

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser.do("goto", url=f"http://localhost:{server.server_port}/")
    where = base.replace("http:", "ws:") + "control"
    for name, offered in (("with the token", token), ("without", "0" * 32)):
        got = browser.eval(f"""new Promise((done) => {{
            const s = new WebSocket('{where}', ['kvm-dm', 'token.{offered}']);
            s.onopen = () => done('open'); s.onclose = () => done('closed'); }})""")
        check(got == "closed", f"a foreign page's WebSocket is refused, {name}")
    got = browser.eval(f"fetch('{base}').then(() => 'read', () => 'refused')")
    check(got == "refused", "nor can it read the page")
    server.shutdown()
    browser.eval("sessionStorage.clear()")
    browser.do("goto", url=base + "#token=" + "0" * 32)
    browser.wait("document.getElementById('message').textContent.startsWith('No access')",
                 "with a wrong token the page says: no access")
    check(browser.eval("!document.querySelector('#screen canvas')"), "and shows no screen")
    browser.do("goto", url="about:blank")
    browser.do("said")


def main():
    need_kvm()
    for path, package in (("/usr/bin/chromium", "chromium"), ("/usr/share/novnc/core/rfb.js", "novnc")):
        need_file(path, package)
    if not shutil.which("node"):
        skip("node is missing (Debian package nodejs)")
    core = playwright()
    start = time.monotonic()
    disk = tmp("web.img")
    shutil.copy(os.path.join(GUESTS, "rom", "web.bin"), disk)
    os.truncate(disk, 1 << 20)
    empty = tmp("empty.img")
    with open(empty, "wb") as f:
        f.truncate(1 << 20)
    vm = Vm(["-m", "16", "-vga", "std", "-drive", f"file={empty},format=raw,index=0",
             "-drive", f"file={disk},format=raw,index=1", "-boot", "menu=on,splash-time=60000",
             "-name", "webguest", "-display", "web=127.0.0.1:0"], serial="vc", paused=True)
    url = vm.qmp("query-web")["url"]
    with open(vm.stderr_path) as f:
        check(f"web console: {url}\n" in f.read(), "the address was printed")
    browser = Browser(core)
    intruders(browser, url)
    check(browser.do("goto", url=url) == 200, f"the page is there after {time.monotonic() - start:.0f} s")
    state(browser, "prelaunch")
    check("token" not in browser.eval("location.href"), "the token is gone from the address")
    check(browser.eval("document.getElementById('name').textContent") == "webguest", "the VM's name")
    browser.do("click", selector="[data-do=resume]")
    vm.wait_event("RESUME")
    browser.wait("document.querySelector('#screen canvas')", "noVNC has a canvas")
    boot_by_menu(vm, browser)
    keys(vm, browser)
    modes(vm, browser)
    text_view(vm, browser)
    serial_view(browser)
    browser.do("goto", url="about:blank")
    browser.do("goto", url=url)
    browser.wait("document.querySelector('#screen canvas')", "opened once more")
    same_picture(vm, browser, "the screen is there at once")
    buttons(vm, browser)
    bad = [s for s in browser.do("said") if s.startswith("error")]
    check(not bad, f"the page has no errors: {bad}")
    browser.do("click", selector="[data-do=quit]")
    check(vm.wait_exit(20) == 0, "quit by a button, exit code 0")
    browser.wait("document.getElementById('state').textContent === 'not connected'", "and the page says so")
    browser.close()
    done(f"Chromium: screen, keys, modes, text, serial, buttons, intruders; {time.monotonic() - start:.0f} s")


main()
