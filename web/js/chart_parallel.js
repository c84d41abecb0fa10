// All settings and results at once, a line for each trial. Ranges on the axes select trials; everything follows.
'use strict';
(function () {
    const LINES = 1200;  // lines drawn at most: more would only be a surface
    const MOVING = 200;  // while a range is dragged, so that each frame is drawn in time
    const BEST = 0.25;   // share of them that goes to the best trials
    const NAMES = 24;    // a parameter with more values has an axis of numbers

    // The axes: the parameters, then what was measured.
    xl.parallelAxes = function (run) {
        const axes = run.shownAxes().map(p => {
            const axis = run.axes[p], level = run.level[p], numbers = axis.values.map(Number);
            const named = !axis.numeric || axis.values.length <= NAMES;
            const at = new Float64Array(run.count);
            for (let i = 0; i < run.count; i++) at[i] = level[i] < 0 ? NaN : named ? level[i] : numbers[level[i]];
            const range = xl.range(at);
            const log = !named && range && range[0] > 0 && range[1] > 20 * range[0];
            return {key: `p${p}`, name: axis.name, at, values: named ? axis.values : null, log, range};
        });
        const value = run.valueAxis(), at = new Float64Array(run.count);
        for (let i = 0; i < run.count; i++) at[i] = run.ok(i) ? run.value[i] * value.scale : NaN;
        axes.push({key: 'value', name: run.valueName(), at, values: null, log: false, range: xl.range(at)});
        const first = run.objectives.length > 1 ? run.objectives : ['prefill_tok_s', 'decode_tok_s', 'peak_mb', 'kl'];
        for (const name of first) {
            if (!run.metric[name]) continue;
            const list = run.metric[name].map((v, i) => (run.ok(i) ? v : NaN)), range = xl.range(list);
            if (!range || range[0] === range[1]) continue;
            axes.push({key: `m ${name}`, name, at: list, values: null, log: false, range});
        }
        return axes.filter(axis => axis.range);
    };

    // Which trials are drawn: the winner, the front and the best first, then every so many of the others; of a
    // selection more than of the rest.
    class Sampler {
        constructor(run, axes) {
            this.run = run;
            this.whole = [];
            for (let i = 0; i < run.count; i++) if (axes.every(axis => !Number.isNaN(axis.at[i]))) this.whole.push(i);
            this.byValue = this.whole.slice().sort((a, b) => run.value[a] - run.value[b]);
            const chosen = run.chosen ? run.chosen.trial : -1;
            this.chosen = this.whole.includes(chosen) ? chosen : -1;
        }

        take(filter, most) {
            if (this.whole.length <= most) return this.whole;
            const taken = new Set(), inside = i => filter.mask[i], best = Math.floor(most * BEST);
            const evenly = (list, n) => {
                for (let k = 0; k < n && list.length; k++) taken.add(list[Math.floor(k * list.length / n)]);
            };
            if (this.chosen >= 0) taken.add(this.chosen);
            for (const i of this.run.front) if (taken.size < best && inside(i) && this.whole.length) taken.add(i);
            for (const i of this.byValue) {
                if (taken.size >= best) break;
                if (inside(i)) taken.add(i);
            }
            evenly(filter.active ? this.whole.filter(inside) : this.whole, (most - best) * (filter.active ? 2 / 3 : 1));
            if (filter.active) evenly(this.whole, (most - best) / 3);
            return [...taken];
        }
    }

    // Ranges without a mouse: two fields for each axis.
    function fields(filter) {
        const sets = filter.axes.map(axis => {
            const make = name => {
                if (!axis.values) return xl.el('input', {type: 'number', step: 'any', 'aria-label': `${axis.name} ${name}`, placeholder: name});
                return xl.el('select', {'aria-label': `${axis.name} ${name}`}, xl.el('option', {value: ''}, name),
                    axis.values.map((text, level) => xl.el('option', {value: String(level)}, text)));
            };
            const low = make('from'), high = make('to');
            const changed = () => {
                const from = low.value === '' ? -Infinity : Number(low.value), to = high.value === '' ? Infinity : Number(high.value);
                filter.set(axis.key, from === -Infinity && to === Infinity ? [] : [[from, to]], 'fields');
            };
            low.addEventListener('change', changed);
            high.addEventListener('change', changed);
            return {axis, low, high, element: xl.el('fieldset', null, xl.el('legend', null, axis.name), low, high)};
        });
        filter.onchange(from => {
            if (from === 'fields') return;
            for (const set of sets) {
                if (filter.ranges.has(set.axis.key)) continue;
                set.low.value = '';
                set.high.value = '';
            }
        });
        return xl.el('details', {class: 'by-hand'}, xl.el('summary', null, 'Choose ranges by hand'), xl.el('div', {class: 'filters'}, sets.map(set => set.element)));
    }

    function rangeText(axis, ranges) {
        const end = value => (axis.values ? axis.values[Math.max(0, Math.min(axis.values.length - 1, Math.round(value)))] : xl.number(value, 3));
        return ranges.map(([low, high]) => {
            if (axis.values) [low, high] = [Math.ceil(low), Math.floor(high)];
            if (low === -Infinity) return `to ${end(high)}`;
            if (high === Infinity) return `from ${end(low)}`;
            return end(low) === end(high) ? end(low) : `${end(low)} to ${end(high)}`;
        }).join(' or ');
    }

    // What is selected, as a line with a button for each range.
    function chips(run, filter) {
        const place = xl.el('div', {class: 'chips', role: 'status'}), value = run.valueAxis();
        const count = xl.el('span', {class: 'count'}), best = xl.el('span', {class: 'note'}), ranges = xl.el('span', {class: 'ranges'});
        const say = () => {
            let first = -1;
            for (let i = 0; i < run.count && filter.active; i++)
                if (filter.mask[i] && run.ok(i) && run.value[i] > 0 && (first < 0 || run.value[i] < run.value[first])) first = i;
            count.textContent = filter.active ? `${xl.count(filter.selected)} of ${xl.plural(run.count, 'trial')} selected` : `${xl.plural(run.count, 'trial')}, none left out`;
            best.textContent = first >= 0 ? `the best is trial ${xl.count(first)}: ${xl.number(run.value[first] * value.scale)} ${value.unit}` : '';
        };
        const show = () => {
            say();
            ranges.replaceChildren(...filter.axes.filter(axis => filter.ranges.has(axis.key)).map(axis => {
                const range = rangeText(axis, filter.ranges.get(axis.key));
                return xl.el('button', {type: 'button', 'aria-label': `Remove the range of ${axis.name}: ${range}`, onclick: () => filter.set(axis.key, [], 'chip')}, `${axis.name}: ${range} ✕`);
            }), filter.active ? xl.el('button', {type: 'button', class: 'all', onclick: () => filter.clear()}, 'Show all') : '');
        };
        place.append(count, best, ranges);
        // While a range is dragged only the words change, once a frame.
        let due = false;
        filter.onchange(() => {
            if (due) return;
            due = true;
            requestAnimationFrame(() => {
                due = false;
                if (filter.held) say();
                else show();
            });
        });
        filter.onrest(show);
        show();
        return place;
    }

    xl.parallelPanel = function (run, filter) {
        const axes = filter.axes, sampler = new Sampler(run, axes), of = sampler.whole.length, chosen = sampler.chosen;
        let drawn = [];
        const lines = list => list.map(i => axes.map(axis => axis.at[i]));
        const narrow = () => panel.place.clientWidth < 560;
        const option = () => {
            const colour = xl.theme.colour;
            drawn = sampler.take(filter, LINES);
            const value = axes.findIndex(axis => axis.key === 'value');
            let [low, high] = axes[value].range;
            if (run.ratio) { // the baseline has the middle colour
                const most = Math.max(high, 1 / low, 1.02);
                [low, high] = [1 / most, most];
            }
            const vertical = narrow();
            return {
                parallel: vertical ? {layout: 'vertical', left: 18, right: 112, top: 14, bottom: 24} : {left: 56, right: 66, top: 44, bottom: 28},
                parallelAxis: axes.map((axis, k) => ({
                    id: axis.key, dim: k, name: xl.cut(axis.name, vertical ? 15 : Math.max(8, Math.floor((panel.place.clientWidth - 100) / (axes.length - 1) / 6.6))),
                    type: axis.values ? 'category' : axis.log ? 'log' : 'value',
                    data: axis.values ? axis.values.map(text => xl.cut(text, 12)) : undefined,
                    min: axis.values ? undefined : axis.range[0], max: axis.values ? undefined : axis.range[1],
                    splitNumber: 4, nameLocation: 'end', nameGap: vertical ? 8 : 14, nameTextStyle: {color: colour('ink'), fontSize: 12},
                    axisLine: {lineStyle: {color: colour('grey')}}, axisTick: {lineStyle: {color: colour('grey')}},
                    axisLabel: {color: colour('ink'), fontSize: 11, hideOverlap: true, ...xl.rim(), formatter: v => (typeof v === 'number' ? xl.number(v, 3) : v)},
                    areaSelectStyle: {width: 18, borderColor: colour('orange'), color: colour('orange'), opacity: 0.25, borderWidth: 1},
                })),
                visualMap: {
                    type: 'continuous', show: false, dimension: value, min: low, max: high, seriesIndex: 0,
                    inRange: {color: run.ratio ? [colour('low'), colour('grey'), colour('high')] : [colour('low'), colour('grey')]},
                },
                series: [
                    {
                        id: 'trials', type: 'parallel', data: lines(drawn), silent: true, progressive: 0,
                        lineStyle: {width: 1.2, opacity: drawn.length > 300 ? 0.35 : 0.6}, inactiveOpacity: 0.04,
                        activeOpacity: drawn.length > 300 ? 0.5 : 0.8, smooth: false,
                    },
                    {
                        id: 'chosen', type: 'parallel', silent: true, data: chosen >= 0 ? lines([chosen]) : [],
                        lineStyle: {width: 3, opacity: 0.95, color: colour('ink')}, inactiveOpacity: 0.25, activeOpacity: 1, z: 3,
                    },
                ],
            };
        };
        // Shows the filter's ranges on the axes, where they came from elsewhere or the chart was drawn anew.
        const mark = () => {
            // ECharts draws the ranges of an axis anew when another axis changes, so the first one is told twice.
            [...axes.keys(), 0].forEach(k => {
                const axis = axes[k];
                const ranges = (filter.ranges.get(axis.key) || []).map(([low, high]) =>
                    [Math.max(low, axis.values ? 0 : axis.range[0]), Math.min(high, axis.values ? axis.values.length - 1 : axis.range[1])]);
                panel.marking = true;
                panel.chart.dispatchAction({type: 'axisAreaSelect', parallelAxisIndex: k, intervals: ranges});
                panel.marking = false;
            });
        };
        const panel = new xl.Panel({
            id: 'parallel', title: 'All settings at once', wide: true, tall: true,
            label: `Chart: parallel coordinates of ${axes.length} axes: ${axes.map(axis => axis.name).join(', ')}`,
            words: [xl.el('p', null, 'A line is a trial. Drag along an axis to select a range; the other charts and the tables follow. A click on the axis outside of a range removes it.')],
            above: chips(run, filter), below: fields(filter), option,
            legend: [...(run.ratio ? [{text: `${run.than[0]} than the baseline`, shape: 'line', colour: 'low', fixed: true}, {text: run.than[1], shape: 'line', colour: 'high', fixed: true}] : []),
                ...(run.chosen ? [{text: run.chosen.what, shape: 'line', colour: 'ink', fixed: true}] : [])],
            note: () => (drawn.length < of ? `${xl.count(drawn.length)} of ${xl.count(of)} lines are drawn: the best ${Math.floor(BEST * LINES)} and an even sample of the others `
                + `(${MOVING} while a range is dragged). Counts, tables and the selection are of all trials.` : ''),
            table: () => xl.trialTable(run, filter.rows(), filter.active ? 'The selected trials' : 'All trials'),
            started: () => {
                panel.chart.on('axisareaselected', event => {
                    if (panel.marking) return;
                    filter.set(event.parallelAxisId, event.intervals || [], 'brush');
                });
                panel.chart.getZr().on('mousedown', () => {
                    filter.hold(true);
                    if (drawn.length > MOVING) panel.chart.setOption({series: [{id: 'trials', data: lines(sampler.take(filter, MOVING))}]});
                    const ends = ['pointerup', 'pointercancel', 'blur'];
                    const release = () => {
                        for (const end of ends) removeEventListener(end, release);
                        filter.hold(false);
                    };
                    for (const end of ends) addEventListener(end, release);
                });
            },
        });
        filter.onchange(from => {
            if (from !== 'brush' && panel.chart) mark();
        });
        filter.onrest(() => {
            if (!panel.chart) return;
            if (drawn.length < of) panel.draw();
            panel.behind.refresh();
        });
        const draw = panel.draw.bind(panel);
        panel.draw = () => {
            draw();
            if (panel.chart && filter.active) mark();
        };
        return panel;
    };
})();
