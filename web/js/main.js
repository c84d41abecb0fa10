// Puts the page together: of a run the verdict, the charts and the table of trials.
'use strict';
// What the reader chose, by name, so that it stays when a run is drawn anew.
xl.choices = {};
xl.choice = (run, name) => (xl.choices[`${run.uid || run.folder} ${name}`] ||= {});

xl.page = (function () {
    const place = document.getElementById('page');
    let panels = [], shown = 0; // `shown` counts the runs that were put up, so that late work of an earlier one stops

    function gaps(run) {
        const words = run.words('gaps');
        if (!words || !words.lines.length) return null;
        return xl.el('section', {class: 'card panel half', id: 'gaps', 'aria-labelledby': 'gaps-title'},
            xl.el('h2', {id: 'gaps-title'}, words.title), xl.el('div', {class: 'words'}, xl.paragraphs(words)));
    }

    function trials(run, filter) {
        const inside = xl.el('div'), state = xl.choice(run, 'trials');
        const fill = () => inside.replaceChildren(xl.trialTable(run, filter.rows(), filter.active ? 'The selected trials' : 'All trials; a click on a heading sorts', state));
        filter.onrest(fill);
        fill();
        return xl.el('section', {class: 'card panel', id: 'trials', 'aria-labelledby': 'trials-title'}, xl.el('h2', {id: 'trials-title'}, 'Trials'), inside);
    }

    // A pause between two pieces of work, in which the browser paints and answers.
    const breath = () => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));

    // What can be focused inside an element, in order.
    const stops = element => [...element.querySelectorAll('button, select, input, summary, [tabindex]')];

    // Puts an element in the place of the one of the same id: what was open stays open, and the focus where it was.
    function replace(old, element) {
        const open = [...old.querySelectorAll('details')].map(more => more.open);
        const focus = old.contains(document.activeElement) ? stops(old).indexOf(document.activeElement) : -1;
        element.className = old.className;
        old.replaceWith(element);
        element.querySelectorAll('details').forEach((more, k) => (more.open = Boolean(open[k])));
        if (focus >= 0 && stops(element)[focus]) stops(element)[focus].focus({preventScroll: true});
    }

    // Makes a change to the page, and keeps in its place what the reader looks at: the element nearest to the middle of the
    // window. At the page's beginning nothing is kept, so that what is new there is seen.
    function holding(change) {
        const middle = innerHeight / 2, far = ({top, bottom}) => Math.max(top - middle, middle - bottom, 0);
        const rows = scrollY > 0 ? [...place.children].map(child => ({id: child.id, at: child.getBoundingClientRect()})) : [];
        const seen = rows.filter(row => row.id).sort((a, b) => far(a.at) - far(b.at))[0];
        change();
        const now = seen && document.getElementById(seen.id);
        if (now) scrollBy({top: now.getBoundingClientRect().top - seen.at.top, behavior: 'instant'});
    }

    // Shows a run: the verdict at once, the charts one after the other. options: keep: the same run is there already and
    // is brought up to date in its place; extra(): further elements at the end.
    async function show(run, options = {}) {
        const turn = ++shown, before = panels, keep = Boolean(options.keep), oldFilter = keep ? xl.page.filter : null;
        let last = null;
        const made = new Set();
        const put = element => {
            const old = keep ? [...place.children].find(child => child.id === element.id) : null;
            if (old) replace(old, element);
            else if (last) last.after(element);
            else place.prepend(element);
            last = element;
            made.add(element);
        };
        panels = [];
        document.title = `${xl.headline(run).text} · ${run.name}`;
        if (!keep) {
            for (const panel of before) panel.dispose();
            delete place.dataset.ready;
            place.replaceChildren();
        }
        holding(() => xl.verdictCards(run).forEach(put));
        performance.mark('xltune-verdict');
        await breath();
        if (turn !== shown) return;
        const axes = xl.parallelAxes(run), filter = new xl.Filter(axes, run.count);
        if (oldFilter) filter.takeOver(oldFilter);
        xl.page.filter = filter;
        const makers = [() => xl.comparisonPanel(run), () => xl.importancePanel(run), () => xl.samplesPanel(run),
            () => (run.count > 1 && axes.length > 1 ? xl.parallelPanel(run, filter) : null), () => xl.progressPanel(run, filter),
            () => xl.pairsPanel(run, filter), () => xl.frontsPanel(run, filter)];
        for (const make of makers) {
            const panel = make();
            if (!panel) continue;
            const old = keep ? before.find(other => other.options.id === panel.options.id) : null;
            if (old) {
                panel.hidden = old.hidden;
                old.dispose();
            }
            panels.push(panel);
            holding(() => {
                put(panel.element);
                panel.start();
            });
            await breath();
            if (turn !== shown) return;
        }
        const missing = gaps(run);
        holding(() => {
            if (missing) put(missing);
            put(trials(run, filter));
            if (!keep && options.extra) options.extra().forEach(put);
            for (const child of [...place.children]) if (!made.has(child) && !(keep && child.id === 'differences')) child.remove();
            widen();
        });
        filter.onrest(() => {
            if (turn !== shown) return;
            for (const panel of panels) {
                if (!['progress', 'pairs', 'fronts'].includes(panel.options.id)) continue;
                panel.draw();
                panel.behind.refresh();
            }
        });
        place.dataset.ready = 'true';
        place.dataset.drawn = String(turn);
        performance.mark('xltune-ready');
    }

    // A panel of half the width that has no neighbour takes the whole of it.
    function widen() {
        let open = null;
        for (const element of place.children) {
            const half = element.dataset.half || (element.dataset.half = String(element.classList.contains('half')));
            element.classList.toggle('half', half === 'true');
            if (half === 'true') {
                open = open ? null : element;
                continue;
            }
            if (open) open.classList.remove('half');
            open = null;
        }
        if (open) open.classList.remove('half');
    }

    xl.theme.onchange(() => {
        for (const panel of panels) panel.draw();
    });
    addEventListener('pointerdown', () => (xl.page.pressed = true));
    for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => (xl.page.pressed = false));

    return {show, holding, place, pressed: false, message(text) {
        place.replaceChildren(xl.el('p', {class: 'message'}, text));
    }};
})();

// The list of runs. `choose(k)` is called with the index of the one that is chosen.
xl.runList = function (runs, chosen, choose) {
    const nav = document.getElementById('runs');
    const focus = nav.contains(document.activeElement) ? [...nav.querySelectorAll('button')].indexOf(document.activeElement) : -1;
    const scrolled = nav.firstElementChild ? nav.firstElementChild.scrollTop : 0;
    nav.hidden = runs.length < 2;
    nav.replaceChildren(xl.el('ul', null, runs.map((run, k) => {
        const {text} = xl.headline(run);
        return xl.el('li', null, xl.el('button', {type: 'button', 'aria-current': k === chosen ? 'true' : 'false', onclick: () => choose(k)},
            xl.el('bdi', {class: 'title'}, run.name), xl.el('span', {class: 'line'}, run.running ? `${text}: ${xl.plural(run.count, 'trial')}` : text, xl.stateBadge(run) || ''),
            xl.strip(run, 220, true)));
    })));
    nav.firstElementChild.scrollTop = scrolled;
    if (focus >= 0) nav.querySelectorAll('button')[focus]?.focus({preventScroll: true});
};
