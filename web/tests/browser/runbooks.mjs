// A runbook with nothing connected: started from its alert, every step answered by hand, one left out, its log and evidence kept.
import { accessible, assert, given, look, SIZES, server, story, token, until, visit } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.status === 204 ? undefined : answer.json();
};

await story(async (browser) => {
  const labels = { alertname: "Slow", institution: "inst-1" };
  const alert = await api("/alerts", {
    method: "POST",
    body: JSON.stringify({ service: given.service, summary: "The core is down", labels }),
  });
  const page = await browser.page({ as: "ada" });
  await visit(page, "/runbooks");
  await page.getByRole("link", { name: "The core is down for one institution" }).click();
  await page.getByText("only if decision.remedy == 'restart'").waitFor();
  await accessible(page, "a runbook");

  // What it would do, before it does anything.
  await page.getByRole("button", { name: /^Start/ }).click();
  await page.getByRole("combobox", { name: "Institution" }).click();
  await page.getByRole("option", { name: "Example Credit Union" }).click();
  await page.getByRole("button", { name: "What would it do?" }).click();
  await page.getByText("Nothing is called.").waitFor();
  await page.getByText(`service ${given.service}`).waitFor();
  await accessible(page, "a dry run");
  assert.equal((await api("/runs")).items.length, 0);
  await page.getByRole("button", { name: "Close" }).click();

  // From the alert, which tells the institution.
  await visit(page, `/alerts/${alert.id}`);
  await page.getByRole("combobox", { name: "Choose a runbook" }).click();
  await page.getByRole("option", { name: "The core is down for one institution" }).click();
  await page.getByRole("button", { name: /^Start/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("heading", { name: /Example Credit Union/ }).waitFor();
  const [run] = (await api("/runs?open=true")).items;
  assert.equal(run.inputs.institution.id, "inst-1");

  const step = (name) => page.getByRole("listitem", { name });
  await step(/Tell support/)
    .getByText("Yes")
    .click();
  await step(/Tell support/)
    .getByRole("button", { name: "Answer" })
    .click();
  await step(/Find the root error/)
    .getByRole("combobox", { name: /root error/ })
    .click();
  await page.getByRole("option", { name: "pool exhausted" }).click();
  await step(/Find the root error/)
    .getByRole("textbox", { name: "Failed calls" })
    .fill("214");
  await accessible(page, "a run that asks");
  await step(/Find the root error/)
    .getByRole("button", { name: "Answer" })
    .click();
  await step(/Whose side/)
    .getByRole("combobox", { name: "owner" })
    .click();
  await page.getByRole("option", { name: "ours" }).click();
  await step(/Whose side/)
    .getByRole("combobox", { name: "remedy" })
    .click();
  await page.getByRole("option", { name: "restart" }).click();
  await step(/Whose side/)
    .getByRole("button", { name: "Answer" })
    .click();

  // It stands among what needs somebody now, until somebody has done it.
  const other = await browser.page({ as: "ada", size: "phone" });
  await visit(other, "/now");
  await other.getByText("A run waits for somebody").waitFor();
  await other.getByRole("link", { name: /Example Credit Union/ }).click();
  const there = other.getByRole("listitem", { name: /Restart the shop/ });
  await there.getByRole("button", { name: "Leave out" }).click();
  await other.getByRole("textbox", { name: "Why" }).fill("it came back by itself");
  await accessible(other, "leaving a step out");
  await other.getByRole("dialog").getByRole("button", { name: "Leave out" }).click();
  await page.getByText("every step is over").first().waitFor();
  await until("the end", async () => (await api(`/runs/${run.id}`)).state === "done");
  await page.getByText("it came back by itself").first().waitFor();
  assert.ok(SIZES.phone);

  await look(browser, { runbooks: "/runbooks", runbook: "/runbooks/core-down", run: `/runs/${run.id}` }, "ada");
});
