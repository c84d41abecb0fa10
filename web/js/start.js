// Starts the page from the facts that it contains, or as a live page.
'use strict';
(function () {
    const facts = JSON.parse(document.getElementById('facts').textContent);
    if (facts.live) {
        xl.live();
        return;
    }
    const runs = facts.runs.map(run => new xl.Run(run));
    const look = async (a, b) => facts.comparisons[`${a} ${b}`];
    const choose = k => {
        xl.runList(runs, k, choose);
        xl.page.show(runs[k], {extra: () => (runs.length > 1 ? [xl.differencesPanel(runs, look)] : [])});
    };
    choose(0);
})();
