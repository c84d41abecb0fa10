// What every part of the page uses: elements, numbers as text. All texts from runs go through textContent.
'use strict';
const xl = {};

// Makes an element. Properties are set as such, names with a dash or "role" as attributes, "on…" as listeners.
xl.el = function (tag, properties, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
        if (value === undefined || value === null) continue;
        if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
        else if (name === 'class') made.className = value;
        else if (name.includes('-') || name === 'role' || name === 'scope' || name === 'for') made.setAttribute(name, value);
        else made[name] = value;
    }
    made.append(...children.flat().filter(child => child !== null && child !== undefined));
    return made;
};

// Makes an element of SVG; all properties are attributes.
xl.svg = function (tag, attributes, ...children) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...children);
    return made;
};

xl.known = value => value !== null && value !== undefined && Number.isFinite(value);

const plain = new Intl.NumberFormat('en-US', {maximumFractionDigits: 20}); // toLocaleString would make one at each call

// A number with so many significant digits, a typographic minus, and no exponent where it can be avoided.
xl.number = function (value, digits = 4) {
    if (!xl.known(value)) return '–';
    if (value === 0) return '0';
    const size = Math.abs(value);
    const rounded = Number(value.toPrecision(digits));
    const text = size >= 1e9 || size < 1e-4 ? rounded.toExponential()
        : plain.format(rounded);
    return text.replace('-', '\u2212');
};

xl.count = value => plain.format(value);

xl.plural = (n, one, many = one + 's') => `${xl.count(n)} ${n === 1 ? one : many}`;

// A share as "4.1 %"; with `sign` as "+4.1 %".
xl.percent = function (share, sign = false, digits = 1) {
    if (!xl.known(share)) return '–';
    const text = Math.abs(100 * share).toFixed(digits);
    const zero = Number(text) === 0;
    return (share < 0 && !zero ? '\u2212' : sign && !zero ? '+' : '') + text + '\u00a0%';
};

xl.date = function (seconds) {
    if (!seconds) return '–';
    const at = new Date(1000 * seconds), two = n => String(n).padStart(2, '0');
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
};

xl.duration = function (seconds) {
    if (!xl.known(seconds) || seconds < 0) return '–';
    if (seconds < 100) return `${xl.number(seconds, 3)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
};

// The unit in which times are shown: milliseconds where all are below 2 s.
xl.timeUnit = largest => (largest < 2 ? {scale: 1000, name: 'ms'} : {scale: 1, name: 's'});

// A label such as "kl (nats)".
xl.withUnit = (name, unit) => (unit ? `${name} (${unit})` : name);

// Where text is cut, the whole of it stays in the tooltip.
xl.cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + '…' : text);

// Calls f once, `wait` milliseconds after the last call.
xl.later = function (f, wait) {
    let timer = 0;
    return (...args) => {
        clearTimeout(timer);
        timer = setTimeout(() => f(...args), wait);
    };
};

// The smallest and largest finite numbers of a list; null where there are none.
xl.range = function (list) {
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < list.length; i++) {
        const value = list[i];
        if (value < low) low = value;
        if (value > high && value < Infinity) high = value;
    }
    return low <= high && low > -Infinity ? [low, high] : null;
};

// A range a little wider than the values, so that no mark lies on the frame.
xl.roomy = function (range, share = 0.06) {
    if (!range) return [0, 1];
    const [low, high] = range, room = high > low ? share * (high - low) : Math.abs(high) * share || 1;
    return [low - room, high + room];
};
