// A real browser against a real server. The black-box runner (tests/blackbox/cases/browser.py) starts the server and says where
// it is; a story is a script that fails by throwing.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const server = process.env.FIREDOG_URL;
export const token = process.env.FIREDOG_TOKEN;
/** What the runner wants the story to know: JSON. */
export const given = JSON.parse(process.env.FIREDOG_GIVEN ?? "{}");
/** Screenshots go here, for people to look at. */
export const shots = process.env.FIREDOG_SHOTS;

export const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
export const SCHEMES = ["light", "dark"];
/** Nothing on a screen takes longer, or the test says so. */
const WAIT_MS = 25_000;

export async function story(tell) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROME_PATH ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const complaints = [];
  try {
    await tell(new Browser(browser, complaints));
    assert.deepEqual(complaints, [], "the browser complained");
  } finally {
    await browser.close();
  }
}

class Browser {
  constructor(browser, complaints) {
    this.browser = browser;
    this.complaints = complaints;
    /** What the story talks to beside the server. */
    this.allowed = [];
  }

  /** A browser profile of its own. With `as`, its requests carry the runner's token and act for that person; without, nobody is signed in. */
  async profile({ size = "desk", scheme = "light", as, ...more } = {}) {
    const headers = as === undefined ? {} : { authorization: `Bearer ${token}`, ...(as ? { "firedog-as": as } : {}) };
    const context = await this.browser.newContext({
      viewport: SIZES[size],
      colorScheme: scheme,
      hasTouch: size === "phone",
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
      extraHTTPHeaders: headers,
      // A service worker's own requests would not carry the runner's token.
      serviceWorkers: as === undefined ? "allow" : "block",
      ...more,
    });
    context.setDefaultTimeout(WAIT_MS);
    context.on("request", (request) => {
      const url = request.url();
      if (![server, ...this.allowed].some((one) => url.startsWith(one)) && !/^(data|blob):/.test(url))
        this.complaints.push(`a request to somebody else: ${url}`);
    });
    return context;
  }

  async page(options) {
    const context = await this.profile(options);
    return this.watch(await context.newPage());
  }

  /** Whatever goes wrong in the page fails the story. `expected(text)` in `page.expected` are known. */
  watch(page) {
    page.expected = () => false;
    page.on("pageerror", (error) => this.complaints.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" && !page.expected(message.text())) this.complaints.push(`${page.url()}: ${message.text()}`);
    });
    return page;
  }
}

/** Goes to an address of the app and waits until it has something to show. */
export async function visit(page, path) {
  await page.goto(server + path);
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
}

/** Asks again until the answer is what is wanted; answers it. */
export async function until(what, ask) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `${what} did not happen within ${WAIT_MS / 1000} s`);
    await new Promise((again) => setTimeout(again, 100));
  }
}

/** Holds the page to axe: no violations at all. */
export async function accessible(page, name = page.url()) {
  // Halfway through a fade everything has too little contrast, and what was just put in begins to fade some frames later.
  await page.evaluate(async () => {
    const endsSoon = ({ playState, effect }) =>
      playState === "running" && effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY;
    for (let still = 0; still < 5; ) {
      await new Promise(requestAnimationFrame);
      const ends = document.getAnimations().filter(endsSoon);
      await Promise.all(ends.map((animation) => animation.finished.catch(() => undefined)));
      still = ends.length === 0 ? still + 1 : 0;
    }
  });
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const told = violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${name}: ${id} (${help}): ${node.html.slice(0, 200)}`),
  );
  assert.deepEqual(told, [], `axe finds fault with ${name}`);
}

/** Nothing sticks out of the screen sideways. */
export async function fits(page, name = page.url()) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= room, `${name} is ${wide} px wide on a screen of ${room}`);
}

export async function shoot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: `${shots}/${name}.png` });
}

/** Looks at screens in both sizes and both themes. */
export async function look(browser, screens, as = "") {
  for (const size of Object.keys(SIZES)) {
    for (const scheme of SCHEMES) {
      const page = await browser.page({ size, scheme, as });
      for (const [name, path] of Object.entries(screens)) {
        await visit(page, path);
        await accessible(page, `${name}, ${size}, ${scheme}`);
        await fits(page, `${name}, ${size}, ${scheme}`);
        await shoot(page, `${name}-${size}-${scheme}`);
      }
      await page.context().close();
    }
  }
  console.log(`axe: 0 violations on ${Object.keys(screens).length} screens x 2 sizes x 2 themes`);
}

export { assert };
