// Trade-offs: two measures against each other, and the trials that no other beats in both.
'use strict';
(function () {
    const measured = (run, name) => run.metric[name];

    // The front of two measures among the trials that are given, as their numbers in order.
    xl.front = function (run, rows, first, second) {
        const sign = name => (run.metrics.find(metric => metric.name === name).larger_is_better ? -1 : 1);
        const a = measured(run, first), b = measured(run, second), x = sign(first), y = sign(second);
        const sorted = rows.slice().sort((i, k) => x * a[i] - x * a[k] || y * b[i] - y * b[k]);
        const front = [];
        let best = Infinity;
        for (const i of sorted) {
            if (!(y * b[i] < best)) continue;
            best = y * b[i];
            front.push(i);
        }
        return front;
    };

    xl.frontsPanel = function (run, filter) {
        const names = run.metricNames().filter(name => {
            const range = xl.range(run.metric[name]);
            return range && range[0] < range[1];
        });
        if (names.length < 2) return null;
        const wanted = [...run.objectives, 'request_s', 'peak_mb', 'kl', 'prefill_tok_s', 'decode_tok_s'].filter(name => names.includes(name));
        let first = wanted[0] || names[0];
        let second = wanted.find(name => name !== first) || names.find(name => name !== first);
        if (run.objectives.length < 2 && names.includes('prefill_tok_s') && names.includes('decode_tok_s') && !names.includes('peak_mb'))
            [first, second] = ['prefill_tok_s', 'decode_tok_s'];
        const choice = xl.choice(run, 'fronts');
        if (names.includes(choice.first)) first = choice.first;
        if (names.includes(choice.second)) second = choice.second;
        const label = name => xl.withUnit(name, run.unit(name));
        const direction = name => (run.metrics.find(metric => metric.name === name).larger_is_better ? 'more is better' : 'less is better');
        const select = (text, get, set) => {
            const made = xl.el('select', {onchange: () => {
                set(made.value);
                Object.assign(choice, {first, second});
                panel.draw();
                panel.behind.refresh();
            }}, names.map(name => xl.el('option', {value: name, selected: name === get()}, label(name))));
            return xl.el('label', null, text, made);
        };
        const rows = () => {
            const list = [], a = measured(run, first), b = measured(run, second);
            for (let i = 0; i < run.count; i++) if (run.ok(i) && run.status[i] !== 1 && Number.isFinite(a[i]) && Number.isFinite(b[i])) list.push(i);
            return list;
        };
        const words = run.words('front'), chosen = run.chosen ? run.chosen.trial : -1;
        const panel = new xl.Panel({
            id: 'fronts', title: 'Trade-offs',
            label: 'Chart: two measures of every trial against each other, with the trials that no other beats in both',
            words: words ? xl.paragraphs({...words, lines: words.lines.slice(0, words.lines.length - words.rows), rows: 0})
                : [xl.el('p', null, 'Each point is a trial; the line joins those that no other trial beats in both measures. The numbers are the search’s, without an interval.')],
            controls: [select('Across', () => first, name => (first = name)), select('Up', () => second, name => (second = name))],
            legend: () => [
                {key: 'trials', text: 'trials', shape: 'dot', colour: 'blue'}, {key: 'front', text: 'front of these two', shape: 'line', colour: 'orange'},
                ...(run.front.size ? [{key: 'all', text: 'on the front of all objectives', shape: 'ring', colour: 'green'}] : []),
                ...(xl.known(xl.baselineMetric(run, first)) && xl.known(xl.baselineMetric(run, second)) ? [{key: 'base', text: 'baseline', shape: 'square', colour: 'ink'}] : []),
                ...(chosen >= 0 ? [{key: 'chosen', text: run.chosen.what, shape: 'ring', colour: 'orange'}] : []),
            ],
            option: () => {
                const list = rows(), at = i => [measured(run, first)[i], measured(run, second)[i], i];
                const inside = list.filter(i => filter.mask[i]), outside = filter.active ? list.filter(i => !filter.mask[i]) : [];
                const base = [xl.baselineMetric(run, first), xl.baselineMetric(run, second)];
                const ring = (data, colour, size, width = 2) => xl.points(data, colour, {large: false, symbolSize: size, z: 4,
                    itemStyle: {color: 'transparent', borderColor: xl.theme.colour(colour), borderWidth: width}});
                const series = [];
                if (panel.shows('trials')) {
                    if (outside.length) series.push(xl.points(outside.map(at), 'grey', {itemStyle: {color: xl.theme.colour('grey'), opacity: 0.18}}));
                    series.push(xl.points(inside.map(at), 'blue'));
                }
                if (panel.shows('front'))
                    series.push({type: 'line', data: xl.front(run, inside, first, second).map(at), symbol: 'circle', symbolSize: 6, z: 3,
                        lineStyle: {color: xl.theme.colour('orange'), width: 2}, itemStyle: {color: xl.theme.colour('orange')}});
                if (run.front.size && panel.shows('all')) series.push(ring(list.filter(i => run.front.has(i)).map(at), 'green', 11));
                if (chosen >= 0 && panel.shows('chosen') && list.includes(chosen)) series.push(ring([at(chosen)], 'orange', 15));
                if (base.every(xl.known) && panel.shows('base'))
                    series.push(xl.points([[...base, -1]], 'ink', {symbol: 'rect', symbolSize: 10, z: 4, itemStyle: {color: 'transparent', borderColor: xl.theme.colour('ink'), borderWidth: 2}}));
                return {
                    grid: xl.grid({left: 74}),
                    tooltip: xl.tooltip(p => `${p.data[2] < 0 ? 'baseline' : `trial ${p.data[2]}`}\n${label(first)}: ${xl.number(p.data[0])}\n${label(second)}: ${xl.number(p.data[1])}`
                        + (p.data[2] < 0 ? '' : `\n${xl.cut(run.settingsText(p.data[2]).replaceAll(', ', '\n'), 400)}`)),
                    xAxis: xl.xAxis('value', `${label(first)}, ${direction(first)}`, {scale: true}),
                    yAxis: xl.yAxis('value', `${label(second)}, ${direction(second)}`, {nameGap: 54}),
                    series,
                };
            },
            table: () => xl.table([
                {name: 'trial', number: true, get: i => i, text: i => xl.count(i)},
                {name: label(first), number: true, get: i => measured(run, first)[i]},
                {name: label(second), number: true, get: i => measured(run, second)[i]},
                ...run.shownAxes().map(p => ({name: run.axes[p].name, get: i => run.setting(i, p)})),
            ], xl.front(run, rows().filter(i => filter.mask[i]), first, second), {caption: `The front of ${first} and ${second}`, chosen: i => i === chosen}),
        });
        return panel;
    };
})();
