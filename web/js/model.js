// A run's facts, with its columns as typed arrays.
'use strict';
xl.STATUS = ['ok', 'duplicate', 'failed', 'timeout', 'infeasible'];

// Numbers of a JSON column, in which null is unknown.
xl.column = list => Float64Array.from(list, value => (value === null ? NaN : value));

xl.Run = class {
    constructor(facts) {
        Object.assign(this, facts);
        const t = facts.trials;
        this.count = t.count;
        this.status = Uint8Array.from(t.status, digit => Number(digit));
        this.level = t.level.map(list => Int32Array.from(list));
        this.value = xl.column(t.value);
        this.metric = {};
        for (const [name, list] of Object.entries(t.metric)) this.metric[name] = xl.column(list);
        this.front = new Set(t.front);
        this.objectives = (facts.objective || '').split(',').filter(name => name);
        const s = facts.samples;
        this.sample = {
            count: s.at.length,
            trial: Int32Array.from(s.trial),
            at: xl.column(s.at),
            value: xl.column(s.value),
            flags: Uint32Array.from(s.flags),
            median: Float64Array.from(s.median),
        };
        this.speedup = facts.report.speedup;
        this.verdict = facts.report.verdict;
        delete this.trials;
        delete this.samples;
        this.samplesOfTrial = t.samples;
        this.reasonOf = t.reason;
        this.reasons = t.reasons;
    }

    ok(i) {
        return this.status[i] < 2;
    }

    get running() {
        return this.state === 'running';
    }

    // How a trial is called that is better or worse than the baseline.
    get than() {
        return this.timed ? ['faster', 'slower'] : ['better', 'worse'];
    }

    unit(name) {
        const metric = this.metrics.find(m => m.name === name);
        return metric ? metric.unit : '';
    }

    metricNames() {
        return Object.keys(this.metric);
    }

    reason(i) {
        const k = this.reasonOf[i];
        return k === undefined ? '' : this.reasons[k];
    }

    // The text of a trial's parameter; '' where it has none.
    setting(i, p) {
        const level = this.level[p][i];
        return level < 0 ? '' : this.axes[p].values[level];
    }

    // The parameters that are worth a column: those that were tuned or vary.
    shownAxes() {
        const shown = this.axes.map((axis, p) => p).filter(p => this.axes[p].values.length > 1);
        return shown.length ? shown : this.axes.map((axis, p) => p);
    }

    settingsText(i) {
        return this.axes.map((axis, p) => (this.level[p][i] < 0 ? '' : `${axis.name} ${this.setting(i, p)}`))
            .filter(text => text).join(', ');
    }

    // How a trial's value is called and shown: a ratio to the baseline, or a time.
    valueAxis() {
        if (this.ratio) return {name: this.ratio_name.replace("'", '’'), note: `under 1 is ${this.than[0]}`, scale: 1, unit: ''};
        const range = xl.range(this.value), unit = xl.timeUnit(range ? range[1] : 0);
        return {name: this.time_name, note: '', scale: unit.scale, unit: unit.name};
    }

    valueName() {
        const axis = this.valueAxis();
        return xl.withUnit(axis.name, axis.unit);
    }

    // What disturbed a sample, from its flags.
    causesText(flags) {
        return this.causes.filter((name, bit) => flags >> (bit + 2) & 1).join(', ');
    }

    words(about) {
        return this.report.words.find(section => section.about === about);
    }
};

// A run of the list of `dash`, of which only that is known which the list shows.
xl.card = facts => Object.setPrototypeOf({...facts, objectives: (facts.objective || '').split(',').filter(name => name),
    speedup: facts.report.speedup, verdict: facts.report.verdict}, xl.Run.prototype);

// The baseline's value of a metric in the search; NaN where it is unknown.
xl.baselineMetric = function (run, name) {
    const baseline = run.report.baseline || {};
    const metrics = baseline.search_metrics || baseline.metrics || {};
    return xl.known(metrics[name]) ? metrics[name] : NaN;
};
