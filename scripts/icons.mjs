// Draws the icons of the installed page (web/icons) from web/favicon.svg: `node scripts/icons.mjs`.
// Systems that cut icons to their own shape get one that fills its square.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const web = fileURLToPath(new URL('../web/', import.meta.url));
const round = readFileSync(`${web}favicon.svg`, 'utf8');
const square = round.replace(/ rx="8"/, '');
if (square === round) throw new Error('favicon.svg has no rounded square to fill');

const icons = [
  { name: 'icon-192', size: 192, svg: round },
  { name: 'icon-512', size: 512, svg: round },
  { name: 'maskable-512', size: 512, svg: square },
  { name: 'apple-touch-icon', size: 180, svg: square },
];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage();
  for (const { name, size, svg } of icons) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`);
    await page.screenshot({ path: `${web}icons/${name}.png`, omitBackground: true });
  }
} finally {
  await browser.close();
}
