// A map of two settings: the best value of each combination. The pair that acts together most comes first.
'use strict';
(function () {
    const MOST = 60; // values of an axis, beyond which the cells would be too small to see

    function cells(run, a, b, filter) {
        const made = new Map();
        const value = run.valueAxis();
        for (let i = 0; i < run.count; i++) {
            const x = run.level[a][i], y = run.level[b][i];
            if (x < 0 || y < 0 || !filter.mask[i]) continue;
            const key = x * run.axes[b].values.length + y;
            let cell = made.get(key);
            if (!cell) made.set(key, cell = {x, y, value: NaN, trial: -1, trials: 0, samples: 0});
            cell.trials++;
            if (!run.ok(i) || !(run.value[i] > 0) || (run.cold_first && i === 0) || run.value[i] * value.scale >= cell.value) continue;
            cell.value = run.value[i] * value.scale;
            cell.trial = i;
            cell.samples = run.samplesOfTrial[i];
        }
        return [...made.values()];
    }

    xl.pairsPanel = function (run, filter) {
        const usable = run.shownAxes().filter(p => run.axes[p].values.length >= 2 && run.axes[p].values.length <= MOST && run.axes[p].tuned);
        if (usable.length < 2) return null;
        const byName = name => usable.find(p => run.axes[p].name === name);
        const strongest = run.report.pairs.find(pair => byName(pair.a) !== undefined && byName(pair.b) !== undefined);
        const choice = xl.choice(run, 'pairs'), kept = name => (name === undefined ? undefined : byName(name));
        let a = kept(choice.a) ?? (strongest ? byName(strongest.a) : usable[0]), b = kept(choice.b) ?? (strongest ? byName(strongest.b) : usable[1]);
        const value = run.valueAxis();
        const select = (label, get, set) => {
            const made = xl.el('select', {onchange: () => {
                set(Number(made.value));
                Object.assign(choice, {a: run.axes[a].name, b: run.axes[b].name});
                panel.draw();
                panel.behind.refresh();
            }}, usable.map(p => xl.el('option', {value: String(p), selected: p === get()}, run.axes[p].name)));
            return xl.el('label', null, label, made);
        };
        const panel = new xl.Panel({
            id: 'pairs', title: 'Two settings together',
            label: 'Chart: a map of two settings with the best value of each combination',
            words: xl.paragraphs(run.words('pairs')),
            controls: [select('Across', () => a, p => (a = p)), select('Up', () => b, p => (b = p))],
            option: () => {
                const colour = xl.theme.colour, list = cells(run, a, b, filter).filter(cell => cell.value > 0);
                const range = xl.range(list.map(cell => cell.value)) || [1, 1];
                const most = Math.max(range[1], 1 / range[0], 1.02);
                const across = run.axes[a].values, up = run.axes[b].values;
                const baseline = [across.indexOf(run.axes[a].baseline), up.indexOf(run.axes[b].baseline)];
                const width = panel.place.clientWidth - 90, labels = width / across.length > 44 && 210 / up.length > 18;
                const dark = v => (run.ratio ? Math.abs(Math.log(v)) > 0.7 * Math.log(most) : v < range[0] + 0.3 * (range[1] - range[0]));
                return {
                    grid: xl.grid({top: 10, bottom: 92, left: 66}),
                    tooltip: xl.tooltip(p => {
                        const cell = list[p.data[3]];
                        return `${run.axes[a].name} ${across[cell.x]}\n${run.axes[b].name} ${up[cell.y]}\nbest ${xl.number(cell.value)} ${value.unit} (trial ${cell.trial})\n`
                            + `${xl.plural(cell.trials, 'trial')}, ${xl.plural(cell.samples, 'sample')} of the best`;
                    }),
                    xAxis: xl.xAxis('category', run.axes[a].name, {data: across, axisTick: {show: false}}),
                    yAxis: xl.yAxis('category', run.axes[b].name, {data: up, splitLine: {show: false}, axisTick: {show: false}}),
                    // Equal ratios are equally far from the baseline's colour, so the map works with logarithms.
                    visualMap: {
                        type: 'continuous', dimension: 2, orient: 'horizontal', left: 'center', bottom: 4, itemWidth: 12, itemHeight: width < 320 ? 80 : 150, calculable: false,
                        min: run.ratio ? -Math.log(most) : range[0], max: run.ratio ? Math.log(most) : range[1],
                        inRange: {color: run.ratio ? [colour('low'), colour('middle'), colour('high')] : [colour('low'), colour('middle')]},
                        text: run.ratio ? [`${xl.number(most, 3)}, ${run.than[1]}`, `${run.than[0]}, ${xl.number(1 / most, 3)}`] : [xl.number(range[1], 3), `${xl.number(range[0], 3)} ${value.unit}`],
                        textStyle: {color: colour('muted'), fontSize: 12},
                    },
                    series: [
                        {
                            type: 'heatmap', progressive: 0,
                            data: list.map((cell, k) => ({
                                value: [cell.x, cell.y, run.ratio ? Math.log(cell.value) : cell.value, k],
                                label: {color: dark(cell.value) ? '#ffffff' : colour('ink')},
                            })),
                            label: {show: labels, fontSize: 11, formatter: p => xl.number(list[p.data.value[3]].value, 3)},
                            itemStyle: {borderColor: colour('card'), borderWidth: 1.5}, emphasis: {itemStyle: {borderColor: colour('ink'), borderWidth: 1.5}},
                        },
                        {
                            type: 'custom', silent: true, z: 4, data: baseline.every(k => k >= 0) ? [baseline] : [],
                            renderItem: (params, api) => {
                                const [x, y] = api.coord([api.value(0), api.value(1)]), [wide, high] = api.size([1, 1]);
                                return {type: 'rect', shape: {x: x - wide / 2 + 1, y: y - high / 2 + 1, width: wide - 2, height: high - 2},
                                    style: {fill: 'none', stroke: colour('ink'), lineWidth: 2.4}};
                            },
                        },
                    ],
                };
            },
            legend: () => (run.axes[a].values.includes(run.axes[a].baseline) && run.axes[b].values.includes(run.axes[b].baseline)
                ? [{text: 'baseline', shape: 'square', colour: 'ink', fixed: true}] : []),
            note: () => 'Empty: never tried, or every trial failed. The best of many trials is partly luck.',
            table: () => xl.table([
                {name: run.axes[a].name, number: run.axes[a].numeric, get: cell => (run.axes[a].numeric ? Number(run.axes[a].values[cell.x]) : run.axes[a].values[cell.x]), text: cell => run.axes[a].values[cell.x]},
                {name: run.axes[b].name, number: run.axes[b].numeric, get: cell => (run.axes[b].numeric ? Number(run.axes[b].values[cell.y]) : run.axes[b].values[cell.y]), text: cell => run.axes[b].values[cell.y]},
                {name: `best ${run.valueName()}`, number: true, get: cell => cell.value},
                {name: 'trial', number: true, get: cell => (cell.trial < 0 ? null : cell.trial)},
                {name: 'trials', number: true, get: cell => cell.trials},
                {name: 'samples of the best', number: true, get: cell => cell.samples},
            ], cells(run, a, b, filter), {caption: `The best of each combination of ${run.axes[a].name} and ${run.axes[b].name}`}),
        });
        return panel;
    };
})();
