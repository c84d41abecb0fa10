// Tables that can be sorted and turned over page by page, for readers of any kind.
'use strict';
(function () {
    const PAGE = 25;

    // columns: [{name, number, get(row), text(row)}]: `get` gives what is sorted by, `text` (optional) what is shown.
    // rows: a list of anything. options: {caption, chosen(row), page, state: where sorting and place are kept}
    xl.table = function (columns, rows, options) {
        const size = options.page || PAGE;
        const state = options.state || {};
        let sorted = rows, by = -1, down = false, first = 0;
        const body = xl.el('tbody'), pager = xl.el('div', {class: 'pager'}), place = xl.el('span');
        const heads = columns.map((column, k) => xl.el('th', {scope: 'col', class: column.number ? 'number' : null},
            rows.length > 1 ? xl.el('button', {type: 'button', onclick: () => sort(k)}, column.name) : column.name));
        const turn = (text, step) => xl.el('button', {type: 'button', onclick: () => go(first + step * size)}, text);
        const back = turn('Previous', -1), forth = turn('Next', 1);
        pager.append(back, forth, place);

        function compare(a, b) {
            const empty = value => value === null || value === undefined || Number.isNaN(value) || value === '';
            if (empty(a) || empty(b)) return empty(a) - empty(b); // what is unknown comes last, either way
            const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
            return down ? -order : order;
        }

        function sort(k, descending = by === k && !down) {
            down = descending;
            by = k;
            Object.assign(state, {by, down});
            sorted = rows.slice().sort((a, b) => compare(columns[k].get(a), columns[k].get(b)));
            heads.forEach((head, i) => {
                if (i === k) head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
                else head.removeAttribute('aria-sort');
            });
            go(0);
        }

        function cell(column, row, k) {
            const value = column.text ? column.text(row) : column.get(row);
            const shown = typeof value === 'number' ? xl.number(value) : value === null || value === undefined ? '' : value;
            const type = column.number ? 'number' : column.wrap ? 'wrap' : null;
            return k ? xl.el('td', {class: type}, shown) : xl.el('th', {scope: 'row', class: type}, shown);
        }

        function go(to) {
            first = state.first = Math.max(0, Math.min(to, Math.floor((sorted.length - 1) / size) * size));
            body.replaceChildren(...sorted.slice(first, first + size).map(row =>
                xl.el('tr', {class: options.chosen && options.chosen(row) ? 'chosen' : null},
                    columns.map((column, k) => cell(column, row, k)))));
            back.disabled = first === 0;
            forth.disabled = first + size >= sorted.length;
            const last = Math.min(first + size, sorted.length);
            place.textContent = `${xl.count(Math.min(first + 1, last))} to ${xl.count(last)} of ${xl.count(sorted.length)}`;
            pager.hidden = sorted.length <= size;
        }

        const kept = state.first || 0;
        if (state.by !== undefined && columns[state.by]) sort(state.by, state.down);
        go(kept);
        const table = xl.el('table', null, xl.el('caption', null, options.caption),
            xl.el('thead', null, xl.el('tr', null, heads)), body);
        const scroll = xl.el('div', {class: 'table', tabIndex: 0, role: 'region', 'aria-label': options.caption}, table);
        return xl.el('div', null, scroll, pager);
    };

    // A table that is made when it is opened. `make` returns it.
    xl.tableBehind = function (make, summary = 'Table') {
        const inside = xl.el('div');
        const made = xl.el('details', {class: 'behind', ontoggle: () => {
            if (made.open) inside.replaceChildren(make());
        }}, xl.el('summary', null, summary), inside);
        made.refresh = () => {
            if (made.open) inside.replaceChildren(make());
        };
        return made;
    };

    // The trials of a run as a table; `rows` are their numbers.
    xl.trialTable = function (run, rows, caption, state) {
        const value = run.valueAxis();
        const columns = [{name: 'trial', number: true, get: i => i, text: i => xl.count(i)}, {name: 'status', get: i => xl.STATUS[run.status[i]]}];
        for (const p of run.shownAxes()) {
            const axis = run.axes[p];
            columns.push({
                name: axis.name, number: axis.numeric,
                get: i => (run.level[p][i] < 0 ? '' : axis.numeric ? Number(axis.values[run.level[p][i]]) : run.setting(i, p)),
                text: i => run.setting(i, p),
            });
        }
        columns.push({name: run.valueName(), number: true, get: i => run.value[i] * value.scale});
        columns.push({name: 'samples', number: true, get: i => run.samplesOfTrial[i]});
        for (const name of run.metricNames())
            columns.push({name: xl.withUnit(name, run.unit(name)), number: true, get: i => run.metric[name][i]});
        if (run.reasons.length) columns.push({name: 'reason', wrap: true, get: i => run.reason(i)});
        return xl.table(columns, rows, {caption, state, chosen: i => run.chosen && i === run.chosen.trial});
    };
})();
