// Measures a page in Chromium: when the first thing was painted, the verdict and the last chart were there, and how many
// frames a second are drawn while a range is brushed on the parallel coordinates. Not a test: figures depend on the machine.
//
// usage: node speed.mjs PAGE.html MODULES [ROUNDS]
import {createRequire} from 'node:module';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';

const require = createRequire(join(resolve(process.argv[3]), 'any.js'));
const {chromium} = require('playwright-core');
const url = /^https?:/.test(process.argv[2]) ? process.argv[2] : pathToFileURL(resolve(process.argv[2])).href, rounds = Number(process.argv[4] || 5);
const browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu']});
console.log('round,first_paint_ms,verdict_ms,all_charts_ms,brush_frames,brush_s,frames_per_s,longest_frame_ms,p95_frame_ms');
for (let round = 1; round <= rounds; round++) {
    const page = await browser.newPage({viewport: {width: 1180, height: 900}});
    await page.goto(url);
    await page.waitForSelector('#page[data-ready="true"]', {timeout: 120000});
    const times = await page.evaluate(() => {
        const at = name => (performance.getEntriesByName(name)[0] || {startTime: NaN}).startTime;
        return [at('first-contentful-paint'), at('xltune-verdict'), at('xltune-ready')];
    });
    await page.locator('#parallel .chart').scrollIntoViewIfNeeded();
    await page.waitForTimeout(1000);
    const box = await page.locator('#parallel canvas').first().boundingBox();
    await page.evaluate(() => {
        window.frames_seen = [];
        const tick = now => {
            window.frames_seen.push(now);
            requestAnimationFrame(tick);
        };
        requestAnimationFrame(tick);
    });
    const x = box.x + 56, start = Date.now();
    await page.mouse.move(x, box.y + 80);
    await page.mouse.down();
    const from = await page.evaluate(() => performance.now());
    for (let k = 0; Date.now() - start < 3000; k++) {
        await page.mouse.move(x, box.y + 80 + 250 * Math.abs(Math.sin(k / 40)));
        await page.waitForTimeout(8);
    }
    const to = await page.evaluate(() => performance.now());
    await page.mouse.up();
    const frames = await page.evaluate(([from, to]) => window.frames_seen.filter(at => at >= from && at <= to), [from, to]);
    const gaps = frames.slice(1).map((at, i) => at - frames[i]).sort((a, b) => a - b);
    const p95 = gaps[Math.floor(0.95 * gaps.length)];
    console.log([round, ...times.map(Math.round), frames.length, ((to - from) / 1000).toFixed(2), (1000 * frames.length / (to - from)).toFixed(1),
        gaps[gaps.length - 1].toFixed(1), p95.toFixed(1)].join(','));
    await page.close();
}
await browser.close();
