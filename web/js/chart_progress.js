// Progress of the search: each trial's value, and the best so far.
'use strict';
xl.progressPanel = function (run, filter) {
    const axis = run.valueAxis();
    const measured = [];
    for (let i = 0; i < run.count; i++) if (run.ok(i) && run.value[i] > 0) measured.push(i);
    if (measured.length < 2 || run.report.recording) return null;
    const cold = run.cold_first ? 0 : -1;
    const range = xl.range(measured.map(i => run.value[i] * axis.scale));
    const base = run.ratio ? 1 : xl.baselineMetric(run, run.objectives[0]) * axis.scale;
    const high = Math.max(range[1], xl.known(base) ? base : range[1]), low = Math.min(range[0], xl.known(base) ? base : range[0]);
    const top = high + 0.08 * (high - low || high); // trials that failed have no value and lie above all others
    const at = i => [i, run.value[i] * axis.scale];
    const bestLine = [];
    let best = Infinity;
    for (const i of measured) {
        if (i === cold || !(run.value[i] * axis.scale < best)) continue;
        best = run.value[i] * axis.scale;
        bestLine.push([i, best]);
    }
    if (bestLine.length) bestLine.push([run.count - 1, best]);
    const duplicates = measured.filter(i => run.status[i] === 1), trials = measured.filter(i => run.status[i] === 0 && i !== cold);
    const failed = [];
    for (let i = 0; i < run.count; i++) if (!run.ok(i)) failed.push(i);
    const chosen = run.chosen ? run.chosen.trial : -1;
    return new xl.Panel({
        id: 'progress', title: 'Progress of the search',
        label: `Chart: the value of each of ${measured.length} measured trials in their order; the best is ${xl.number(best)}`,
        words: [xl.el('p', null, `Each point is a trial${run.ratio ? `; below the dashed line it was ${run.than[0]} than the baseline in the search` : ''}. `
            + 'The search’s values are first looks, which only the last comparison confirms.')],
        legend: [
            {key: 'trials', text: 'trials', shape: 'dot', colour: 'blue'},
            {key: 'best', text: 'best so far', shape: 'line', colour: 'orange'},
            ...(xl.known(base) ? [{key: 'base', text: 'baseline', shape: 'dashed', colour: 'grey'}] : []),
            ...(duplicates.length ? [{key: 'duplicates', text: 'duplicates', shape: 'ring', colour: 'grey'}] : []),
            ...(failed.length ? [{key: 'failed', text: 'failed or stopped', shape: 'cross', colour: 'red'}] : []),
            ...(chosen >= 0 ? [{key: 'chosen', text: run.chosen.what, shape: 'ring', colour: 'orange'}] : []),
            ...(cold >= 0 ? [{key: 'cold', text: 'cold first row', shape: 'cross', colour: 'orange'}] : []),
        ],
        option: panel => {
            const inside = trials.filter(i => filter.mask[i]), outside = filter.active ? trials.filter(i => !filter.mask[i]) : [];
            const series = [];
            if (panel.shows('trials')) {
                if (outside.length) series.push(xl.points(outside.map(at), 'grey', {itemStyle: {color: xl.theme.colour('grey'), opacity: 0.18}}));
                series.push(xl.points(inside.map(at), 'blue'));
            }
            if (duplicates.length && panel.shows('duplicates'))
                series.push(xl.points(duplicates.map(at), 'grey', {symbol: 'circle', itemStyle: {color: 'transparent', borderColor: xl.theme.colour('grey'), borderWidth: 1.4}}));
            if (failed.length && panel.shows('failed'))
                series.push(xl.points(failed.map(i => [i, top]), 'red', {symbol: 'path://M0 0L8 8M8 0L0 8', symbolSize: 6,
                    itemStyle: {color: 'transparent', borderColor: xl.theme.colour('red'), borderWidth: 1.4, opacity: 0.8}}));
            if (cold >= 0 && panel.shows('cold')) series.push(xl.points([at(0)], 'orange', {symbol: 'triangle', symbolSize: 11}));
            if (panel.shows('best'))
                series.push({type: 'line', step: 'end', data: bestLine, showSymbol: false, silent: true, lineStyle: {color: xl.theme.colour('orange'), width: 2.2}, z: 3});
            if (chosen >= 0 && panel.shows('chosen') && run.value[chosen] > 0)
                series.push(xl.points([at(chosen)], 'orange', {symbolSize: 14, z: 4, itemStyle: {color: 'transparent', borderColor: xl.theme.colour('orange'), borderWidth: 2}}));
            if (xl.known(base) && panel.shows('base')) series.push({type: 'line', data: [], markLine: xl.markLine([{yAxis: base}])});
            const [from, to] = xl.roomy([low, failed.length && panel.shows('failed') ? top : high]);
            return {
                grid: xl.grid(),
                tooltip: xl.tooltip(p => {
                    const i = p.data[0];
                    return `trial ${i}: ${run.ok(i) ? `${xl.number(run.value[i] * axis.scale)} ${axis.unit}` : xl.STATUS[run.status[i]]}\n`
                        + xl.cut(run.settingsText(i).replaceAll(', ', '\n'), 400) + (run.reason(i) ? `\n${xl.cut(run.reason(i), 80)}` : '');
                }),
                xAxis: xl.xAxis('value', 'trial', {min: 0, max: run.count - 1, minInterval: 1, axisLabel: xl.inner({showMinLabel: true, formatter: v => xl.count(v)})}),
                yAxis: xl.yAxis('value', run.valueName(), {min: from, max: to, axisLabel: xl.inner()}),
                series,
            };
        },
        table: () => xl.trialTable(run, filter.rows(), filter.active ? 'The selected trials' : 'All trials'),
    });
};
