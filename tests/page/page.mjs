// Opens pages of `xltune report` in Chromium and checks what a reader would see: every chart with its table, the filter,
// both themes, a phone, paper, the keyboard; that nothing is loaded and nothing is complained about; axe-core's rules.
//
// usage: node page.mjs XLTUNE FOLDER MODULES   FOLDER: run folders of make_runs.py; pages and pictures are written there too
//                                              MODULES: node_modules with playwright-core and axe-core
import {execFileSync} from 'node:child_process';
import {readFileSync, existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';

const [xltune, folder, modules] = process.argv.slice(2).map(path => resolve(path));
const require = createRequire(join(modules, 'any.js'));
const {chromium} = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

let checks = 0, failed = 0;
function check(ok, what) {
    checks++;
    if (ok) return;
    failed++;
    console.log(`FAIL  ${what}`);
}

// Checks something that comes about in a while: machines differ, and tests run beside other work.
async function soon(ask, what, limit = 60000) {
    const until = Date.now() + limit;
    let last;
    while (Date.now() < until) {
        last = await ask();
        if (last) return check(true, what);
        await new Promise(done => setTimeout(done, 100));
    }
    check(false, what);
}

const page_of = (name, ...runs) => {
    const file = join(folder, `${name}.html`);
    execFileSync(xltune, ['report', ...runs.map(run => join(folder, run)), '--html', file]);
    return file;
};

// ---- a page that is watched ----

async function open(browser, file, options = {}) {
    const context = await browser.newContext({viewport: {width: 1180, height: 900}, reducedMotion: 'reduce', ...options});
    const page = await context.newPage(), url = pathToFileURL(file).href;
    page.complaints = [];
    // Reading a canvas back, as these tests do, is what `willReadFrequently` is about.
    page.on('console', message => ['error', 'warning'].includes(message.type()) && !message.text().includes('willReadFrequently') &&
        page.complaints.push(message.text()));
    page.on('pageerror', error => page.complaints.push(String(error)));
    page.on('request', request => {
        if (request.url() !== url && !request.url().startsWith('data:')) page.complaints.push(`request for ${request.url()}`);
    });
    await page.goto(url);
    await page.waitForSelector('#page[data-ready="true"]', {timeout: 60000});
    await page.waitForTimeout(150);
    return page;
}

async function close(page, what) {
    check(page.complaints.length === 0, `${what}: ${page.complaints.slice(0, 3).join(' | ')}`);
    await page.context().close();
}

// How many different colours a chart shows: a blank canvas has one.
const colours = (page, id) => page.evaluate(id => {
    const seen = new Set();
    for (const canvas of document.querySelectorAll(`#${id} canvas`)) {
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < data.length; i += 4 * 97) if (data[i + 3]) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
    }
    return seen.size;
}, id);

async function accessible(page, what) {
    await page.evaluate(axe);
    const {violations} = await page.evaluate(() => axe.run(document, {resultTypes: ['violations']}));
    const serious = violations.filter(v => ['serious', 'critical'].includes(v.impact));
    check(serious.length === 0, `${what}: axe-core: ${serious.map(v => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].failureSummary}`).join('; ')}`);
}

// ---- the checks ----

async function charts(browser) {
    const page = await open(browser, page_of('one', 'two-states'));
    check(/^19\.\d\u00a0% faster$/.test(await page.textContent('h1')), 'the headline is the verdict');
    check((await page.textContent('.subline')).includes('95\u00a0% interval'), 'the interval stands below the headline');
    for (const id of ['comparison', 'importance', 'samples', 'parallel', 'progress', 'pairs', 'fronts']) {
        check(await page.locator(`#${id} canvas`).count() > 0 && await colours(page, id) > 5, `${id}: the chart shows something`);
        await page.locator(`#${id} details.behind summary`).click();
        const row = page.locator(`#${id} details.behind tbody tr`).first();
        check(await row.waitFor({timeout: 60000}).then(() => true, () => false), `${id}: there is a table behind the chart`);
        await page.locator(`#${id} details.behind summary`).click();
    }
    const words = execFileSync(xltune, ['explain', join(folder, 'two-states'), '--json'], {encoding: 'utf8'});
    const noise = JSON.parse(words).words.find(section => section.title === 'Noise').lines[0];
    check((await page.textContent('#samples .words')).includes(noise), 'the words are those of explain');
    const pre = await page.textContent('.settings pre');
    check(JSON.stringify(JSON.parse(pre)) === JSON.stringify(JSON.parse(words).params), 'the settings to copy are the winner’s');
    check((await page.textContent('.settings')).includes('--chunk-size '), 'the settings are there as flags too');
    await page.screenshot({path: join(folder, 'light.png'), fullPage: true});
    await accessible(page, 'light');
    await close(page, 'a run with everything');
}

