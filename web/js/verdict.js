// The verdict: a headline, the interval as a strip, the settings to copy, and what the run was.
'use strict';
(function () {
    function isRecording(run) {
        return Boolean(run.report.recording);
    }

    // The verdict in a few words, and the mood of its colour.
    xl.headline = function (run) {
        const s = run.speedup;
        if (isRecording(run)) return {text: 'A recording, without a verdict', mood: ''};
        if (run.running && !(run.final && run.verdict)) return {text: 'Still searching', mood: ''};
        if (!run.verdict || !run.final) return {text: run.imported ? 'No verdict' : 'Interrupted: nothing is claimed', mood: ''};
        const than = run.than;
        if (run.verdict === 'better' && s) return {text: `${xl.percent(s.value)} ${than[0]}`, mood: 'better'};
        if (run.verdict === 'worse' && s) return {text: `${xl.percent(-s.value)} ${than[1]}`, mood: 'worse'};
        return {text: run.verdict[0].toUpperCase() + run.verdict.slice(1), mood: ''};
    };

    // One line below it: the interval, or why there is none.
    function subline(run) {
        const s = run.speedup;
        if (run.running && !run.verdict)
            return `${xl.plural(run.count, 'trial')} so far. Nothing is claimed before the last comparison.`;
        if (s && xl.known(s.low) && xl.known(s.high)) {
            const level = xl.percent(xl.known(s.level) ? s.level : 0.95, false, 0);
            const than = ['better', 'worse'].includes(run.verdict) ? 'than the baseline; ' : '';
            return `${than}${level} interval ${xl.percent(s.low, true)} to ${xl.percent(s.high, true)}, `
                + `from ${xl.plural(s.processes, 'fresh process', 'fresh processes')}.`
                + (run.verdict === 'no significant difference' ? ' It contains zero.' : '');
        }
        const words = run.words('verdict');
        const text = words && words.lines.length ? words.lines[0] : '', said = `${run.verdict}: `; // the headline says that
        return text.startsWith(said) ? text[said.length].toUpperCase() + text.slice(said.length + 1) : text;
    }

    function ticks(low, high) {
        const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
        const step = [1, 2, 5, 10].map(k => k * power).find(k => k >= raw);
        const list = [];
        for (let at = Math.ceil(low / step) * step; at <= high + 1e-12; at += step) list.push(Math.abs(at) < step / 2 ? 0 : at);
        return {list, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9))};
    }

    // The interval on a line with the baseline at zero.
    xl.strip = function (run, width = 560, small = false) {
        const s = run.speedup;
        if (!s || !xl.known(s.low) || !xl.known(s.high)) return null;
        let [low, high] = [Math.min(0, 100 * s.low), Math.max(0, 100 * s.high)];
        const room = 0.12 * (high - low || 1);
        low -= room;
        high += room;
        const height = small ? 18 : 78, y = small ? 9 : 30, margin = small ? 2 : 14;
        const x = value => margin + (width - 2 * margin) * (value - low) / (high - low);
        const colour = run.verdict === 'better' ? 'var(--green)' : run.verdict === 'worse' ? 'var(--red)' : 'var(--blue)';
        const label = `Speed-up ${xl.percent(s.value, true)}, interval from ${xl.percent(s.low, true)} to ${xl.percent(s.high, true)}; the baseline is at 0 %`;
        const made = xl.svg('svg', {class: 'strip', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label});
        const line = (x1, y1, x2, y2, stroke, more) =>
            made.append(xl.svg('line', {x1, y1, x2, y2, stroke, 'stroke-width': 1, ...more}));
        line(margin, y, width - margin, y, 'var(--line)', {'stroke-width': 2});
        if (!small) {
            const {list, digits} = ticks(low, high);
            for (const at of list) {
                line(x(at), y - 4, x(at), y + 4, 'var(--grey)');
                const text = xl.svg('text', {x: x(at), y: y + 24, 'text-anchor': 'middle'});
                text.textContent = at === 0 ? '0' : xl.percent(at / 100, true, digits);
                made.append(text);
            }
            const text = xl.svg('text', {x: Math.min(Math.max(x(0), 28), width - 28), y: y + 42, 'text-anchor': 'middle'});
            text.textContent = 'baseline';
            made.append(text);
        }
        line(x(0), y - (small ? 8 : 16), x(0), y + (small ? 8 : 8), 'var(--ink)', {'stroke-width': 1.5, 'stroke-dasharray': '3 3'});
        const band = small ? 6 : 16;
        made.append(xl.svg('rect', {
            x: x(100 * s.low), y: y - band / 2, width: Math.max(2, x(100 * s.high) - x(100 * s.low)), height: band, rx: band / 2,
            fill: colour, opacity: 0.28,
        }));
        made.append(xl.svg('circle', {cx: x(100 * s.value), cy: y, r: small ? 3.5 : 6.5, fill: colour}));
        return made;
    };

    // Words as paragraphs; lines of a table keep their columns.
    xl.paragraphs = function (section, from = 0) {
        if (!section) return [];
        const prose = section.lines.slice(from, section.lines.length - section.rows);
        const rows = section.rows ? section.lines.slice(section.lines.length - section.rows) : [];
        const made = prose.map(line => xl.el('p', null, line));
        if (rows.length) made.push(xl.el('pre', {class: 'rows', tabIndex: 0, role: 'region', 'aria-label': section.title}, rows.join('\n')));
        return made;
    };

    // ---- the settings to copy ----

    async function copy(text, button, pre) {
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            const range = document.createRange(); // a page from the disk may not be allowed the clipboard
            range.selectNodeContents(pre);
            getSelection().removeAllRanges();
            getSelection().addRange(range);
            if (!document.execCommand('copy')) return;
        }
        button.textContent = 'Copied';
        setTimeout(() => (button.textContent = 'Copy'), 1500);
    }

    function copyBlock(text, name) {
        const pre = xl.el('pre', {tabIndex: 0, role: 'region', 'aria-label': name}, text);
        const button = xl.el('button', {type: 'button', 'aria-label': `Copy: ${name}`, onclick: () => copy(text, button, pre)}, 'Copy');
        return xl.el('div', {class: 'copy'}, pre, button);
    }

    function quoted(value) {
        const text = String(value);
        return /^[\w.,:=+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
    }

    function settings(run) {
        const params = run.report.params;
        if (!params || !Object.keys(params).length) return null;
        const parts = [xl.el('h2', null, run.is_baseline ? 'The baseline stays: its settings' : 'The settings to copy')];
        parts.push(copyBlock(JSON.stringify(params, null, 2), 'settings as JSON'));
        const flags = name => run.axes.some(axis => axis.name === name && axis.flag);
        if (Object.keys(params).every(flags)) {
            const text = Object.entries(params).map(([name, value]) => `--${name.replaceAll('_', '-')} ${quoted(value)}`).join(' ');
            parts.push(copyBlock(text, 'settings as flags'));
            parts.push(xl.el('p', {class: 'note'}, 'As a file: ', xl.el('code', null, `xltune generate --config ${quoted(run.folder)}/best.json`)));
        }
        if (isRecording(run)) parts.push(xl.el('p', {class: 'note'}, 'The fastest point of the recording; whether it is faster is not known.'));
        return xl.el('section', {class: 'settings', 'aria-label': 'Settings to copy'}, parts);
    }

    // ---- what the run was ----

    function named(object) {
        return Object.entries(object || {}).map(([name, value]) =>
            `${name} ${xl.cut(String(value), typeof value === 'string' && /^[0-9a-f]{32,}$/.test(value) ? 13 : 60)}`).join(', ');
    }

    function facts(run) {
        const c = run.report.trials;
        const machine = run.machine && run.machine.cpu
            ? `${run.machine.cpu}${run.machine.logical_cpus ? `, ${xl.plural(run.machine.logical_cpus, 'CPU')}` : ''}` : '';
        const trials = [xl.plural(c.measured, 'trial') + ' measured', c.duplicates ? xl.plural(c.duplicates, 'duplicate') : '',
            c.failed ? `${xl.count(c.failed)} failed, infeasible or too slow` : ''].filter(text => text).join(', ');
        const list = [
            ['Target', [run.target, named(run.identity)].filter(text => text).join(': ')],
            ['Workload', named(run.workload)],
            ['Machine', machine],
            ['Search', [run.mode, run.backend && `backend ${run.backend}`, run.objective && `objective ${run.objective}`, !run.imported && `seed ${run.seed}`].filter(text => text).join(', ')],
            ['Trials', trials],
            ['Began', run.created ? xl.date(run.created) + (run.finished ? `, took ${xl.duration(run.finished - run.created)}` : '') : ''],
            ['Program', run.version ? `xltune ${run.version}${named(run.build) ? `, ${named(run.build)}` : ''}` : ''],
            ['Folder', run.folder],
        ];
        return xl.el('dl', {class: 'facts'}, list.filter(([, text]) => text)
            .map(([name, text]) => xl.el('div', null, xl.el('dt', null, name), xl.el('dd', null, text))));
    }

    xl.stateBadge = run => (run.state ? xl.el('span', {class: `badge ${run.state}`}, run.state) : null);

    xl.verdictCards = function (run) {
        const {text, mood} = xl.headline(run);
        const words = run.words('verdict'), winner = run.words('winner'), recording = run.words('recording');
        const line = subline(run);
        const first = words && words.lines[0] && words.lines[0].toLowerCase().endsWith(line.toLowerCase()) ? 1 : 0;
        const rest = [...xl.paragraphs(words, first), ...xl.paragraphs(recording), ...xl.paragraphs(winner),
            ...xl.paragraphs(run.words('joined')), ...xl.paragraphs(run.words('run'))];
        const left = xl.el('div', null,
            xl.el('p', {class: 'run-name'}, xl.el('bdi', null, run.name), ' ', xl.stateBadge(run)),
            xl.el('h1', {class: `headline ${mood}${text.length > 16 ? ' long' : ''}`}, text),
            xl.el('p', {class: 'subline'}, line),
            xl.strip(run, Math.max(280, Math.min(560, innerWidth - 56))),
            xl.el('details', {class: 'rests'}, xl.el('summary', null, 'What this rests on'), xl.el('div', {class: 'words'}, rest)));
        return [
            xl.el('section', {class: 'card verdict', id: 'verdict', 'aria-label': 'Verdict'}, left, settings(run)),
            xl.el('section', {class: 'card', id: 'run', 'aria-label': 'The run'}, facts(run)),
        ];
    };
})();
