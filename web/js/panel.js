// A panel: title, words, controls, legend, the chart, a note, and the table behind the chart.
'use strict';
(function () {
    const SHAPES = {
        dot: colour => xl.svg('circle', {cx: 8, cy: 6, r: 4, fill: colour}),
        ring: colour => xl.svg('circle', {cx: 8, cy: 6, r: 4, fill: 'none', stroke: colour, 'stroke-width': 1.6}),
        cross: colour => xl.svg('path', {d: 'M4 2 L12 10 M12 2 L4 10', stroke: colour, 'stroke-width': 1.8, fill: 'none'}),
        square: colour => xl.svg('rect', {x: 4, y: 2, width: 8, height: 8, fill: 'none', stroke: colour, 'stroke-width': 1.8}),
        line: colour => xl.svg('path', {d: 'M0 6 L16 6', stroke: colour, 'stroke-width': 2.4}),
        dashed: colour => xl.svg('path', {d: 'M0 6 L16 6', stroke: colour, 'stroke-width': 1.8, 'stroke-dasharray': '4 3'}),
        band: colour => xl.svg('rect', {x: 0, y: 1, width: 16, height: 10, fill: colour, opacity: 0.35}),
    };

    // options: {id, title, words, wide, tall, height, controls, legend: [{key, text, shape, colour, fixed: cannot be hidden}], note,
    //           option(panel): what ECharts draws, table(): the table behind it, label: what the picture shows}
    xl.Panel = class {
        constructor(options) {
            this.options = options;
            this.hidden = new Set();
            this.place = xl.el('div', {class: options.tall ? 'chart tall' : 'chart', role: 'img', 'aria-label': options.label});
            if (options.height) this.place.style.height = `${options.height}px`;
            this.note = xl.el('p', {class: 'note'});
            this.legendPlace = xl.el('div', {class: 'legend', role: 'group', 'aria-label': 'Shown in the chart'});
            this.behind = xl.tableBehind(options.table, 'The same as a table');
            const words = (options.words || []).filter(word => word);
            this.element = xl.el('section', {class: `card panel${options.wide ? '' : ' half'}`, id: options.id, 'aria-labelledby': `${options.id}-title`},
                xl.el('h2', {id: `${options.id}-title`}, options.title),
                words.length ? xl.el('div', {class: 'words'}, words) : null,
                options.controls && options.controls.length ? xl.el('div', {class: 'controls'}, options.controls) : null,
                options.above || null, this.legendPlace, this.place, options.below || null, this.note, this.behind);
            this.chart = null;
        }

        // Draws for the first time, once the element is on the page.
        start() {
            this.chart = echarts.init(this.place, null, {renderer: 'canvas'});
            this.resized = new ResizeObserver(() => this.chart && this.chart.resize());
            this.resized.observe(this.place);
            this.draw();
            if (this.options.started) this.options.started(this);
        }

        draw() {
            if (!this.chart) return;
            const colour = xl.theme.colour;
            const option = this.options.option(this);
            this.chart.setOption({
                animation: false,
                backgroundColor: 'transparent',
                textStyle: {fontFamily: getComputedStyle(document.body).fontFamily, color: colour('ink')},
                ...option,
            }, {notMerge: true});
            this.drawLegend();
            this.note.textContent = (typeof this.options.note === 'function' ? this.options.note(this) : this.options.note) || '';
            this.note.hidden = !this.note.textContent;
            this.place.setAttribute('aria-label', this.options.label);
        }

        drawLegend() {
            const entries = typeof this.options.legend === 'function' ? this.options.legend(this) : this.options.legend || [];
            const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
            const had = this.legendPlace.contains(document.activeElement);
            this.legendPlace.hidden = !entries.length;
            this.legendPlace.replaceChildren(...entries.map(entry => {
                const swatch = xl.svg('svg', {viewBox: '0 0 16 12', 'aria-hidden': 'true'});
                swatch.append(SHAPES[entry.shape](xl.theme.colour(entry.colour)));
                if (entry.fixed) return xl.el('span', null, swatch, entry.text);
                const button = xl.el('button', {type: 'button', 'aria-pressed': String(!this.hidden.has(entry.key)), onclick: () => {
                    if (!this.hidden.delete(entry.key)) this.hidden.add(entry.key);
                    this.draw();
                }}, swatch, entry.text);
                button.dataset.key = entry.key;
                return button;
            }));
            if (had && focused) {
                for (const button of this.legendPlace.children) if (button.dataset.key === focused) button.focus();
            }
        }

        shows(key) {
            return !this.hidden.has(key);
        }

        dispose() {
            if (this.resized) this.resized.disconnect();
            if (this.chart) this.chart.dispose();
            this.chart = null;
        }
    };

    // ---- parts of ECharts options that all charts share ----

    xl.axis = function (type, name, more = {}) {
        const colour = xl.theme.colour;
        return {
            type, name,
            nameLocation: 'middle',
            nameTextStyle: {color: colour('muted'), fontSize: 12},
            axisLine: {show: true, lineStyle: {color: colour('grey')}},
            axisTick: {show: true, lineStyle: {color: colour('grey')}},
            axisLabel: {color: colour('muted'), fontSize: 12, hideOverlap: true, formatter: value => (typeof value === 'number' ? xl.number(value) : value)},
            splitLine: {show: true, lineStyle: {color: colour('rule')}},
            ...more,
        };
    };
    xl.xAxis = (type, name, more) => xl.axis(type, name, {nameGap: 28, splitLine: {show: false}, ...more});
    xl.yAxis = (type, name, more) => xl.axis(type, name, {nameGap: 46, scale: true, ...more});
    // Texts over lines get a rim in the colour of the ground.
    xl.rim = () => ({textBorderColor: xl.theme.colour('card'), textBorderWidth: 3});
    // An axis whose ends are not round numbers shows none there.
    xl.inner = more => ({color: xl.theme.colour('muted'), fontSize: 12, hideOverlap: true, showMinLabel: false, showMaxLabel: false, formatter: v => xl.number(v, 3), ...more});
    xl.grid = more => ({left: 64, right: 18, top: 14, bottom: 46, ...more});

    // Texts are drawn, never parsed as HTML: a name from a run cannot become an element.
    xl.tooltip = function (formatter, more = {}) {
        const colour = xl.theme.colour;
        return {
            renderMode: 'richText', confine: true, formatter,
            backgroundColor: colour('card'), borderColor: colour('grey'), borderWidth: 1, padding: [6, 9],
            textStyle: {color: colour('ink'), fontSize: 12, lineHeight: 17},
            ...more,
        };
    };

    xl.markLine = function (data, more = {}) {
        const colour = xl.theme.colour;
        return {
            silent: true, symbol: 'none', animation: false, data,
            lineStyle: {color: colour('grey'), type: 'dashed', width: 1.4},
            label: {show: false, color: colour('muted')},
            ...more,
        };
    };

    // Points beyond this number are drawn in ECharts' mode for many points.
    xl.LARGE = 3000;

    xl.points = function (data, colour, more = {}) {
        const many = data.length > xl.LARGE;
        return {
            type: 'scatter', data, symbolSize: many ? 3 : 7, large: many, largeThreshold: xl.LARGE, progressive: 0,
            itemStyle: {color: xl.theme.colour(colour), opacity: many ? 0.35 : 0.6}, emphasis: {disabled: many},
            ...more,
        };
    };
})();
