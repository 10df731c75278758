// Draws dashboards with Grafana's component library in Debian's Chromium: no Grafana server is involved.
//
//   node draw.mjs DATA.json OUT-DIRECTORY [--rows]
//
// DATA.json is a list of {dashboard, from, to, variables, results}, with Prometheus' answers by panel and refId, as
// labkit/dashboards.py collects them. Each dashboard becomes OUT-DIRECTORY/UID.png; with `--rows` also UID-N.png for its
// N-th row. Prints, as JSON, what each panel shows; fails when a panel cannot be drawn.

import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const WIDTH = 1440;
const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

const [input, out, ...options] = process.argv.slice(2);
const dashboards = JSON.parse(readFileSync(input, 'utf8'));
mkdirSync(out, { recursive: true });

// The CommonJS builds: in the others, default imports of CommonJS packages go wrong under esbuild's rules for `.mjs`.
const { resolve } = createRequire(import.meta.url);
const commonJs = {
  name: 'CommonJS builds of Grafana',
  setup: (build) => build.onResolve({ filter: /^@grafana\/(ui|data|i18n|schema)(\/unstable|\/internal)?$/ }, ({ path }) => ({ path: resolve(path) })),
};
const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, 'page.jsx')],
  bundle: true,
  write: false,
  format: 'iife',
  jsx: 'automatic',
  minify: true,
  logLevel: 'error',
  plugins: [commonJs],
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'dataurl', '.woff2': 'empty', '.woff': 'empty', '.ttf': 'empty', '.css': 'text' },
});
const page = '<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="root"></div><script src="/page.js"></script>';
const server = createServer((request, response) => {
  const script = request.url === '/page.js';
  response.setHeader('content-type', script ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8');
  response.end(script ? outputFiles[0].text : request.url === '/' ? page : '');
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
const shown = {};
try {
  for (const data of dashboards) {
    const tab = await browser.newPage({ viewport: { width: WIDTH, height: 900 }, deviceScaleFactor: 1 });
    const broken = new Promise((_, reject) => tab.on('pageerror', (error) => reject(new Error(`${data.dashboard.uid}: ${error.stack}`))));
    await tab.addInitScript((value) => (window.__data = { ...value, width: window.innerWidth }), data);
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    // Charts are drawn in the frame after.
    await Promise.race([broken, tab.waitForSelector('[data-drawn]', { timeout: 30_000 }).then(() => tab.waitForTimeout(500))]);
    const root = tab.locator('#dashboard');
    await root.screenshot({ path: join(out, `${data.dashboard.uid}.png`) });
    if (options.includes('--rows')) {
      const rows = await tab.locator('[data-row]').all();
      for (const [i, row] of rows.entries()) {
        await row.screenshot({ path: join(out, `${data.dashboard.uid}-${i + 1}.png`) });
      }
    }
    shown[data.dashboard.uid] = await tab.evaluate(look);
    await tab.close();
  }
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(shown, null, 1));
// Runs in the page: title and texts of each panel, how much of each chart is painted, and texts that do not fit.
function look() {
  return [...document.querySelectorAll('[data-panel]')].map((panel) => {
    const canvases = [...panel.querySelectorAll('canvas')];
    const painted = canvases.map((canvas) => {
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      const colours = new Set();
      for (let i = 0; i < pixels.length; i += 4) {
        if (pixels[i + 3] > 100) {
          colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
        }
      }
      return colours.size;
    });
    const box = panel.getBoundingClientRect();
    const outside = [...panel.querySelectorAll('span, div')]
      .filter((element) => element.childElementCount === 0 && element.textContent.trim())
      .filter((element) => element.getBoundingClientRect().right > box.right + 1)
      .map((element) => element.textContent);
    return { id: Number(panel.dataset.panel), type: panel.dataset.type, text: panel.innerText, painted, outside };
  });
}
