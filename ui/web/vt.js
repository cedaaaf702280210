// SPDX-License-Identifier: GPL-2.0-or-later
// What a serial line writes, as a screen: the part of ECMA-48 and of the VT102 that firmware, boot loaders, shells
// and full-screen programs use. (xterm.js would do it, but Debian's package of it has no browser build.)
// No DOM in here; what comes is a guest's, so that every number is bounded and nothing of it is obeyed but this.

const MAX_PARAMS = 16;
const MAX_NUMBER = 9999;
const MAX_STRING = 4096;
const MAX_HISTORY = 2000;
const TAB = 8;
const PLAIN = {fg: -1, bg: -1, bold: false, inverse: false, underline: false};

// DEC's line drawing characters, by code from 0x60 on.
const LINES = '\u25c6\u2592\u2409\u240c\u240d\u240a\u00b0\u00b1\u2424\u240b\u2518\u2510\u250c\u2514\u253c' +
              '\u23ba\u23bb\u2500\u23bc\u23bd\u251c\u2524\u2534\u252c\u2502\u2264\u2265\u03c0\u2260\u00a3\u00b7';

export class Vt {
    // answer: called with what the terminal says by itself (cursor reports).
    constructor(columns, rows, answer) {
        this.columns = columns;
        this.rows = rows;
        this.answer = answer || (() => {});
        this.reset();
    }

    reset() {
        this.state = 'ground';
        this.attr = PLAIN;
        this.x = this.y = 0;
        this.wrap = false; // the next character goes to the next line
        this.top = 0;
        this.bottom = this.rows - 1;
        this.autowrap = true;
        this.insert = this.origin = this.applicationKeys = false;
        this.cursorVisible = true;
        this.charsets = ['B', 'B'];
        this.charset = 0;
        this.history = [];
        this.dropped = 0; // lines that have left the history
        this.lines = [];
        for (let i = 0; i < this.rows; i++) this.lines.push(this.blankLine());
        this.saved = this.cursor();
        this.other = null; // the main screen, while the alternate one is shown
        this.dirty = new Set(this.lines);
    }

    blankCell() { return {ch: ' ', attr: this.attr === PLAIN ? PLAIN : {...PLAIN, bg: this.attr.bg}}; }
    blankLine() { return Array.from({length: this.columns}, () => this.blankCell()); }
    cursor() { return {x: this.x, y: this.y, attr: this.attr, charsets: [...this.charsets], charset: this.charset}; }

    write(text) {
        for (const ch of text) this.feed(ch);
    }

    // ---- the parser ----

    feed(ch) {
        const code = ch.codePointAt(0);
        if (this.state === 'string') {
            this.inString(ch, code);
        } else if (code === 0x1b) {
            this.state = 'escape';
        } else if (code === 0x18 || code === 0x1a) {
            this.state = 'ground';
        } else if (code < 0x20) {
            this.control(code);
        } else if (this.state === 'ground') {
            if (code >= 0x20 && code !== 0x7f && !(code >= 0x80 && code < 0xa0)) this.print(ch);
        } else if (this.state === 'escape') {
            this.escape(ch);
        } else if (this.state === 'charset') {
            this.charsets[this.which] = ch;
            this.state = 'ground';
        } else if (this.state === 'skip') {
            this.state = 'ground';
        } else {
            this.sequence(ch, code);
        }
    }

    // Titles and the like: nobody is told.
    inString(ch, code) {
        if (code === 7 || code === 0x18 || code === 0x1a || ++this.length > MAX_STRING) this.state = 'ground';
        else if (code === 0x1b) this.state = 'escape'; // of ESC \, which ends it
    }

    control(code) {
        switch (code) {
        case 8: this.wrap = false; if (this.x) this.x--; break;
        case 9: this.x = Math.min((Math.floor(this.x / TAB) + 1) * TAB, this.columns - 1); break;
        case 10: case 11: case 12: this.lineFeed(); break;
        case 13: this.x = 0; this.wrap = false; break;
        case 14: this.charset = 1; break;
        case 15: this.charset = 0; break;
        }
    }

    escape(ch) {
        this.state = 'ground';
        switch (ch) {
        case '[': this.state = 'sequence'; this.params = [0]; this.mark = ''; break;
        case ']': case 'P': case 'X': case '^': case '_': this.state = 'string'; this.length = 0; break;
        case '(': case ')': this.state = 'charset'; this.which = ch === '(' ? 0 : 1; break;
        case '#': case '%': case '*': case '+': case ' ': this.state = 'skip'; break;
        case '7': this.saved = this.cursor(); break;
        case '8': this.restore(); break;
        case 'D': this.lineFeed(); break;
        case 'E': this.x = 0; this.lineFeed(); break;
        case 'M': this.reverseLineFeed(); break;
        case 'c': this.reset(); break;
        }
    }

