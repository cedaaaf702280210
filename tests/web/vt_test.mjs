// SPDX-License-Identifier: GPL-2.0-or-later
// The page's terminal without a page: what sequences do to the cells, and that nothing makes it grow or fall.
import assert from 'node:assert';
import {Vt} from '../../ui/web/vt.js';
import {keySequence} from '../../ui/web/serial.js';

let cases = 0;
const ESC = '\x1b';

function screen(text, columns = 10, rows = 4) {
    const t = new Vt(columns, rows);
    t.write(text);
    cases++;
    return t;
}

function shows(text, want, columns, rows) {
    const t = screen(text, columns, rows);
    assert.strictEqual(t.text(), want.join('\n'), JSON.stringify(text));
    return t;
}

// ---- plain text ----
shows('ab\r\ncd', ['ab', 'cd', '', '']);
shows('0123456789A', ['0123456789', 'A', '', '']);
shows('0123456789\r\nA', ['0123456789', 'A', '', '']); // a line that is just full
shows('a\bb\tc', ['b       c', '', '', '']);
shows('1\r\n2\r\n3\r\n4\r\n5', ['2', '3', '4', '5']);
assert.deepStrictEqual(screen('1\r\n2\r\n3\r\n4\r\n5').history.map((l) => l[0].ch), ['1']);
shows('gr\u00fc\u00dfe \u2500', ['gr\u00fc\u00dfe \u2500', '', '', '']);
shows('a\x00\x07\x7f\x9bb', ['ab', '', '', '']); // C1 controls are none here: UTF-8
// ---- moving and erasing ----
shows(ESC + '[2;3Hx' + ESC + '[Ay' + ESC + '[3Bz' + ESC + '[5Dw', ['   y', '  x', '', 'w   z']);
shows(ESC + '[99;99Hx', ['', '', '', '         x']);
shows('abcdef' + ESC + '[3G' + ESC + '[K', ['ab', '', '', '']);
shows('abcdef' + ESC + '[3G' + ESC + '[1K', ['   def', '', '', '']);
shows('ab\r\ncd\r\nef' + ESC + '[2;1H' + ESC + '[J', ['ab', '', '', '']);
shows('ab\r\ncd\r\nef' + ESC + '[2;2H' + ESC + '[1J', ['', '', 'ef', '']);
shows('ab' + ESC + '[2Jc', ['  c', '', '', '']);
shows('abcdef' + ESC + '[2G' + ESC + '[2P', ['adef', '', '', '']);
shows('abcdef' + ESC + '[2G' + ESC + '[2@', ['a  bcdef', '', '', '']);
shows('abcdef' + ESC + '[2G' + ESC + '[3X', ['a   ef', '', '', '']);
shows('1\r\n2\r\n3' + ESC + '[2;1H' + ESC + '[L', ['1', '', '2', '3']);
shows('1\r\n2\r\n3' + ESC + '[2;1H' + ESC + '[M', ['1', '3', '', '']);
shows('1\r\n2\r\n3\r\n4' + ESC + '[2;3r' + ESC + '[3;1H\n' + 'x', ['1', '3', 'x', '4']);
shows('1\r\n2\r\n3\r\n4' + ESC + '[2;3r' + ESC + '[2;1H' + ESC + 'M' + 'x', ['1', 'x', '2', '4']);
shows('abc' + ESC + '[4h' + ESC + '[1Gx', ['xabc', '', '', '']);
shows('ab' + ESC + '7' + ESC + '[3;3H' + ESC + '8c', ['abc', '', '', '']);
shows(ESC + '(0lqk' + ESC + '(Bx', ['\u250c\u2500\u2510x', '', '', '']);
shows('main' + ESC + '[?1049hother' + ESC + '[?1049l!', ['main!', '', '', '']);
shows('a' + ESC + ']0;a title\x07b', ['ab', '', '', '']);
shows('a' + ESC + ']0;a title' + ESC + '\\b', ['ab', '', '', '']);
shows('a' + ESC + 'cb', ['b', '', '', '']);
// ---- colours ----
{
    const t = screen('\x1b[1;31;44mr\x1b[0;97;103mb\x1b[38;5;200m5\x1b[48;2;1;2;3mt\x1b[mp');
    const a = t.lines[0].map((c) => c.attr);
    assert.deepStrictEqual([a[0].bold, a[0].fg, a[0].bg], [true, 1, 4]);
    assert.deepStrictEqual([a[1].bold, a[1].fg, a[1].bg], [false, 15, 11]);
    assert.strictEqual(a[2].fg, 200);
    assert.strictEqual(a[3].bg, 0x1010203);
    assert.deepStrictEqual([a[4].fg, a[4].bg], [-1, -1]);
}
// ---- answers ----
{
    const said = [];
    const t = new Vt(10, 4, (text) => said.push(text));
    t.write('\x1b[2;5H\x1b[6n\x1b[5n\x1b[c');
    assert.deepStrictEqual(said, ['\x1b[2;5R', '\x1b[0n', '\x1b[?6c']);
    cases++;
}
// ---- hostile ----
shows(ESC + '[999999999999999999;99999999999999Hx', ['', '', '', '         x']);
shows(ESC + '[' + '1;'.repeat(10000) + 'Hx', ['x', '', '', '']);
for (const final of 'ABCDEFGHJKLMPSTX@abcdefghlmnrsu`') {
    const t = screen('abc\x1b[' + '9'.repeat(50) + final + '\x1b[99999;99999' + final + '\x1b[0' + final + 'z');
    assert.ok(t.lines.length === 4 && t.lines.every((l) => l.length === 10 && l.every((c) => c && c.ch)), final);
    assert.ok(t.x >= 0 && t.x < 10 && t.y >= 0 && t.y < 4, final);
}
assert.ok(screen('x\r\n'.repeat(10000)).history.length <= 2000);
assert.ok(screen(ESC + ']' + 'x'.repeat(5000) + '\r\nend').text().includes('end')); // a string without an end
{
    let seed = 1;
    const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    const parts = ['\x1b[', '\x1b', ';', '?', '1', '25', '9', 'h', 'l', 'H', 'J', 'r', 'L', 'M', 'm', '\n', '\r', 'x', '\x1b]', '\u4e2d'];
    const t = new Vt(20, 5);
    for (let i = 0; i < 200000; i++) {
        t.write(random(3) ? parts[random(parts.length)] : String.fromCharCode(random(256)));
        if (i % 1000) continue;
        assert.ok(t.lines.length === 5 && t.lines.every((l) => l.length === 20));
        assert.ok(t.x < 20 && t.y < 5 && t.x >= 0 && t.y >= 0 && t.history.length <= 2000);
    }
    cases++;
}
// ---- keys ----
const key = (name, more = {}) => ({key: name, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more});
for (const [event, application, want] of [
    [key('a'), false, 'a'], [key('\u00e4'), false, '\u00e4'], [key('Enter'), false, '\r'], [key('Backspace'), false, '\x7f'],
    [key('c', {ctrlKey: true}), false, '\x03'], [key(' ', {ctrlKey: true}), false, '\0'], [key('x', {altKey: true}), false, '\x1bx'],
    [key('ArrowUp'), false, '\x1b[A'], [key('ArrowUp'), true, '\x1bOA'], [key('ArrowUp', {ctrlKey: true}), true, '\x1b[1;5A'],
    [key('F1'), false, '\x1bOP'], [key('F5'), false, '\x1b[15~'], [key('F12', {shiftKey: true}), false, '\x1b[24;2~'],
    [key('Tab', {shiftKey: true}), false, '\x1b[Z'], [key('Delete'), false, '\x1b[3~'], [key('Shift'), false, ''],
    [key('C', {ctrlKey: true, shiftKey: true}), false, ''], [key('r', {metaKey: true}), false, ''],
    [key('[', {ctrlKey: true}), false, '\x1b'], [key('5', {ctrlKey: true}), false, ''],
]) {
    assert.strictEqual(keySequence(event, application), want, JSON.stringify(event));
    cases++;
}
console.log(cases + ' cases passed');
