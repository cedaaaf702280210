// SPDX-License-Identifier: GPL-2.0-or-later
// The page of the web console. ui/web.h says what the WebSockets carry, docs/web.md what the commands are.
import RFB from './novnc/core/rfb.js';
import {SerialConsole} from './serial.js';

const TOKEN_ITEM = 'kvm-dm-token';
const AGAIN_MS = 1000;
const TEXT_MS = 500;
const MAX_BYTES = 4096; // that are typed at once
const $ = (id) => document.getElementById(id);

// The token comes in the fragment, which is sent to nobody. It is taken out of the address, so that neither a
// bookmark nor somebody who looks at the window gets it, and kept for a reload of this tab.
function takeToken() {
    const given = new URLSearchParams(location.hash.slice(1)).get('token');
    if (given) {
        sessionStorage.setItem(TOKEN_ITEM, given);
        history.replaceState(null, '', location.pathname);
    }
    return given || sessionStorage.getItem(TOKEN_ITEM) || '';
}

addEventListener('hashchange', () => location.reload()); // another address was pasted here

const protocols = ['kvm-dm', 'token.' + takeToken()];
const socketUrl = (path) => (location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + path;
const rawSocket = (path) => {
    const socket = new WebSocket(socketUrl(path), protocols);
    socket.binaryType = 'arraybuffer';
    return socket;
};

function say(text) {
    $('message').textContent = text || '';
    $('message').hidden = !text;
}

// ---- the screen ----

let rfb = null;

function connectScreen() {
    $('screen').replaceChildren();
    rfb = new RFB($('screen'), socketUrl('/vnc'), {wsProtocols: protocols, shared: true});
    rfb.background = '#1b1d20';
    rfb.scaleViewport = $('fit').checked;
    rfb.showDotCursor = true;
    rfb.focusOnClick = true;
    rfb.addEventListener('connect', focusView);
    rfb.addEventListener('disconnect', () => {
        rfb = null;
        setTimeout(() => { if (control.open) connectScreen(); }, AGAIN_MS);
    });
}

$('fit').addEventListener('change', () => { 
    if (rfb) rfb.scaleViewport = $('fit').checked;
    focusView();
});
$('cad').addEventListener('click', () => { if (rfb) { rfb.sendCtrlAltDel(); rfb.focus(); } });

// ---- control ----

const control = {
    open: false, ever: false, socket: null, waiting: [],

    connect() {
        this.socket = rawSocket('/control');
        this.socket.onopen = () => {
            this.open = this.ever = true;
            say('');
            connectScreen();
        };
        this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
        this.socket.onclose = () => this.lost();
    },

    // Answers come in the order of the commands; what has a "state" is news.
    take(message) {
        if ('state' in message) {
            showState(message);
            return;
        }
        const done = this.waiting.shift();
        if (done) done(message);
    },

    ask(command) {
        return new Promise((resolve) => {
            if (!this.open) {
                resolve({error: 'not connected'});
                return;
            }
            this.waiting.push(resolve);
            this.socket.send(JSON.stringify(command));
        });
    },

    lost() {
        this.open = false;
        for (const done of this.waiting.splice(0)) done({error: 'the connection is lost'});
        $('state').textContent = 'not connected';
        $('state').className = 'lost';
        say(this.ever ? 'The machine has ended, or cannot be reached.'
                      : 'No access: open this page with the address that kvm-dm printed at its start.');
        if (this.ever) setTimeout(() => this.connect(), AGAIN_MS);
    },
};

function showState(s) {
    $('state').textContent = s.state;
    $('state').className = s.state === 'running' ? 'running' : '';
    $('name').textContent = s.name || 'kvm-dm';
    document.title = (s.name || 'kvm-dm') + ' - ' + s.state;
    document.querySelector('[data-do=pause]').disabled = s.state !== 'running';
    document.querySelector('[data-do=resume]').disabled = s.state === 'running';
    showSerialPorts(s.serial);
}

for (const button of document.querySelectorAll('[data-do]')) {
    button.addEventListener('click', async () => {
        if (button.dataset.ask && !confirm(button.dataset.ask)) return;
        const answer = await control.ask({do: button.dataset.do});
        say(answer.error);
        focusView(); // a blank that is typed next is the guest's, not the button's
    });
}

// ---- views ----

let shownView = 'screen';

function focusView() {
    if (shownView === 'screen' && rfb) rfb.focus();
    if (serial.has(shownView)) serial.get(shownView).console.focus();
}

function show(name) {
    shownView = name;
    for (const view of document.querySelectorAll('.view')) view.hidden = view.id !== name;
    for (const button of document.querySelectorAll('[data-view]'))
        button.setAttribute('aria-pressed', String(button.dataset.view === name));
    if (name === 'text') readText();
    focusView();
}

$('views').addEventListener('click', (event) => {
    if (event.target.dataset.view) show(event.target.dataset.view);
});

// ---- the screen as text ----

function modeLine(t) {
    if (t.mode === 'text') return t.columns + ' x ' + t.rows + ' characters';
    return t.width + ' x ' + t.height + ' pixels' + (t.rows ? '' : ', no text in a font that is known');
}

// A selection is for copying: the text under it stays as it is.
function selecting() {
    const s = getSelection();
    return !s.isCollapsed && $('text-lines').contains(s.anchorNode);
}

async function readText() {
    if (shownView !== 'text') return;
    if (!selecting()) {
        const t = await control.ask({do: 'text'});
        if (t.error) {
            $('text-mode').textContent = t.error;
        } else if (!selecting()) {
            const text = t.lines.join('\n');
            if ($('text-lines').textContent !== text) $('text-lines').textContent = text;
            $('text-mode').textContent = modeLine(t);
        }
    }
    setTimeout(readText, TEXT_MS);
}

// navigator.clipboard is there on secure origins only, which an address of another host is not.
$('copy').addEventListener('click', async () => {
    const text = $('text-lines').textContent;
    try {
        await navigator.clipboard.writeText(text);
    } catch (e) {
        getSelection().selectAllChildren($('text-lines'));
        document.execCommand('copy');
        getSelection().removeAllRanges();
    }
});

// ---- serial ports ----

const serial = new Map();

class SerialPort {
    constructor(port, label) {
        this.port = port;
        this.encoder = new TextEncoder();
        this.view = document.createElement('section');
        this.view.className = 'view serial';
        this.view.id = 'serial' + port;
        this.view.hidden = true;
        document.querySelector('main').append(this.view);
        this.button = document.createElement('button');
        this.button.type = 'button';
        this.button.dataset.view = this.view.id;
        this.button.textContent = label;
        this.button.setAttribute('aria-pressed', 'false');
        $('views').append(this.button);
        this.console = new SerialConsole(this.view, (text) => this.type(text));
        this.connect();
    }

    type(text) {
        const bytes = this.encoder.encode(text);
        if (this.socket.readyState !== WebSocket.OPEN) return;
        for (let i = 0; i < bytes.length; i += MAX_BYTES) this.socket.send(bytes.subarray(i, i + MAX_BYTES));
    }

    connect() {
        this.decoder = new TextDecoder('utf-8');
        this.socket = rawSocket('/serial' + this.port);
        this.socket.onopen = () => {
            this.console.reset();
            setTimeout(() => { this.console.live = true; }, AGAIN_MS);
        };
        this.socket.onmessage = (event) => this.console.write(this.decoder.decode(event.data, {stream: true}));
        this.socket.onclose = () => setTimeout(() => this.again(), AGAIN_MS);
    }

    again() {
        if (control.open) this.connect();
        else setTimeout(() => this.again(), AGAIN_MS);
    }
}

function showSerialPorts(ports) {
    for (const {port, label} of ports) {
        if (!serial.has('serial' + port)) serial.set('serial' + port, new SerialPort(port, label));
    }
}

// For tests and whoever drives the page by script.
window.kvmDm = {control, show, serial, screen: () => rfb};

control.connect();
