// Every sample over time: the baseline's above, with its drift and what disturbed it; those of the trials below.
'use strict';
xl.samplesPanel = function (run) {
    const s = run.sample;
    if (!s.count) return null;
    const groups = {base: [], marked: [], outlier: [], warm: [], disturbed: [], trial: [], trialAside: []};
    for (let i = 0; i < s.count; i++) {
        if (!(s.value[i] > 0)) continue;
        const used = s.flags[i] & 1, causes = s.flags[i] >> 2;
        if (s.trial[i] >= 0) groups[used ? 'trial' : 'trialAside'].push(i);
        else if (!used) groups[causes & 1 ? 'warm' : 'disturbed'].push(i);
        else groups[causes ? 'marked' : 'base'].push(i);
        if (s.flags[i] & 2) groups.outlier.push(i);
    }
    const values = xl.range(s.value.filter(value => value > 0));
    if (!values) return null;
    const unit = run.sample_unit === 's' ? xl.timeUnit(values[1]) : {scale: 1, name: run.sample_unit};
    const long = s.at[s.count - 1] > 180;
    const time = long ? 60 : 1, hasTrials = groups.trial.length + groups.trialAside.length > 0;
    const hasBase = groups.base.length + groups.marked.length + groups.warm.length + groups.disturbed.length > 0;
    const at = i => [s.at[i] / time, s.value[i] * unit.scale, i];
    const median = [];
    for (let i = 0; i < s.count; i++) {
        if (!s.median[i]) continue;
        const last = median.length ? median[median.length - 1] : null;
        if (last && run.pauses.some(p => p.at > last[0] * time && p.at < s.at[i])) median.push([s.at[i] / time, null]);
        median.push([s.at[i] / time, s.median[i] * unit.scale]);
    }
    const ring = (list, colour, more) => xl.points(list.map(at), colour, {
        large: false, symbol: 'circle', itemStyle: {color: 'transparent', borderColor: xl.theme.colour(colour), borderWidth: 1.4}, ...more});
    const cross = (list, colour, more) => xl.points(list.map(at), colour, {
        symbol: 'path://M0 0L8 8M8 0L0 8', symbolSize: 6, itemStyle: {color: 'transparent', borderColor: xl.theme.colour(colour), borderWidth: 1.4, opacity: 0.8}, ...more});
    const noise = run.words('noise');
    const entries = [
        ['base', 'baseline', 'dot', 'blue'], ['marked', 'disturbed, but in use', 'ring', 'blue'],
        ['outlier', 'outliers', 'ring', 'red'], ['median', 'median of the last 11', 'line', 'orange'],
        ['warm', 'left out as warm-up', 'cross', 'grey'], ['disturbed', 'left out as disturbed', 'cross', 'red'],
        ['trial', 'trials', 'dot', 'green'], ['trialAside', 'trials, left out', 'cross', 'grey'],
    ].filter(([key]) => (key === 'median' ? median.length : groups[key].length));
    const drawn = panel => {
        const series = [], lower = hasBase && hasTrials ? {xAxisIndex: 1, yAxisIndex: 1} : {};
        const add = (key, made) => groups[key].length && panel.shows(key) && series.push(made);
        add('trialAside', cross(groups.trialAside, 'grey', lower));
        add('trial', xl.points(groups.trial.map(at), 'green', {symbolSize: groups.trial.length > xl.LARGE ? 3 : 5, ...lower}));
        add('warm', cross(groups.warm, 'grey'));
        add('disturbed', cross(groups.disturbed, 'red'));
        add('base', xl.points(groups.base.map(at), 'blue', {symbolSize: groups.base.length > xl.LARGE ? 3 : 5}));
        add('marked', ring(groups.marked, 'blue', {symbolSize: 6}));
        add('outlier', ring(groups.outlier, 'red', {symbolSize: 11, z: 4}));
        if (median.length && panel.shows('median'))
            series.push({type: 'line', data: median, showSymbol: false, silent: true, z: 3, lineStyle: {color: xl.theme.colour('orange'), width: 2.2}});
        series.push({type: 'line', data: [], markLine: xl.markLine(run.pauses.map(p => ({xAxis: p.at / time, name: p.text,
            label: {show: run.pauses.length < 5, formatter: p.text, color: xl.theme.colour('muted'), fontSize: 11}})))});
        return series;
    };
    const two = hasBase && hasTrials;
    return new xl.Panel({
        id: 'samples', title: 'Every sample over time', wide: true, tall: two,
        label: `Chart: ${xl.count(s.count)} samples over ${xl.duration(s.at[s.count - 1])}`,
        words: xl.paragraphs(noise),
        legend: entries.map(([key, text, shape, colour]) => ({key, shape, colour,
            text: key === 'median' ? text : `${text} (${xl.count(groups[key].length)})`})),
        option: panel => {
            const name = xl.withUnit(run.sample_name, unit.name);
            const x = more => xl.xAxis('value', '', {min: 0, max: Math.max(s.at[s.count - 1] / time, 1e-9), axisLabel: xl.inner({showMinLabel: true}), ...more});
            const label = `time${run.pauses.length ? ' at work' : ''} (${long ? 'min' : 's'})`;
            const y = more => xl.yAxis('value', name, {...more});
            const zoom = two ? {xAxisIndex: [0, 1]} : {};
            return {
                grid: two ? [xl.grid({top: 18, bottom: undefined, height: '42%'}), xl.grid({top: '56%', bottom: 46})] : [xl.grid({top: 18})],
                tooltip: xl.tooltip(p => {
                    const i = p.data[2], causes = run.causesText(s.flags[i]);
                    return `${s.trial[i] < 0 ? 'baseline' : `trial ${s.trial[i]}`}: ${xl.number(p.data[1])} ${unit.name}\n`
                        + `${s.flags[i] & 1 ? 'in use' : 'left out'}${s.flags[i] & 2 ? ', an outlier' : ''}${causes ? `\n${causes}` : ''}`;
                }),
                xAxis: two ? [x({axisLabel: {show: false}}), x({gridIndex: 1, name: label})] : [x({name: label})],
                yAxis: two ? [y({name: xl.withUnit('baseline', unit.name)}), y({gridIndex: 1, name: xl.withUnit('trials', unit.name)})] : [y()],
                dataZoom: [{type: 'inside', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true, moveOnMouseWheel: false, ...zoom}],
                series: drawn(panel),
            };
        },
        note: 'Hold Ctrl and turn the wheel to zoom; drag to move.',
        table: () => {
            const rows = Array.from({length: s.count}, (value, i) => i).filter(i => s.value[i] > 0);
            return xl.table([
                {name: long ? 'at (min)' : 'at (s)', number: true, get: i => s.at[i] / time},
                {name: 'of', get: i => (s.trial[i] < 0 ? 'baseline' : `trial ${s.trial[i]}`)},
                {name: xl.withUnit(run.sample_name, unit.name), number: true, get: i => s.value[i] * unit.scale},
                {name: 'in use', get: i => (s.flags[i] & 1 ? 'yes' : 'no')},
                {name: 'outlier', get: i => (s.flags[i] & 2 ? 'yes' : '')},
                {name: 'what disturbed it', get: i => run.causesText(s.flags[i])},
            ], rows, {caption: 'The samples in order of time'});
        },
    });
};
