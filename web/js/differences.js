// Where two runs differ, and how their winners compare.
'use strict';
(function () {
    function factOf(run, name) {
        if (name === 'machine') return run.machine && run.machine.cpu ? run.machine.cpu : 'another fingerprint';
        if (name === 'baseline') return run.settings ? Object.entries(run.settings).map(([key, value]) => `${key} ${value}`).join(', ') : '';
        for (const facts of [run.identity, run.workload, run.build]) if (facts && name in facts) return String(facts[name]);
        return run[name] === undefined || run[name] === null ? '' : String(run[name]);
    }

    function winner(run) {
        const params = run.report.params;
        return params ? Object.entries(params).map(([name, value]) => `${name} ${value}`).join(', ') : 'none yet';
    }

    // runs: all of them; look(a, b): a promise of their comparison.
    xl.differencesPanel = function (runs, look) {
        const pick = (label, chosen) => {
            const made = xl.el('select', {'aria-label': label, onchange: () => show()},
                runs.map((run, k) => xl.el('option', {value: String(k), selected: k === chosen}, xl.cut(run.name, 40))));
            return made;
        };
        const a = pick('Run A', 0), b = pick('Run B', 1), place = xl.el('div');
        const element = xl.el('section', {class: 'card panel', id: 'differences', 'aria-labelledby': 'differences-title'},
            xl.el('h2', {id: 'differences-title'}, 'Where two runs differ'),
            xl.el('div', {class: 'controls'}, xl.el('label', null, 'A', a), xl.el('label', null, 'B', b)), place);

        async function show() {
            const [first, second] = [Number(a.value), Number(b.value)];
            if (first === second) {
                place.replaceChildren(xl.el('p', {class: 'words'}, 'Choose two different runs.'));
                return;
            }
            const turned = first > second, found = await look(Math.min(first, second), Math.max(first, second));
            if (!found) {
                place.replaceChildren(xl.el('p', {class: 'words'}, 'These two were not compared for this page: `xltune study compare A B` does it.'));
                return;
            }
            const sides = turned ? [runs[second], runs[first]] : [runs[first], runs[second]];
            const rows = [['verdict', ...sides.map(run => xl.headline(run).text)], ['winner', ...sides.map(winner)],
                ...found.differ.map(name => [name, ...sides.map(run => factOf(run, name))])];
            place.replaceChildren(
                xl.el('p', null, found.winners.text[0].toUpperCase() + found.winners.text.slice(1) + '.'),
                xl.table([{name: 'what', get: row => row[0]}, {name: `A: ${xl.cut(sides[0].name, 40)}`, wrap: true, get: row => row[1]}, {name: `B: ${xl.cut(sides[1].name, 40)}`, wrap: true, get: row => row[2]}],
                    rows, {caption: found.differ.length ? 'What the two runs differ in' : 'The runs differ in nothing but their trials', page: 100}),
                found.points.length ? xl.tableBehind(() => xl.table([{name: 'point', get: row => row.point, wrap: true},
                    {name: 'A (s)', number: true, get: row => row.a_request_s}, {name: 'B (s)', number: true, get: row => row.b_request_s},
                    {name: 'A / B', number: true, get: row => row.a_request_s / row.b_request_s}], found.points, {caption: 'Points that both measured, from the searches’ own samples'}),
                `${xl.plural(found.points.length, 'point')} in both`) : '');
        }
        show();
        return element;
    };
})();
