// The page of `xltune dash`: the list of runs comes as events; the run that is shown is fetched when it has changed.
'use strict';
xl.live = function () {
    const LEAST = 2000;  // milliseconds between two fetches of the run
    const PATIENCE = 5;  // times as long as the last fetch and drawing took, so that the page stays usable
    const status = document.getElementById('status');
    let runs = [], shown = null, stamp = '', busy = false, due = 0, ended = 0, took = 0;

    const stampOf = run => [run.count, run.state, run.final, run.verdict].join(' ');

    async function get(path) {
        const answer = await fetch(path);
        if (!answer.ok) throw new Error((await answer.text()).trim());
        return answer.json();
    }

    function say(text) {
        if (status.textContent !== text) status.textContent = text;
    }

    const look = (a, b) => get(`/api/compare?a=${encodeURIComponent(runs[a].uid)}&b=${encodeURIComponent(runs[b].uid)}`);

    function list() {
        xl.page.holding(() => xl.runList(runs, runs.findIndex(run => run.uid === shown), k => show(runs[k].uid)));
    }

    // Fetches and shows the run; `keep` where it is on the page already.
    async function fetchRun(keep) {
        const uid = shown, begun = performance.now();
        busy = true;
        try {
            const card = runs.find(run => run.uid === uid);
            const run = new xl.Run(await get(`/api/run?a=${encodeURIComponent(uid)}`));
            if (uid !== shown) return;
            stamp = card ? stampOf(card) : '';
            await xl.page.show(run, {keep, extra: () => (runs.length > 1 ? [xl.differencesPanel(runs, look)] : [])});
            say('Live');
        } catch (error) {
            say(`The run cannot be shown: ${error.message}`);
        } finally {
            busy = false;
            ended = performance.now();
            took = ended - begun;
            if (uid === shown) refresh();
            else fetchRun(false);
        }
    }

    function show(uid) {
        shown = uid;
        list();
        if (!busy) fetchRun(false);
    }

    // Nothing is drawn anew under the reader's hands.
    const inUse = () => (xl.page.filter && xl.page.filter.held) || xl.page.pressed
        || (xl.page.place.contains(document.activeElement) && ['SELECT', 'INPUT'].includes(document.activeElement.tagName));

    function refresh() {
        const card = runs.find(run => run.uid === shown);
        clearTimeout(due);
        if (busy || !card || stampOf(card) === stamp) return;
        const wait = Math.max(LEAST, PATIENCE * took) - (performance.now() - ended);
        if (wait > 0 || inUse() || document.hidden) {
            due = setTimeout(refresh, Math.max(wait, 500));
            return;
        }
        fetchRun(true);
    }

    const source = new EventSource('/events');
    source.addEventListener('message', event => {
        runs = JSON.parse(event.data).runs.map(xl.card);
        if (!runs.length) {
            xl.page.message('There are no runs yet. This page shows the first one as soon as it has begun.');
            say('Live');
        } else if (!shown || !runs.some(run => run.uid === shown)) {
            show(runs[0].uid);
        } else {
            list();
            refresh();
        }
    });
    source.addEventListener('open', () => say('Live'));
    source.addEventListener('error', () => say('The connection is lost; trying again. If xltune dash was started anew, open its new address.'));
    document.getElementById('about').textContent = 'Served by xltune dash on this machine. Charts: Apache ECharts, under the Apache License 2.0.';
};
