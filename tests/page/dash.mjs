// Opens the live page of `xltune dash` in Chromium while a run goes on, and checks that it follows it, that what the reader
// chose stays, and that nobody without the token gets anything.
//
// usage: node dash.mjs XLTUNE FOLDER MODULES   FOLDER: run folders of make_runs.py; a run is made there
import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {createRequire} from 'node:module';
import {request} from 'node:http';
import {join, resolve} from 'node:path';

const [xltune, folder, modules] = process.argv.slice(2).map(path => resolve(path));
const require = createRequire(join(modules, 'any.js'));
const {chromium} = require('playwright-core');

let checks = 0, failed = 0;
function check(ok, what) {
    checks++;
    if (ok) return;
    failed++;
    console.log(`FAIL  ${what}`);
}
const soon = async (ask, what, limit = 60000) => {
    const until = Date.now() + limit;
    while (Date.now() < until) {
        if (await ask()) return check(true, what);
        await new Promise(done => setTimeout(done, 100));
    }
    check(false, what);
};

// The code and text of an answer; headers as given.
const ask = (url, options = {}) => new Promise((done, fail) => {
    const asked = request(url, {timeout: 5000, ...options}, answer => {
        let text = '';
        answer.on('data', part => (text += part));
        answer.on('end', () => done({code: answer.statusCode, text, headers: answer.headers}));
    });
    asked.on('error', fail);
    asked.end();
});

