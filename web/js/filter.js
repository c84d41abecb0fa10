// Which trials are selected: ranges on the axes of the parallel coordinates. Every chart and table follows it.
'use strict';
xl.Filter = class {
    // axes: [{key, name, at: Float64Array}], where `at` is a trial's place on the axis; NaN: none.
    constructor(axes, count) {
        this.axes = axes;
        this.ranges = new Map();
        this.mask = new Uint8Array(count).fill(1);
        this.selected = count;
        this.listeners = [];
        this.followers = [];
        this.held = false;
        this.settle = xl.later(() => {
            if (this.held) return;
            for (const follower of this.followers) follower();
        }, 150);
    }

    get active() {
        return this.ranges.size > 0;
    }

    // Called at once after each change, with where it came from; must be quick, for a range is being dragged.
    onchange(listener) {
        this.listeners.push(listener);
    }

    // Called when the selection has come to rest.
    onrest(follower) {
        this.followers.push(follower);
    }

    // While a range is dragged, nothing comes to rest.
    hold(held) {
        this.held = held;
        if (!held) this.settle();
    }

    changed(from) {
        this.apply();
        for (const listener of this.listeners) listener(from);
        this.settle();
    }

    // Sets the ranges of an axis, [[low, high], …]; an empty list removes them.
    set(key, ranges, from) {
        if (ranges.length) this.ranges.set(key, ranges);
        else if (!this.ranges.delete(key)) return;
        this.changed(from);
    }

    clear() {
        this.ranges.clear();
        this.changed(null);
    }

    // Takes over the ranges of an earlier filter; on an axis of names by the names, whose places may have changed.
    takeOver(other) {
        for (const axis of this.axes) {
            const old = other.axes.find(one => one.key === axis.key), ranges = other.ranges.get(axis.key);
            if (!old || !ranges) continue;
            const moved = place => (Number.isFinite(place) && axis.values && old.values ? axis.values.indexOf(old.values[place]) : place);
            this.ranges.set(axis.key, ranges.map(([low, high]) => (axis.values ? [moved(Math.ceil(low)), moved(Math.floor(high))] : [low, high])));
        }
        this.apply();
    }

    apply() {
        const mask = this.mask;
        mask.fill(1);
        for (const axis of this.axes) {
            const ranges = this.ranges.get(axis.key);
            if (!ranges) continue;
            const at = axis.at;
            for (let i = 0; i < mask.length; i++) {
                if (!mask[i]) continue;
                let inside = 0;
                for (const [low, high] of ranges) inside |= at[i] >= low && at[i] <= high;
                mask[i] = inside;
            }
        }
        let n = 0;
        for (let i = 0; i < mask.length; i++) n += mask[i];
        this.selected = n;
    }

    // The numbers of the selected trials.
    rows() {
        const rows = [];
        for (let i = 0; i < this.mask.length; i++) if (this.mask[i]) rows.push(i);
        return rows;
    }
};
