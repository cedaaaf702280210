// SPDX-License-Identifier: GPL-2.0-or-later
// A browser that a test drives: commands as JSON lines on standard input, an answer line for each.
// node drive.mjs PLAYWRIGHT-CORE PROFILE-DIRECTORY
import {createInterface} from 'node:readline';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const [core, profile] = process.argv.slice(2);
const {chromium} = createRequire(pathToFileURL(core + '/'))('playwright-core');
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
               '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium', headless: true, args: FLAGS, viewport: {width: 1400, height: 1000},
});
const page = context.pages()[0] || await context.newPage();
const said = [];       // by the page: errors, and what the console was told
let answerDialog = true;
page.on('console', (m) => said.push(m.type() + ': ' + m.text()));
page.on('pageerror', (e) => said.push('error: ' + e.message));
page.on('dialog', (d) => { said.push('dialog: ' + d.message()); return answerDialog ? d.accept() : d.dismiss(); });

// As a US keyboard makes them: Playwright's own type() knows no Shift.
const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;

async function type(text) {
    for (const ch of text) {
        const shift = SHIFTED.test(ch);
        if (shift) await page.keyboard.down('Shift');
        await page.keyboard.press(ch);
        if (shift) await page.keyboard.up('Shift');
    }
}

// Not waitForFunction(), which the page's content security policy does not let look twice.
async function waitFor(js, ms) {
    for (const end = Date.now() + ms; Date.now() < end;) {
        if (await page.evaluate(js)) return true;
        await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error('it did not come');
}

const OPS = {
    goto: ({url}) => page.goto(url).then((r) => r && r.status()),
    eval: ({js}) => page.evaluate(js),
    wait: ({js, ms}) => waitFor(js, ms),
    click: ({selector}) => page.click(selector),
    press: ({key}) => page.keyboard.press(key),
    type: ({text}) => type(text),
    dialogs: ({accept}) => { answerDialog = accept; },
    shot: ({path}) => page.screenshot({path}).then(() => path),
    said: () => said.splice(0),
};

console.log(JSON.stringify({value: 'ready'}));
for await (const line of createInterface({input: process.stdin})) {
    const command = JSON.parse(line);
    let answer;
    try {
        answer = {value: await OPS[command.op](command)};
    } catch (e) {
        answer = {error: String(e.message).split('\n')[0]};
    }
    console.log(JSON.stringify(answer));
}
await context.close();
