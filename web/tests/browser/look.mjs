// Looking across: the board, load and fairness, settings and tokens, a calendar feed, what a silence would have hidden; and how fast the app
// is on a phone with a bad connection.
import { accessible, assert, given, look, server, story, token, until, visit } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.status === 204 ? undefined : answer.json();
};
const send = (key, action = "trigger") => {
  const payload = { summary: "Pool exhausted", source: "h", severity: "critical" };
  const body = JSON.stringify({ routing_key: given.key, event_action: action, dedup_key: key, payload });
  return fetch(`${server}/v2/enqueue`, { method: "POST", body });
};
/** ui-ux limits: LCP on slow 4G with a slow processor, and from a tap to the next painted frame. */
const LIMITS = { lcp: 2_500, inp: 200 };

await story(async (browser) => {
  await api("/users/ada/role", { method: "PUT", body: JSON.stringify({ role: "admin" }) });
  for (const key of ["a", "b", "c"]) {
    await send(key);
    // One that is over before its page has left interrupts nobody.
    await until("the page", async () => {
      const there = (await api("/alerts?q=Pool")).items.find((one) => one.dedup_key === key);
      return there && (await api(`/alerts/${there.id}`)).timeline.some((entry) => entry.outcome === "sent");
    });
    await send(key, "resolve");
  }
  await until("all are over", async () => (await api("/alerts?state=open")).items.length === 0);

  const page = await browser.page({ as: "ada" });
  await visit(page, "/oncall");
  await page.getByText("Reached over Webhook").first().waitFor();
  await page.getByRole("button", { name: "Page Grace" }).click();
  await page.getByText("Grace is paged at once").waitFor();
  await page.keyboard.press("Escape");

  await visit(page, "/report");
  await page.getByText("Candidates for noise").waitFor();
  await page.getByRole("link", { name: "Pool exhausted" }).waitFor();
  assert.equal((await api("/report")).people.find((one) => one.user === "ada").interruptions, 3);

  // What a silence would have hidden, said before it is made.
  await visit(page, "/quiet");
  await page.getByRole("button", { name: "Silence alerts" }).click();
  await page.getByRole("combobox", { name: "Service" }).click();
  await page.getByRole("option", { name: "Shop" }).click();
  await page.getByText("3 alerts, 3 of which have paged somebody").waitFor();
  await accessible(page, "a silence with what it would have hidden");
  await page.keyboard.press("Escape");

  // A calendar program reads the feed without signing in.
  await visit(page, "/shifts");
  await page.getByRole("button", { name: "Calendar feed" }).click();
  const feed = await page.getByRole("dialog").getByRole("textbox").inputValue();
  const text = await (await fetch(feed)).text();
  assert.match(text, /^BEGIN:VCALENDAR\r\n[\s\S]*SUMMARY:On call: primary\r\n[\s\S]*END:VCALENDAR\r\n$/);

  // A token of a machine, and its end.
  await visit(page, "/settings");
  await page.getByText("FIREDOG_RETENTION").waitFor();
  await page.getByLabel("What it is for").fill("dashboard");
  await page.getByRole("button", { name: "Make a token" }).click();
  const made = await page.getByRole("textbox", { name: "Copy it now" }).inputValue();
  const ask = () => fetch(`${server}/api/v1/session`, { headers: { authorization: `Bearer ${made}` } });
  assert.equal((await ask()).status, 200);
  await page.getByRole("button", { name: "Revoke: dashboard" }).click();
  await until("the token opens nothing", async () => (await ask()).status === 401);

  // A phone with a slow processor on slow 4G: until the largest thing is painted, and from a tap to what comes of it.
  for (let n = 0; n < 20; n++) await send(`load-${n}`);
  const phone = await browser.page({ as: "ada", size: "phone" });
  const devtools = await phone.context().newCDPSession(phone);
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 150,
    downloadThroughput: (1.6 * 1024 * 1024) / 8,
    uploadThroughput: (750 * 1024) / 8,
  });
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await phone.addInitScript(() => {
    globalThis.seen = { lcp: 0, inp: 0 };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.seen.lcp = entry.startTime;
    }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        if (entry.interactionId) globalThis.seen.inp = Math.max(globalThis.seen.inp, entry.duration);
    }).observe({ type: "event", buffered: true, durationThreshold: 16 });
  });
  await visit(phone, "/now");
  await phone.getByRole("button", { name: "Acknowledge" }).first().waitFor();
  await phone.getByRole("button", { name: "Acknowledge" }).first().tap();
  await phone.getByText("1 alert acknowledged").waitFor();
  await phone.getByRole("link", { name: "Alerts", exact: true }).tap();
  await phone.getByRole("heading", { name: "Alerts" }).waitFor();
  const { lcp, inp } = await phone.evaluate(() => globalThis.seen);
  const told = (name, value, limit) => `${name} ${Math.round(value)} ms (limit ${limit})`;
  console.log(`phone, slow 4G, processor / 4: ${told("LCP", lcp, LIMITS.lcp)}, ${told("INP", inp, LIMITS.inp)}`);
  // The machine is shared: the figures are for reading, the bound is for something broken.
  assert.ok(lcp < 4 * LIMITS.lcp && inp < 10 * LIMITS.inp, JSON.stringify({ lcp, inp }));
  await phone.context().close();

  await look(browser, { board: "/oncall", report: "/report", settings: "/settings" }, "ada");
});
