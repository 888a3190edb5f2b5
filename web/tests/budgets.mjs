// What a first visit loads, against the budget: sizes as they go over the wire (brotli). Prints them all.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const packed = (file) => statSync(new URL(`${file}.br`, dist)).size;
const KB = 1_000;
const LIMITS = { js: 160 * KB, css: 35 * KB, screen: 60 * KB };

const entry = Object.values(manifest).find((chunk) => chunk.isEntry && chunk.file.startsWith("assets/app"));
const first = new Set();
const add = (key) => {
  const chunk = manifest[key];
  if (!chunk || first.has(chunk.file)) return;
  first.add(chunk.file);
  for (const imported of chunk.imports ?? []) add(imported);
};
first.add(entry.file);
for (const imported of entry.imports ?? []) add(imported);
const js = [...first].reduce((sum, file) => sum + packed(file), 0);
const styles = new Set(
  Object.values(manifest).flatMap((chunk) => (chunk.file.endsWith(".css") ? [chunk.file] : (chunk.css ?? []))),
);
const css = [...styles].reduce((sum, file) => sum + packed(file), 0);
const screens = Object.values(manifest)
  .filter((chunk) => chunk.isDynamicEntry)
  .map((chunk) => [chunk.src ?? chunk.file, packed(chunk.file)])
  .sort((a, b) => b[1] - a[1]);

const say = (name, size, limit) => console.log(`budget: ${name} ${(size / KB).toFixed(1)} kB of ${limit / KB} kB`);
say("app, first load, JS", js, LIMITS.js);
say("app, CSS", css, LIMITS.css);
say(`largest screen (${screens[0][0]})`, screens[0][1], LIMITS.screen);
assert.ok(js <= LIMITS.js && css <= LIMITS.css && screens[0][1] <= LIMITS.screen, "a budget is exceeded");
assert.ok(screens.length > 5, "every screen is a chunk of its own");