    sequence(ch, code) {
        if (ch >= '0' && ch <= '9') {
            const last = this.params.length - 1;
            this.params[last] = Math.min(this.params[last] * 10 + code - 48, MAX_NUMBER);
        } else if (ch === ';' || ch === ':') {
            if (this.params.length < MAX_PARAMS) this.params.push(0);
        } else if (code >= 0x20 && code < 0x40) {
            this.mark += this.mark.length < 4 ? ch : '';
        } else {
            this.state = 'ground';
            if (code >= 0x40 && code < 0x7f) this.run(ch);
        }
    }

    run(final) {
        const action = ACTIONS[this.mark + final];
        if (action) action(this, this.params, this.params[0] || 1);
    }

    // ---- what is shown ----

    touch(y) { this.dirty.add(this.lines[y]); }

    print(ch) {
        if (this.wrap) {
            this.x = 0;
            this.lineFeed();
        }
        if (this.charsets[this.charset] === '0' && ch >= '`' && ch <= '~') ch = LINES[ch.charCodeAt(0) - 0x60];
        const line = this.lines[this.y];
        if (this.insert) {
            line.splice(this.x, 0, null);
            line.length = this.columns;
        }
        line[this.x] = {ch, attr: this.attr};
        this.touch(this.y);
        if (this.x < this.columns - 1) this.x++;
        else this.wrap = this.autowrap;
    }

    lineFeed() {
        this.wrap = false;
        if (this.y === this.bottom) this.scrollUp(1);
        else if (this.y < this.rows - 1) this.y++;
    }

    reverseLineFeed() {
        this.wrap = false;
        if (this.y === this.top) this.scrollDown(1);
        else if (this.y) this.y--;
    }

    scrollUp(count, from = this.top) {
        for (let i = 0; i < Math.min(count, this.bottom - from + 1); i++) {
            const [gone] = this.lines.splice(from, 1);
            if (from === 0 && this.top === 0 && !this.other) this.keep(gone);
            this.lines.splice(this.bottom, 0, this.blankLine());
        }
        this.dirty = new Set(this.lines);
    }

    scrollDown(count, from = this.top) {
        for (let i = 0; i < Math.min(count, this.bottom - from + 1); i++) {
            this.lines.splice(this.bottom, 1);
            this.lines.splice(from, 0, this.blankLine());
        }
        this.dirty = new Set(this.lines);
    }

    keep(line) {
        this.history.push(line);
        if (this.history.length > MAX_HISTORY) {
            this.history.shift();
            this.dropped++;
        }
    }

    erase(y, from, to) {
        for (let x = Math.max(from, 0); x < Math.min(to, this.columns); x++) this.lines[y][x] = this.blankCell();
        this.touch(y);
    }

    eraseScreen(how) {
        if (how === 0) this.erase(this.y, this.x, this.columns);
        if (how === 1) this.erase(this.y, 0, this.x + 1);
        const first = how === 0 ? this.y + 1 : 0, end = how === 1 ? this.y : this.rows;
        for (let y = first; y < end; y++) this.erase(y, 0, this.columns);
        if (how === 3) this.history = [];
    }

    move(x, y) {
        this.wrap = false;
        this.x = Math.min(Math.max(x, 0), this.columns - 1);
        this.y = Math.min(Math.max(y, 0), this.rows - 1);
    }

    // By lines, not beyond the scrolling region.
    moveLines(count) {
        const top = this.y >= this.top ? this.top : 0;
        const bottom = this.y <= this.bottom ? this.bottom : this.rows - 1;
        this.move(this.x, Math.min(Math.max(this.y + count, top), bottom));
    }

    moveTo(x, y) { this.move(x, this.origin ? Math.min(y + this.top, this.bottom) : y); }

    restore() {
        const s = this.saved;
        this.attr = s.attr;
        this.charsets = [...s.charsets];
        this.charset = s.charset;
        this.move(s.x, s.y);
    }

    region(top, bottom) {
        if (top < 1 || bottom > this.rows || top >= bottom) {
            top = 1;
            bottom = this.rows;
        }
        this.top = top - 1;
        this.bottom = bottom - 1;
        this.moveTo(0, 0);
    }

    alternate(on) {
        if (on === !!this.other) return;
        if (on) {
            this.other = this.lines;
            this.lines = Array.from({length: this.rows}, () => this.blankLine());
        } else {
            this.lines = this.other;
            this.other = null;
        }
        this.dirty = new Set(this.lines);
    }