async function filters(browser) {
    const page = await open(browser, join(folder, 'one.html'));
    const count = () => page.textContent('.chips .count');
    check((await count()).startsWith('400 trials'), 'nothing is selected at first');
    // By hand.
    await page.locator('#parallel .by-hand summary').click();
    await page.getByLabel('workers (threads) from').or(page.getByLabel('workers from')).first().selectOption({label: '6'});
    await soon(async () => /^\d+ of 400 trials selected$/.test(await count()), 'a range by hand selects');
    await soon(async () => (await page.textContent('#trials caption')) === 'The selected trials', 'the table of trials follows');
    const workers = await page.evaluate(() => [...document.querySelectorAll('#trials tbody tr')].map(row => row.cells[2].textContent));
    check(workers.every(text => Number(text) >= 6), 'only selected trials are listed');
    await page.locator('.chips button.all').click();
    await soon(async () => (await count()).startsWith('400 trials'), 'all can be shown again');
    await soon(async () => (await page.textContent('#trials caption')).startsWith('All trials'), 'in the table too');
    // With the mouse, on the first axis.
    await page.locator('#parallel .chart').scrollIntoViewIfNeeded();
    const box = await page.locator('#parallel canvas').first().boundingBox();
    await page.mouse.move(box.x + 56, box.y + 90);
    await page.mouse.down();
    for (let y = 90; y <= 210; y += 10) await page.mouse.move(box.x + 56, box.y + y);
    await page.mouse.up();
    await soon(async () => /^\d+ of 400 trials selected$/.test(await count()), 'dragging along an axis selects');
    await soon(async () => await page.locator('.chips button').count() === 2, 'the range has a button of its own');
    await page.screenshot({path: join(folder, 'brushed.png'), fullPage: true});
    await page.locator('.chips button').first().click();
    await soon(async () => (await count()).startsWith('400 trials'), 'the button removes the range');
    await soon(async () => (await page.textContent('#trials caption')).startsWith('All trials'), 'and the table shows all again');
    // What is drawn can be hidden and shown.
    const before = await colours(page, 'progress'), button = page.locator('#progress .legend button').first();
    await button.focus();
    await page.keyboard.press('Space');
    await soon(async () => await button.getAttribute('aria-pressed') === 'false' && await colours(page, 'progress') < before, 'a mark of the legend can be hidden by keyboard');
    check(await page.evaluate(() => document.activeElement.dataset.key) === 'trials', 'the focus stays there');
    // Sorting, and turning pages.
    await page.locator('#trials thead button', {hasText: 'baseline’s'}).click();
    const values = await page.evaluate(() => [...document.querySelectorAll('#trials tbody tr')].map(row => Number(row.cells[7].textContent)));
    check(values.length === 25 && values.every((value, i) => i === 0 || value >= values[i - 1]), 'the table is sorted');
    await page.locator('#trials .pager button', {hasText: 'Next'}).click();
    check((await page.textContent('#trials .pager span')).startsWith('26 to 50'), 'the table has further pages');
    // Other pairs and measures.
    await page.locator('#pairs select').first().selectOption({label: 'heads_per_band'});
    await page.locator('#fronts select').first().selectOption({index: 0});
    await soon(async () => await colours(page, 'pairs') > 5 && await colours(page, 'fronts') > 3, 'other settings and measures can be chosen');
    await close(page, 'the filter');
}

