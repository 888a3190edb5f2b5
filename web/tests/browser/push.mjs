// Pages in this browser: registered with a click, encrypted for it (and read by an independent implementation), shown by the service
// worker, acknowledged from the notification, forgotten when the browser takes its subscription back.
import { createECDH, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import ece from "http_ece";
import { accessible, assert, given, server, story, token, until } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.status === 204 ? undefined : answer.json();
};

// What the browser's vendor runs: it keeps what it is sent, and can say that a subscription is gone.
const received = [];
let gone = false;
const vendor = createServer((request, answer) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    if (!gone) received.push({ headers: request.headers, body: Buffer.concat(chunks) });
    answer.writeHead(gone ? 410 : 201).end();
  });
});
await new Promise((up) => vendor.listen(0, "127.0.0.1", up));
const keys = createECDH("prime256v1");
keys.generateKeys();
const auth = randomBytes(16);
const subscription = {
  endpoint: `http://127.0.0.1:${vendor.address().port}/send/1`,
  expirationTime: null,
  keys: { p256dh: keys.getPublicKey().toString("base64url"), auth: auth.toString("base64url") },
};

/** The next message, decrypted by somebody else's code. */
async function message() {
  const { headers, body } = await until("a push message", () => received.shift());
  assert.equal(headers["content-encoding"], "aes128gcm");
  assert.match(headers.authorization, /^vapid t=.+, k=.+$/);
  assert.ok(Number(headers.ttl) > 0);
  const plain = ece.decrypt(body, { version: "aes128gcm", privateKey: keys, authSecret: auth.toString("base64url") });
  return { plain: plain.toString(), read: JSON.parse(plain) };
}

await story(async (browser) => {
  // No vendor can be reached from here; everything else is the browser's own.
  const context = await browser.profile({ permissions: ["notifications"] });
  await context.addInitScript((subscription) => {
    // A subscription outlives the page.
    const made = () => ({
      ...subscription,
      toJSON: () => subscription,
      unsubscribe: async () => {
        localStorage.removeItem("subscribed");
        return true;
      },
    });
    PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
      if (!applicationServerKey || !userVisibleOnly) throw new Error("what a browser would refuse");
      localStorage.setItem("subscribed", "yes");
      return made();
    };
    PushManager.prototype.getSubscription = async () => (localStorage.getItem("subscribed") ? made() : null);
  }, subscription);
  const page = browser.watch(await context.newPage());
  const { url } = await api("/invites", { method: "POST", body: JSON.stringify({ user: "ada" }) });
  await page.goto(url);
  await page.getByLabel(/A password/).fill("a few words of hers");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("heading", { name: "Needs me now" }).waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);

  const devtools = await context.newCDPSession(page);
  const registered = new Promise((found) => {
    devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && found(registrations[0]));
  });
  await devtools.send("ServiceWorker.enable");
  const { registrationId } = await registered;
  const shown = () =>
    page.evaluate(async () => {
      const all = await (await navigator.serviceWorker.ready).getNotifications();
      return all.map(({ title, body, tag, actions }) => ({ title, body, tag, actions: actions.map(({ action }) => action) }));
    });
  /** Hands the worker a message and answers its notification. A worker that is just being stopped is handed it again. */
  const deliver = (data, words) =>
    until(`the notification "${words}"`, async () => {
      await devtools.send("ServiceWorker.deliverPushMessage", { origin: server, registrationId, data });
      for (let tries = 0; tries < 20; tries++) {
        const found = (await shown()).find(({ title }) => title.includes(words));
        if (found) return found;
        await page.waitForTimeout(100);
      }
      return undefined;
    });

  // One click, and this browser takes pages; another, and one arrives.
  await page.getByRole("button", { name: "Me", exact: true }).click();
  await page.getByRole("menuitem", { name: "My account" }).click();
  await page.getByRole("button", { name: "Take pages in this browser" }).click();
  await page.getByText("this browser", { exact: true }).first().waitFor();
  await page.getByText("nothing shown yet").waitFor();
  await accessible(page, "a device");
  await page.getByRole("button", { name: "Page me here" }).click();
  const test = await message();
  assert.equal(test.read.kind, "test");
  await deliver(test.plain, "Test: ");
  await page.reload();
  await page.getByText("last shown").waitFor();

  // The way that wakes her: tested, and said to have arrived.
  await page.getByText("Not proven to wake you", { exact: false }).waitFor();
  await page.getByRole("button", { name: "Test: hook" }).click();
  await page.getByRole("button", { name: "It reached me" }).click();
  await page.getByText("You have shown a way that wakes you").waitFor();

  // A real page: beside her other contact methods, and acknowledged from the notification itself.
  const event = {
    routing_key: given.key,
    event_action: "trigger",
    dedup_key: "push",
    payload: { summary: "core is down", source: "t", severity: "critical" },
  };
  await fetch(`${server}/v2/enqueue`, { method: "POST", body: JSON.stringify(event) });
  const page1 = await message();
  assert.equal(page1.read.kind, "page");
  assert.match(page1.read.title, /core is down/);
  const notification = await deliver(page1.plain, "core is down");
  assert.deepEqual(notification.actions, ["acknowledge"]);
  const worker = context.serviceWorkers()[0];
  await worker.evaluate(async (title) => {
    const [notification] = (await self.registration.getNotifications()).filter((one) => one.title === title);
    const tap = new NotificationEvent("notificationclick", { notification, action: "acknowledge" });
    // What a browser makes itself may be waited for; what a test makes may not.
    tap.waitUntil = () => undefined;
    self.dispatchEvent(tap);
  }, notification.title);
  const [alert] = (await api("/alerts?state=open")).items;
  await until("the acknowledgement", async () => (await api(`/alerts/${alert.id}`)).state === "acknowledged");
  assert.equal((await api(`/alerts/${alert.id}`)).acknowledged_by, "ada");
  const told = (await api(`/alerts/${alert.id}`)).timeline.filter((entry) => entry.channel === "push");
  assert.ok(
    told.some((entry) => entry.outcome === "sent"),
    JSON.stringify(told),
  );

  // The browser takes its subscription back.
  gone = true;
  // Two tests within five seconds are refused.
  await page.waitForTimeout(5_000);
  await page.getByRole("button", { name: "Page me here" }).click();
  await page.getByText("No browser takes your pages yet.").waitFor();
  console.log("push: encrypted by Firedog, read by http_ece, shown and acknowledged in Chromium");
});
vendor.close();
