// SPDX-License-Identifier: GPL-2.0-or-later
// A serial console in the page: a Vt drawn as lines of text, and the keyboard. What the guest writes becomes text
// nodes and numbers of colours only, never markup.
import {Vt} from './vt.js';

const COLUMNS = 80, ROWS = 25;
const COLOURS = ['#000000', '#cd3131', '#0dbc79', '#c5b50f', '#3b78ff', '#bc3fbc', '#11a8cd', '#cccccc',
                 '#767676', '#f14c4c', '#23d18b', '#f5f543', '#6f9dff', '#d670d6', '#29b8db', '#ffffff'];
const CUBE = [0, 95, 135, 175, 215, 255];

function colour(n) {
    if (n >= 0x1000000) return '#' + (n & 0xffffff).toString(16).padStart(6, '0');
    if (n < 16) return COLOURS[n];
    if (n > 255) return COLOURS[7];
    if (n >= 232) return 'rgb(' + Array(3).fill(8 + (n - 232) * 10) + ')';
    n -= 16;
    return 'rgb(' + [CUBE[Math.floor(n / 36)], CUBE[Math.floor(n / 6) % 6], CUBE[n % 6]] + ')';
}

function style(span, attr, isCursor) {
    let fg = attr.fg < 0 ? 7 : attr.fg, bg = attr.bg < 0 ? 0 : attr.bg;
    if (attr.bold && fg < 8) fg += 8;
    if (attr.inverse !== isCursor) [fg, bg] = [bg, fg];
    span.style.color = colour(fg);
    if (bg !== 0 || isCursor) span.style.backgroundColor = colour(bg);
    if (attr.underline) span.style.textDecoration = 'underline';
}

function drawLine(element, line, cursorX) {
    element.replaceChildren();
    for (let x = 0; x < line.length;) {
        const attr = line[x].attr, start = x, isCursor = x === cursorX;
        let text = '';
        do text += line[x++].ch;
        while (x < line.length && line[x].attr === attr && !isCursor && x !== cursorX);
        const span = document.createElement('span');
        span.textContent = text;
        style(span, attr, isCursor && start === cursorX);
        element.append(span);
    }
}

// Keys that are no characters: without, and with a modifier as xterm says it.
const FINALS = {ArrowUp: 'A', ArrowDown: 'B', ArrowRight: 'C', ArrowLeft: 'D', Home: 'H', End: 'F',
                F1: 'P', F2: 'Q', F3: 'R', F4: 'S'};
const TILDES = {Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21,
                F11: 23, F12: 24};
const PLAIN_KEYS = {Enter: '\r', Backspace: '\x7f', Tab: '\t', Escape: '\x1b'};

function controlCharacter(key) {
    if (key === ' ') return '\0';
    const code = key.toUpperCase().charCodeAt(0);
    return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code & 0x1f) : '';
}

export function keySequence(event, applicationKeys) {
    const modifier = 1 + (event.shiftKey ? 1 : 0) + (event.altKey ? 2 : 0) + (event.ctrlKey ? 4 : 0);
    const key = event.key;
    if (event.metaKey || (event.ctrlKey && event.shiftKey && 'CV'.includes(key))) return ''; // the browser's
    if (key in FINALS) {
        if (modifier > 1) return '\x1b[1;' + modifier + FINALS[key];
        return (applicationKeys || key.startsWith('F') ? '\x1bO' : '\x1b[') + FINALS[key];
    }
    if (key in TILDES) return '\x1b[' + TILDES[key] + (modifier > 1 ? ';' + modifier : '') + '~';
    if (key === 'Tab' && event.shiftKey) return '\x1b[Z';
    if (key in PLAIN_KEYS) return (event.altKey ? '\x1b' : '') + PLAIN_KEYS[key];
    if ([...key].length !== 1) return '';
    if (event.getModifierState && event.getModifierState('AltGraph')) return key;
    if (event.ctrlKey) return (event.altKey ? '\x1b' : '') + controlCharacter(key);
    return (event.altKey ? '\x1b' : '') + key;
}

export class SerialConsole {
    // send: called with the text that is typed.
    constructor(element, send) {
        this.send = send;
        this.live = false; // answers to reports are for a guest that asks now, not for one in the log
        this.vt = new Vt(COLUMNS, ROWS, (text) => { if (this.live) this.send(text); });
        this.pre = document.createElement('pre');
        this.pre.tabIndex = 0;
        element.append(this.pre);
        this.rows = new Map(); // line -> its element
        this.frame = 0;
        this.cursorLine = null;
        this.pre.addEventListener('keydown', (event) => this.key(event));
        this.pre.addEventListener('paste', (event) => {
            this.send(event.clipboardData.getData('text').replace(/\r?\n/g, '\r'));
            event.preventDefault();
        });
    }

    key(event) {
        const text = keySequence(event, this.vt.applicationKeys);
        if (!text) return;
        event.preventDefault();
        this.send(text);
    }

    write(text) {
        this.vt.write(text);
        if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
    }

    reset() {
        this.vt.reset();
        this.live = false;
        this.write('');
    }

    focus() { this.pre.focus(); }

    draw() {
        this.frame = 0;
        const vt = this.vt, all = vt.history.concat(vt.lines), cursorLine = vt.lines[vt.y];
        const atEnd = this.pre.parentElement.scrollTop + this.pre.parentElement.clientHeight >=
            this.pre.parentElement.scrollHeight - 4;
        if (this.cursorLine) vt.dirty.add(this.cursorLine);
        vt.dirty.add(cursorLine);
        this.cursorLine = cursorLine;
        const elements = all.map((line) => {
            let element = this.rows.get(line);
            const fresh = !element;
            if (fresh) this.rows.set(line, element = document.createElement('div'));
            if (fresh || vt.dirty.has(line))
                drawLine(element, line, line === cursorLine && vt.cursorVisible ? vt.x : -1);
            return element;
        });
        vt.dirty.clear();
        if (this.rows.size > all.length) {
            const kept = new Set(all);
            for (const line of this.rows.keys()) if (!kept.has(line)) this.rows.delete(line);
        }
        this.place(elements);
        if (atEnd) this.pre.parentElement.scrollTop = this.pre.parentElement.scrollHeight;
    }

    // Puts the elements in this order with few moves: mostly lines leave at the top and come at the end.
    place(elements) {
        const wanted = new Set(elements);
        for (const child of [...this.pre.children]) if (!wanted.has(child)) child.remove();
        elements.forEach((element, i) => {
            if (this.pre.children[i] !== element) this.pre.insertBefore(element, this.pre.children[i] || null);
        });
    }
}