    mode(number, on) {
        switch (number) {
        case 1: this.applicationKeys = on; break;
        case 6: this.origin = on; this.moveTo(0, 0); break;
        case 7: this.autowrap = on; break;
        case 25: this.cursorVisible = on; this.touch(this.y); break;
        case 47: case 1047: this.alternate(on); break;
        case 1048: if (on) this.saved = this.cursor(); else this.restore(); break;
        case 1049:
            if (on) this.saved = this.cursor();
            this.alternate(on);
            if (!on) this.restore();
            break;
        }
    }

    // ---- colours ----

    rendition(params) {
        const attr = {...this.attr};
        for (let i = 0; i < params.length; i++) {
            const n = params[i];
            if (n === 0) Object.assign(attr, PLAIN);
            else if (n === 1) attr.bold = true;
            else if (n === 4) attr.underline = true;
            else if (n === 7) attr.inverse = true;
            else if (n === 22) attr.bold = false;
            else if (n === 24) attr.underline = false;
            else if (n === 27) attr.inverse = false;
            else if (n >= 30 && n <= 37) attr.fg = n - 30;
            else if (n >= 40 && n <= 47) attr.bg = n - 40;
            else if (n >= 90 && n <= 97) attr.fg = n - 82;
            else if (n >= 100 && n <= 107) attr.bg = n - 92;
            else if (n === 39) attr.fg = -1;
            else if (n === 49) attr.bg = -1;
            else if (n === 38 || n === 48) {
                const colour = params[i + 1] === 5 ? params[i + 2] : 0x1000000 | params[i + 2] << 16 |
                    params[i + 3] << 8 | params[i + 4];
                attr[n === 38 ? 'fg' : 'bg'] = colour & 0x1ffffff;
                i += params[i + 1] === 5 ? 2 : 4;
            }
        }
        this.attr = attr;
    }

    report(number) {
        if (number === 5) this.answer('\x1b[0n');
        if (number === 6) this.answer('\x1b[' + (this.y + 1) + ';' + (this.x + 1) + 'R');
    }

    text() {
        return this.lines.map((line) => line.map((cell) => cell.ch).join('').trimEnd()).join('\n');
    }
}

// By mark and final byte; n is the first parameter, 1 if it is not given or 0.
const ACTIONS = {
    'A': (t, p, n) => t.moveLines(-n),
    'B': (t, p, n) => t.moveLines(n),
    'e': (t, p, n) => t.moveLines(n),
    'C': (t, p, n) => t.move(t.x + n, t.y),
    'a': (t, p, n) => t.move(t.x + n, t.y),
    'D': (t, p, n) => t.move(t.x - n, t.y),
    'E': (t, p, n) => { t.moveLines(n); t.x = 0; },
    'F': (t, p, n) => { t.moveLines(-n); t.x = 0; },
    'G': (t, p, n) => t.move(n - 1, t.y),
    '`': (t, p, n) => t.move(n - 1, t.y),
    'd': (t, p, n) => t.moveTo(t.x, n - 1),
    'H': (t, p, n) => t.moveTo((p[1] || 1) - 1, n - 1),
    'f': (t, p, n) => t.moveTo((p[1] || 1) - 1, n - 1),
    'J': (t, p) => t.eraseScreen(p[0]),
    'K': (t, p) => t.erase(t.y, p[0] === 0 ? t.x : 0, p[0] === 1 ? t.x + 1 : t.columns),
    'X': (t, p, n) => t.erase(t.y, t.x, t.x + n),
    'L': (t, p, n) => { if (t.y >= t.top && t.y <= t.bottom) t.scrollDown(n, t.y); },
    'M': (t, p, n) => { if (t.y >= t.top && t.y <= t.bottom) t.scrollUp(n, t.y); },
    'S': (t, p, n) => t.scrollUp(n),
    'T': (t, p, n) => t.scrollDown(n),
    'P': (t, p, n) => {
        const line = t.lines[t.y];
        line.splice(t.x, Math.min(n, t.columns - t.x));
        while (line.length < t.columns) line.push(t.blankCell());
        t.touch(t.y);
    },
    '@': (t, p, n) => {
        const line = t.lines[t.y];
        for (let i = 0; i < Math.min(n, t.columns - t.x); i++) line.splice(t.x, 0, t.blankCell());
        line.length = t.columns;
        t.touch(t.y);
    },
    'm': (t, p) => t.rendition(p),
    'r': (t, p) => t.region(p[0] || 1, p[1] || t.rows),
    's': (t) => { t.saved = t.cursor(); },
    'u': (t) => t.restore(),
    'n': (t, p) => t.report(p[0]),
    'c': (t) => t.answer('\x1b[?6c'), // a VT102
    'h': (t, p) => { if (p[0] === 4) t.insert = true; },
    'l': (t, p) => { if (p[0] === 4) t.insert = false; },
    '?h': (t, p) => p.forEach((n) => t.mode(n, true)),
    '?l': (t, p) => p.forEach((n) => t.mode(n, false)),
    '!p': (t) => t.reset(),
};
