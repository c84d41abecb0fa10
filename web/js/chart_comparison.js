// The last comparison: the speed-up of each fresh process, and the interval of their mean.
'use strict';
xl.comparisonPanel = function (run) {
    const s = run.speedup;
    if (!s || !Array.isArray(s.log_ratios) || s.log_ratios.length < 2 || !xl.known(s.low) || !xl.known(s.high)) return null;
    const rows = [];
    const timed = Array.isArray(s.begun_s) && s.begun_s.length === s.log_ratios.length && s.begun_s[s.begun_s.length - 1] > 0;
    const states = Array.isArray(s.states) && s.states.length > 1 ? s.states : [];
    const letter = k => String.fromCharCode(97 + k);
    s.log_ratios.forEach((ratio, i) => {
        if (!xl.known(ratio)) return;
        const state = states.length && Array.isArray(s.state_of) && xl.known(s.state_of[i]) ? s.state_of[i] : 0;
        rows.push({number: i + 1, begun: timed ? s.begun_s[i] : i + 1, percent: 100 * Math.expm1(ratio), state});
    });
    const colours = ['blue', 'green', 'red'];
    const stateText = k => `state ${letter(k)}: ${xl.percent(states[k].value, true)}, ${xl.plural(states[k].processes, 'process', 'processes')}`
        + (states[k].seen_as ? `, ${states[k].seen_as}` : '');
    const better = run.than[0];
    return new xl.Panel({
        id: 'comparison', title: 'The last comparison',
        label: `Chart: the speed-up of each of ${rows.length} fresh processes; their mean is ${xl.percent(s.value, true)}`,
        words: [xl.el('p', null, 'Each point is a fresh process in which winner and baseline ran in turn. The band is the interval of their mean.')],
        legend: [
            ...(states.length ? states.map((state, k) => ({key: `state${k}`, text: stateText(k), shape: 'dot', colour: colours[k % 3]}))
                : [{key: 'state0', text: 'a fresh process', shape: 'dot', colour: 'blue'}]),
            {key: 'band', text: `mean and its ${xl.percent(xl.known(s.level) ? s.level : 0.95, false, 0)} interval`, shape: 'band', colour: 'orange'},
        ],
        option: panel => ({
            grid: xl.grid(),
            tooltip: xl.tooltip(p => `process ${rows[p.data[2]].number}: ${xl.percent(p.data[1] / 100, true, 2)}`
                + (timed ? `\n${xl.duration(p.data[0])} after the first began` : '')
                + (states.length ? `\nstate ${letter(rows[p.data[2]].state)}` : '')),
            xAxis: xl.xAxis('value', timed ? 'seconds since the first process began' : 'fresh process', {scale: true, minInterval: timed ? 0 : 1}),
            yAxis: xl.yAxis('value', `${better} by (%)`, {
                min: v => Math.min(0, v.min, 100 * s.low) - 0.4, max: v => Math.max(0, v.max, 100 * s.high) + 0.4,
                axisLabel: xl.inner(),
            }),
            series: [
                ...(states.length ? states.map((state, k) => k) : [0]).filter(k => panel.shows(`state${k}`)).map(k =>
                    xl.points(rows.map((row, i) => [row.begun, row.percent, i]).filter(point => rows[point[2]].state === k), colours[k % 3], {symbolSize: 9})),
                {
                    type: 'line', data: [],
                    markLine: xl.markLine([{yAxis: 0, lineStyle: {color: xl.theme.colour('ink'), type: 'dashed', width: 1.2}},
                        ...(panel.shows('band') ? [{yAxis: 100 * s.value, lineStyle: {color: xl.theme.colour('orange'), type: 'solid', width: 2}}] : [])]),
                    markArea: panel.shows('band') ? {silent: true, itemStyle: {color: xl.theme.colour('orange'), opacity: 0.16},
                        data: [[{yAxis: 100 * s.low}, {yAxis: 100 * s.high}]]} : undefined,
                },
            ],
        }),
        table: () => xl.table([
            {name: 'process', number: true, get: row => row.number},
            ...(timed ? [{name: 'began (s)', number: true, get: row => row.begun}] : []),
            {name: `${better} by (%)`, number: true, get: row => row.percent},
            ...(states.length ? [{name: 'state', get: row => letter(row.state)}] : []),
        ], rows, {caption: 'The fresh processes of the last comparison'}),
    });
};
