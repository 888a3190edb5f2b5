// The inbox: by keyboard, by thumb, live, and in bulk; then the alert itself.
import { accessible, assert, given, look, server, story, token, visit } from "./harness.mjs";

const send = async (summary, more = {}) => {
  const payload = { summary, source: "host-1", severity: "critical" };
  const body = JSON.stringify({ routing_key: given.key, event_action: "trigger", dedup_key: summary, payload, ...more });
  const sent = await fetch(`${server}/v2/enqueue`, { method: "POST", body });
  assert.equal(sent.status, 202);
};
const alerts = async (state) => {
  const answer = await fetch(`${server}/api/v1/alerts?state=${state}&limit=500`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return (await answer.json()).items;
};

await story(async (browser) => {
  const page = await browser.page({ as: "ada" });
  await visit(page, "/");
  await page.getByText("Nothing needs you").waitFor();
  await visit(page, "/alerts");
  await page.getByText("Nothing is burning").waitFor();

  // Live: a row appears by itself.
  const begun = Date.now();
  await send("first");
  await page.getByRole("link", { name: "first", exact: true }).waitFor();
  console.log(`event sent to row painted: ${Date.now() - begun} ms`);
  for (const summary of ["second", "third", "fourth"]) await send(summary);
  await page.getByRole("link", { name: "fourth" }).waitFor();

  // By keyboard: the newest is on top; j goes down, a acknowledges.
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("a");
  await page.getByText("1 alert acknowledged").waitFor();
  assert.deepEqual(
    (await alerts("acknowledged")).map((alert) => [alert.summary, alert.acknowledged_by]),
    [["third", "ada"]],
  );

  // A mistake is taken back where it was made.
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("1 alert back; nobody has it").waitFor();
  assert.deepEqual(await alerts("acknowledged"), []);

  // While somebody points at the list nothing moves; what is new is offered.
  await send("fifth");
  await page.getByRole("button", { name: "1 new alert: show" }).click();
  await page.getByRole("link", { name: "fifth" }).waitFor();

  // In bulk.
  await page.getByLabel("Select “first”").check();
  await page.getByLabel("Select “second”").check();
  await page.getByRole("button", { name: "Resolve 2" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Resolve" }).click();
  await page.getByText("2 alerts resolved").waitFor();
  assert.deepEqual((await alerts("resolved")).map((alert) => alert.summary).sort(), ["first", "second"]);

  // Searching is kept in the address.
  await page.keyboard.press("/");
  await page.keyboard.type("four");
  await page.waitForURL(/q=four/);
  assert.equal(await page.getByRole("listitem").filter({ hasText: "Triggered" }).count(), 1);
  // A view is kept, and found again from anywhere.
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Keep this view" }).click();
  await page.getByLabel("Its name").fill("the fourths");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("“the fourths” is kept").waitFor();
  await visit(page, "/alerts");
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "the fourths", exact: true }).click();
  await page.waitForURL(/q=four/);
  await page.getByRole("link", { name: "fourth" }).click();

  // The alert: what happened, and writing on it.
  await page.getByRole("heading", { name: "fourth" }).waitFor();
  await page.getByText("on call in primary").first().waitFor();
  await page.getByLabel("Write a note").fill("looked at the pool");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("looked at the pool").last().waitFor();
  await page.getByRole("button", { name: "Snooze" }).click();
  await page.getByRole("menuitem", { name: "Snooze for 30m" }).click();
  await page.getByText("The snooze ends").waitFor();
  await page.getByText("What has come in").waitFor();
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText('"summary": "fourth"').waitFor();
  await accessible(page, "what a source has sent");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Pull people in" }).click();
  await page.getByRole("combobox", { name: "Whom" }).click();
  await page.getByRole("option", { name: "Grace" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Page them" }).click();
  await page.getByText("Grace paged to join in").waitFor();
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Give away" }).click();
  await page.getByRole("combobox", { name: "To whom" }).click();
  await page.getByRole("option", { name: "Linus" }).click();
  await page.getByRole("button", { name: "Give it away" }).click();
  await page.getByText("Linus is being paged").waitFor();
  const [given_away] = (await alerts("triggered")).filter((alert) => alert.summary === "fourth");
  assert.equal(given_away.policy, "user:linus");

  // Paging somebody by hand says whom, and asks.
  await visit(page, "/alerts");
  await page.getByRole("button", { name: "Page somebody" }).click();
  await page.getByRole("combobox", { name: "Whom" }).click();
  await page.getByRole("option", { name: "Grace" }).click();
  await page.getByLabel("What for").fill("please look at the shop");
  await page.getByText("Grace is paged at once").waitFor();
  await accessible(page, "paging somebody");
  await page.getByRole("button", { name: "Page Grace now" }).click();
  await page.getByRole("link", { name: "please look at the shop" }).waitFor();

  // A phone: the button is there for a thumb.
  const phone = await browser.page({ as: "ada", size: "phone" });
  await visit(phone, "/now");
  const button = phone.getByRole("button", { name: "Acknowledge" }).first();
  const box = await button.boundingBox();
  assert.ok(box && box.height >= 44 && box.width > 300, JSON.stringify(box));
  await button.tap();
  await phone.getByText("1 alert acknowledged").waitFor();

  const [one] = await alerts("open");
  await look(browser, { now: "/now", alerts: "/alerts", alert: `/alerts/${one.id}`, audit: "/audit" }, "ada");
});