async function looks(browser) {
    const file = page_of('all', 'two-states', 'other-day', 'fronts', 'begun');
    const dark = await open(browser, file, {colorScheme: 'dark'});
    check(await dark.evaluate(() => document.documentElement.dataset.theme) === 'dark', 'the system’s dark theme is followed');
    check(await dark.locator('#runs button').count() === 4, 'all runs are listed');
    await dark.waitForSelector('#differences table');
    check((await dark.textContent('#differences')).includes('cannot be compared: the runs differ in machine'), 'the difference of two runs is said');
    await accessible(dark, 'dark');
    await dark.screenshot({path: join(folder, 'dark.png'), fullPage: true});
    await dark.locator('#theme button', {hasText: 'Light'}).click();
    await soon(async () => await dark.evaluate(() => getComputedStyle(document.body).backgroundColor) === 'rgb(245, 247, 249)', 'the switch overrules the system');
    await dark.locator('#runs button').nth(3).click();
    await soon(async () => (await dark.textContent('h1')).startsWith('Interrupted'), 'a run without trials has a page');
    await dark.waitForSelector('#page[data-ready="true"]');
    await dark.screenshot({path: join(folder, 'begun.png'), fullPage: true});
    await dark.locator('#runs button').nth(2).click();
    await dark.waitForSelector('#fronts .words', {timeout: 60000});
    await dark.waitForSelector('#page[data-ready="true"]', {timeout: 60000});
    check((await dark.textContent('#fronts .words')).includes('Pareto front'), 'several objectives: the front in words');
    await dark.screenshot({path: join(folder, 'fronts.png'), fullPage: true});
    await close(dark, 'several runs');

    const phone = await open(browser, file, {viewport: {width: 360, height: 740}, deviceScaleFactor: 2, hasTouch: true, isMobile: true});
    check(await phone.evaluate(() => document.documentElement.scrollWidth) <= 360, 'a phone needs no scrolling sideways');
    check(await colours(phone, 'parallel') > 5, 'the parallel coordinates fit on a phone');
    await accessible(phone, 'phone');
    await phone.screenshot({path: join(folder, 'phone.png'), fullPage: true});
    await close(phone, 'a phone');

    const paper = await open(browser, join(folder, 'one.html'), {colorScheme: 'dark'});
    await paper.emulateMedia({media: 'print'});
    await soon(async () => await paper.evaluate(() => document.documentElement.dataset.theme) === 'light', 'paper is light');
    check(await paper.locator('#theme').isHidden() && await paper.locator('.controls').first().isHidden(), 'paper has no controls');
    await paper.pdf({path: join(folder, 'paper.pdf'), format: 'A4', printBackground: true});
    await close(paper, 'paper');
}

async function hostile(browser) {
    const name = execFileSync('ls', [folder], {encoding: 'utf8'}).split('\n').find(entry => entry.startsWith('hostile<'));
    const file = page_of('hostile', name);
    const text = readFileSync(file, 'utf8');
    check(!/https?:\/\/(?!echarts|www\.apache\.org|www\.w3\.org)[^\s"']*\.(js|css|png|woff)/.test(text.slice(0, 2000)), 'the head names no other place');
    const page = await open(browser, file);
    check(await page.title() !== 'taken', 'a name in a run is no script');
    check(await page.evaluate(() => document.querySelectorAll('main script, main img, main iframe, main style').length) === 0, 'names are text');
    check((await page.textContent('main')).includes('</script><script>'), 'the name is shown as it is');
    await page.hover('#progress canvas', {position: {x: 200, y: 150}});
    await page.locator('#parallel .by-hand summary').click();
    await page.screenshot({path: join(folder, 'hostile.png'), fullPage: true});
    check(await page.title() !== 'taken', 'nor is it one in a tooltip or a table');
    const policy = await page.getAttribute('meta[http-equiv]', 'content');
    check(policy.startsWith("default-src 'none'") && !policy.includes('unsafe'), 'the policy allows nothing but the page’s own scripts');
    const ran = await page.evaluate(() => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        document.body.append(script);
        return Boolean(window.ran);
    });
    check(!ran, 'the policy stops other scripts');
    page.complaints = page.complaints.filter(text => !text.includes('Content Security Policy'));
    await close(page, 'hostile names');
}

if (!existsSync(join(folder, 'all.sqlite'))) throw new Error(`${folder}: make_runs.py has not been run`);
const browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu']});
try {
    await charts(browser);
    await filters(browser);
    await looks(browser);
    await hostile(browser);
} finally {
    await browser.close();
}
console.log(`${checks - failed} of ${checks} checks passed`);
process.exit(failed ? 1 : 0);
