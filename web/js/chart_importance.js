// What the differences between trials come from.
'use strict';
xl.importancePanel = function (run) {
    const list = run.report.parameters.filter((p, k) => xl.known(p.share) && run.axes[k].tuned).sort((a, b) => b.share - a.share);
    const words = run.words('importance');
    if (!list.length) return null;
    const rows = list.map(p => ({name: p.name, share: p.share, low: p.low, high: p.high, tried: p.values_tried}));
    if (xl.known(run.report.unexplained)) rows.push({name: 'combinations, noise', share: run.report.unexplained, low: null, high: null, rest: true});
    return new xl.Panel({
        id: 'importance', title: words ? words.title : 'What made the difference',
        label: `Chart: the share of the differences between trials that each setting explains; the most: ${rows[0].name}, ${xl.percent(rows[0].share, false, 0)}`,
        words: [xl.el('p', null, 'How much of the differences between trials each setting explains, with its 95 % interval.')],
        height: Math.max(150, 62 + 44 * rows.length),
        option: panel => {
            const colour = xl.theme.colour, names = rows.map(row => row.name).reverse();
            const room = Math.min(150, Math.max(...names.map(name => Math.min(name.length, 24) * 7)) + 14);
            return {
                grid: xl.grid({left: room, top: 6}),
                tooltip: xl.tooltip(p => {
                    const row = rows[rows.length - 1 - p.dataIndex];
                    return `${row.name}: ${xl.percent(row.share, false, 0)}` + (xl.known(row.low) ? `\n${xl.percent(row.low, false, 0)} to ${xl.percent(row.high, false, 0)}` : '');
                }),
                xAxis: xl.xAxis('value', 'share of the differences (%)', {min: 0, max: 100, splitLine: {show: true, lineStyle: {color: colour('rule')}}}),
                yAxis: xl.axis('category', '', {data: names.map(name => xl.cut(name, 24)), splitLine: {show: false}, axisTick: {show: false}, axisLabel: {color: colour('ink'), fontSize: 12}}),
                series: [
                    {type: 'bar', barMaxWidth: 22, data: rows.slice().reverse().map(row => ({value: 100 * row.share, itemStyle: {color: colour(row.rest ? 'grey' : 'blue'), borderRadius: [0, 4, 4, 0]}}))},
                    {
                        type: 'custom', silent: true, z: 4, encode: {x: [0, 1], y: 2},
                        data: rows.slice().reverse().map((row, k) => (xl.known(row.low) ? [100 * row.low, 100 * row.high, k] : null)).filter(row => row),
                        renderItem: (params, api) => {
                            const [x1, y] = api.coord([api.value(0), api.value(2)]), [x2] = api.coord([api.value(1), api.value(2)]);
                            const style = {stroke: colour('orange'), lineWidth: 2};
                            return {type: 'group', children: [
                                {type: 'line', shape: {x1, y1: y, x2, y2: y}, style}, {type: 'line', shape: {x1, y1: y - 5, x2: x1, y2: y + 5}, style},
                                {type: 'line', shape: {x1: x2, y1: y - 5, x2, y2: y + 5}, style}]};
                        },
                    },
                ],
            };
        },
        table: () => xl.table([
            {name: 'setting', get: row => row.name}, {name: 'share (%)', number: true, get: row => 100 * row.share, text: row => xl.percent(row.share, false, 1)},
            {name: 'from', number: true, get: row => row.low, text: row => (xl.known(row.low) ? xl.percent(row.low, false, 1) : '')},
            {name: 'to', number: true, get: row => row.high, text: row => (xl.known(row.high) ? xl.percent(row.high, false, 1) : '')},
            {name: 'values tried', number: true, get: row => row.tried},
        ], rows, {caption: 'Importance of the settings'}),
    });
};
