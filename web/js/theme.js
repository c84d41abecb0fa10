// Light and dark: the system's choice, or the reader's. On paper always light.
'use strict';
xl.theme = (function () {
    const choices = [['auto', 'Auto'], ['light', 'Light'], ['dark', 'Dark']];
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const paper = matchMedia('print');
    const listeners = [];
    let printing = false, choice = 'auto', shown = '', colours = {};

    function remembered() {
        try {
            return localStorage.getItem('xltune-theme');
        } catch {
            return null; // a browser may keep nothing for a page from the disk
        }
    }

    function apply() {
        const now = printing || paper.matches ? 'light' : choice === 'auto' ? (dark.matches ? 'dark' : 'light') : choice;
        for (const button of document.querySelectorAll('#theme button'))
            button.setAttribute('aria-pressed', String(button.dataset.choice === choice));
        if (now === shown) return;
        shown = now;
        document.documentElement.dataset.theme = now;
        colours = {};
        for (const listener of listeners) listener();
    }

    function choose(name) {
        choice = name;
        try {
            localStorage.setItem('xltune-theme', name);
        } catch {
            // as above: the choice then lasts as long as the page is open
        }
        apply();
    }

    const kept = remembered();
    if (choices.some(([name]) => name === kept)) choice = kept;
    const group = document.getElementById('theme');
    group.className = 'group';
    for (const [name, text] of choices) {
        const button = xl.el('button', {type: 'button', onclick: () => choose(name)}, text);
        button.dataset.choice = name;
        group.append(button);
    }
    dark.addEventListener('change', apply);
    paper.addEventListener('change', apply);
    addEventListener('beforeprint', () => {
        printing = true;
        for (const more of document.querySelectorAll('details.rests')) more.open = true;
        apply();
    });
    addEventListener('afterprint', () => {
        printing = false;
        apply();
    });
    apply();
    return {
        // The value of a colour of page.css, such as "blue".
        colour(name) {
            if (!(name in colours))
                colours[name] = getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
            return colours[name];
        },
        onchange: listener => listeners.push(listener),
    };
})();