const dash = spawn(xltune, ['dash', folder], {stdio: ['ignore', 'pipe', 'inherit']});
const ended = new Promise(done => dash.on('exit', code => done(code)));
const address = await new Promise((done, fail) => {
    dash.stdout.on('data', text => done(String(text).trim()));
    ended.then(code => fail(new Error(`dash ended with ${code}`)));
});
const base = address.split('/?')[0];
let run = null, browser = null;
try {
    // The door.
    check(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[0-9a-f]{48}$/.test(address), 'the address holds a token');
    for (const path of ['/', '/api/runs', '/events', '/?token=', `/?token=${'0'.repeat(48)}`])
        check((await ask(base + path)).code === 403, `${path.slice(0, 12)}: nothing without the token`);
    const welcome = await ask(address), cookie = welcome.headers['set-cookie'][0].split(';')[0];
    check(welcome.code === 303 && welcome.headers['set-cookie'][0].includes('HttpOnly; SameSite=Strict'), 'the token becomes a cookie');
    check((await ask(`${base}/api/runs`, {headers: {cookie}})).code === 200, 'the cookie opens the door');
    check((await ask(`${base}/api/runs`, {headers: {cookie, host: 'evil.example'}})).code === 403, 'another host name does not');
    check((await ask(`${base}/api/runs`, {headers: {cookie: cookie + '0'}})).code === 403, 'nor does another cookie');
    check((await ask(`${base}/api/run?a=nothing`, {headers: {cookie}})).code === 404, 'a run that is not there is said to be missing');
    check((await ask(`${base}/api/run`, {headers: {cookie}})).code === 404, 'so is one without a name');
    check((await ask(`${base}/api/../etc/passwd`, {headers: {cookie}})).code === 404, 'there are no files behind the paths');
    check((await ask(`${base}/`, {method: 'POST', headers: {cookie, 'content-length': 0}})).code === 405, 'nothing is taken');

    // A run that goes on for as long as the browser needs.
    const begin = (...words) => {
        run = spawn(xltune, ['optimize', ...words], {stdio: 'ignore', cwd: folder});
        return new Promise(done => run.on('exit', done));
    };
    const stopped = begin('--target', 'exec', '--tune', 'level=1000:4000', '--mode', 'random', '--trials', '3000', '--output-hash', 'none',
        '--log-dir', folder, '--tag', 'live', '--best-dir', join(folder, 'best'), '--no-best', '--effort', 'quick', '--', 'sleep', '0.{level}');
    browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu']});
    const page = await browser.newPage({viewport: {width: 1180, height: 900}}), complaints = [];
    page.on('console', message => ['error', 'warning'].includes(message.type()) && !message.text().includes('willReadFrequently') && complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(String(error)));
    page.on('request', sent => sent.url().startsWith(base) || sent.url().startsWith('data:') || complaints.push(`request for ${sent.url()}`));
    await page.goto(address);
    check(page.url() === `${base}/`, 'the token does not stay in the address');
    await page.waitForSelector('#page[data-ready="true"]', {timeout: 60000});
    await soon(async () => (await page.locator('#runs button').count()) >= 6, 'the new run comes into the list by itself');
    const first = page.locator('#runs button').first();
    await soon(async () => (await first.textContent()).includes('live') && (await first.textContent()).includes('running'), 'the one that goes on is the first');
    await first.click();
    await soon(async () => (await page.textContent('h1')) === 'Still searching', 'its page says that it goes on');
    await page.waitForSelector('#progress canvas', {timeout: 60000}).catch(() => check(false, 'its chart of the progress is there'));
    const trials = async () => Number(((await page.textContent('.chips .count')).match(/\d+/) || ['0'])[0]);
    await page.waitForSelector('.chips .count', {timeout: 60000});
    const before = await trials();
    await page.locator('#trials thead button').first().click();
    await page.locator('#trials thead button').first().click();
    // At once, since the page scrolls smoothly otherwise, and after every chart of the run has its place.
    await page.waitForSelector('#page[data-ready="true"]', {timeout: 60000});
    await page.evaluate(() => window.scrollTo({top: 600, behavior: 'instant'}));
    // What the reader looks at, in the middle of the window, stays there, though charts that come above it make the page longer.
    const scrolled = await page.evaluate(() => scrollY);
    const seen = await page.evaluate(() => {
        const section = [...document.querySelectorAll('#page > section[id]')].find(one => one.getBoundingClientRect().bottom > innerHeight / 2);
        return {id: section.id, top: section.getBoundingClientRect().top};
    });
    await soon(async () => (await trials()) > before, 'new trials come onto the page by themselves');
    check(await page.evaluate(() => document.querySelector('#trials thead th').getAttribute('aria-sort')) === 'descending', 'the sorting stays');
    const stayed = await page.evaluate(id => document.getElementById(id).getBoundingClientRect().top, seen.id);
    check(scrolled > 300 && Math.abs(stayed - seen.top) < 3, `the page stays where it was scrolled to (${scrolled}; ${seen.id} at ${seen.top}, then ${stayed})`);
    await page.screenshot({path: join(folder, 'live.png'), fullPage: true});
    // It is stopped, and then continued to its end: no more points are asked for than it has.
    run.kill('SIGINT');
    await stopped;
    await soon(async () => !(await page.textContent('.run-name')).includes('running'), 'that it was stopped comes onto the page');
    await begin('--resume', join(folder, readdirSync(folder).find(name => name.endsWith('_live'))), '--trials', '1');
    run = null;
    await soon(async () => (await page.textContent('.run-name')).includes('finished'), 'its end comes onto the page');
    await soon(async () => (await page.textContent('h1')) !== 'Still searching', 'and so does its verdict');
    // Another run, and where the two differ.
    await page.locator('#runs button', {hasText: 'two-states'}).click();
    await soon(async () => (await page.textContent('h1')).includes('faster'), 'another run can be chosen');
    await page.waitForSelector('#differences', {timeout: 60000});
    await page.locator('#differences select').first().selectOption({label: 'two-states'});
    await page.locator('#differences select').last().selectOption({label: 'other-day'});
    await soon(async () => (await page.textContent('#differences')).includes('differ in machine'), 'runs are compared when they are asked for');
    check(complaints.length === 0, `the live page: ${complaints.slice(0, 3).join(' | ')}`);
} finally {
    if (browser) await browser.close();
    if (run) run.kill();
    dash.kill('SIGTERM');
}
check(await ended === 143, 'SIGTERM ends it');
console.log(`${checks - failed} of ${checks} checks of the live page passed`);
process.exit(failed ? 1 : 0);
