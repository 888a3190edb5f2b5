// A vendor case from its evidence to its end: copied, opened by the answer of a run, chased, numbered, closed; and one kept by hand.
import { accessible, assert, given, look, server, story, token, until, visit } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.status === 204 ? undefined : answer.json();
};
const post = (path, body) => api(path, { method: "POST", body: JSON.stringify(body) });

await story(async (browser) => {
  const labels = { alertname: "CoreApiDown", institution: "inst-1" };
  const alert = await post("/alerts", { service: given.service, summary: "The core is down", labels });
  const run = await post("/runs", { runbook: "core-down", alert: alert.id });
  await post(`/runs/${run.id}/steps/1/answer`, { values: { root: "connection_refused", failed: 214 } });

  const page = await browser.page({ as: "ada", permissions: ["clipboard-read", "clipboard-write"] });
  await visit(page, "/cases");
  await page.getByText("No case is open").waitFor();
  await accessible(page, "no cases");

  // The step says where, what they want, and has the text to paste.
  await visit(page, `/runs/${run.id}`);
  const step = page.getByRole("listitem", { name: /Open a vendor case/ });
  await step.getByText("Severity 1 by phone.").waitFor();
  assert.equal(await step.getByRole("link", { name: "Open the portal" }).getAttribute("href"), "https://support.example.org/new");
  assert.match(await step.getByRole("textbox", { name: /The evidence/ }).inputValue(), /Root error: connection refused/);
  await step.getByRole("button", { name: "Copy evidence" }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(copied.includes(`Our reference: ${run.id}`), copied);
  await accessible(page, "the step that opens a case");
  await step.getByRole("textbox", { name: /number/ }).fill("CS-4711");
  await step.getByRole("button", { name: "Answer" }).click();
  await step.getByRole("link", { name: "JSource support CS-4711" }).click();

  // Its page: the clock, asking again, its number, its end.
  await page.getByText("answer due in", { exact: false }).waitFor();
  await page.getByRole("textbox", { name: /What you asked/ }).fill("called them; they look at it");
  await page.getByRole("button", { name: "I have asked again" }).click();
  await page.getByText("called them; they look at it").waitFor();
  await page.getByText("ask again in", { exact: false }).waitFor();
  await page.getByRole("button", { name: "Change the number" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Address of the case" }).fill("javascript:alert(1)");
  await dialog.getByText("It begins with https:// or http://").waitFor();
  assert.ok(await dialog.getByRole("button", { name: "Save" }).isDisabled());
  await dialog.getByRole("textbox", { name: "Address of the case" }).fill("https://support.example.org/4712");
  await dialog.getByRole("textbox", { name: "Case number" }).fill("CS-4712");
  await accessible(page, "the number of a case");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "JSource support CS-4712" }).waitFor();
  assert.equal(
    await page.getByRole("link", { name: "The case at the vendor" }).getAttribute("href"),
    "https://support.example.org/4712",
  );
  const [kept] = (await api("/cases?open=true")).items;
  assert.deepEqual([kept.number, kept.chased, kept.run, kept.alert], ["CS-4712", 1, run.id, alert.id]);

  // The alert shows it, on a phone as well; another one is kept from there.
  const phone = await browser.page({ as: "ada", size: "phone" });
  await visit(phone, `/alerts/${alert.id}`);
  await phone.getByRole("link", { name: "JSource support CS-4712" }).waitFor();
  await phone.getByRole("button", { name: "Keep a case" }).click();
  await phone.getByRole("dialog").getByRole("textbox", { name: "Case number" }).fill("CS-5000");
  await accessible(phone, "keeping a case");
  await phone.getByRole("dialog").getByRole("button", { name: "Keep a case" }).click();
  await phone.getByRole("heading", { name: "JSource support CS-5000" }).waitFor();
  await phone.getByRole("button", { name: "Close the case" }).click();
  await phone.getByRole("textbox", { name: "How it ended" }).fill("opened twice");
  await phone.getByRole("dialog").getByRole("button", { name: "Close the case" }).click();
  await until("it is closed", async () => (await api("/cases?open=true")).items.length === 1);

  // One that has to be chased stands among what needs somebody now.
  const late = { items: [{ ...kept, next_chase_at: new Date(Date.now() - 600_000).toISOString() }], next: null };
  await page.route(/\/api\/v1\/cases\?/, (route) => route.fulfill({ json: late }));
  await visit(page, "/now");
  await page.getByText("A vendor owes you an answer").waitFor();
  await page.getByText("overdue since 10 min").first().waitFor();
  await accessible(page, "a case that is due");
  await page.unroute(/\/api\/v1\/cases\?/);

  await look(browser, { cases: "/cases", case: `/cases/${kept.id}` }, "ada");
});
