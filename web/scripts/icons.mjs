// Draws the PNG icons from public/icon.svg; run by hand when it changes: node scripts/icons.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const at = (path) => new URL(path, import.meta.url);
const svg = readFileSync(at("../public/icon.svg"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROME_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
for (const size of [192, 512]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`);
  writeFileSync(at(`../public/icon-${size}.png`), await page.screenshot({ omitBackground: true }));
}
await browser.close();
