// Who fails, minute by minute: in the colours and in the numbers, on the desk and on a phone.
import { accessible, assert, fits, given, server, shoot, story, token, visit } from "./harness.mjs";

const MINUTES = { "15m": 15, "1h": 60, "6h": 360 };

/** As the server tells it: one that fails now, one that has failed, one without traffic. */
function told(last) {
  const minutes = MINUTES[last];
  const row = (id, name, fails_now, failed, calls) => ({
    id,
    name,
    code: id.toUpperCase(),
    fails_now,
    failed: Array.from({ length: minutes }, (_, n) => failed(minutes - n)),
    calls: Array.from({ length: minutes }, (_, n) => calls(minutes - n)),
  });
  const busy = () => 20;
  const institutions = [
    row("ex1", "Example Credit Union", true, (ago) => (ago <= 10 ? 18 : 0), busy),
    row("ex2", "Second Savings of the Long Name and Company", false, (ago) => (ago > 10 && ago < 14 ? 6 : 0), busy),
    row(
      "ex3",
      "Silent Bank",
      false,
      () => 0,
      () => 0,
    ),
    ...Array.from({ length: 70 }, (_, n) => row(`more${n}`, `Bank ${n}`, false, () => 0, busy)),
  ];
  const from = new Date(Math.floor(Date.now() / 60_000) * 60_000 - (minutes - 1) * 60_000).toISOString();
  return { from, minutes, failing: 1, total: institutions.length, institutions, partial: [] };
}

const logs = async (page, change = (answer) => answer) => {
  await page.unroute(/\/api\/v1\/institutions\/failures/);
  await page.route(/\/api\/v1\/institutions\/failures/, (route) =>
    route.fulfill({ json: change(told(new URL(route.request().url()).searchParams.get("last"))) }),
  );
};

await story(async (browser) => {
  // Without logs: why, and what to do. A browser complains about every 409 by itself.
  const page = await browser.page({ as: "ada" });
  page.expected = (text) => text.includes("409");
  await visit(page, "/runbooks");
  await page.getByRole("link", { name: "Who fails", exact: true }).click();
  await page.getByText("there is no connection of kind elasticsearch", { exact: false }).waitFor();
  await page.getByText("firedog connection check", { exact: false }).waitFor();
  await accessible(page, "no logs");
  page.expected = () => false;

  // One table, with headers that can be read aloud, the worst first, a number in every cell.
  await logs(page);
  await visit(page, "/failures");
  await page.getByText("1 of 73 fail now").waitFor();
  const table = page.getByRole("table", { name: /Failed calls by institution/ });
  const first = table.getByRole("row").nth(1);
  await first.getByRole("rowheader", { name: "EX1 Example Credit Union fails now" }).waitFor();
  assert.equal(await first.getByRole("cell").last().locator("[aria-hidden]").textContent(), "90");
  assert.equal(await first.getByRole("cell").last().getAttribute("data-level"), "3");
  await first.getByRole("cell", { name: "90 %: 36 of 40 calls failed" }).first().waitFor();
  const silent = table.getByRole("row").nth(3).getByRole("cell").last();
  assert.equal(await silent.getAttribute("data-level"), null);
  assert.equal((await silent.getAttribute("title")) ?? "", "no traffic");
  assert.equal(await table.getByRole("row").count(), 61);
  await page.getByRole("button", { name: "Show all 73" }).click();
  assert.equal(await table.getByRole("row").count(), 74);
  assert.equal(await table.getByRole("columnheader").count(), 31);
  await page.getByText("15 min", { exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll("thead th").length === 16);
  await page.getByText("6 h", { exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll("thead th").length === 25);
  await accessible(page, "who fails");

  // Counts that may be too low say so.
  await logs(page, (answer) => ({ ...answer, partial: ["the logs are late"] }));
  await visit(page, "/failures");
  await page.getByText("These counts may be too low").waitFor();
  await accessible(page, "late logs");

  // On a phone: fewer columns, the latest on the right, nothing sticks out; reached from the alert.
  const alert = await fetch(`${server}/api/v1/alerts`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ service: given.service, summary: "The core is down" }),
  }).then((answer) => answer.json());
  for (const scheme of ["light", "dark"]) {
    const phone = await browser.page({ as: "ada", size: "phone", scheme });
    await logs(phone);
    await visit(phone, `/alerts/${alert.id}`);
    await phone.getByRole("link", { name: "Who fails, minute by minute" }).click();
    await phone.getByText("1 of 73 fail now").waitFor();
    assert.equal(await phone.getByRole("columnheader").count(), 7);
    const last = phone.getByRole("row").nth(1).getByRole("cell").last();
    const box = await last.boundingBox();
    assert.ok(box.x + box.width <= 390, `the latest column ends at ${box.x + box.width}`);
    await fits(phone, "who fails");
    await accessible(phone, `who fails, phone, ${scheme}`);
    await shoot(phone, `failures-phone-${scheme}`);
    const desk = await browser.page({ as: "ada", scheme });
    await logs(desk);
    await visit(desk, "/failures");
    await accessible(desk, `who fails, desk, ${scheme}`);
    await shoot(desk, `failures-desk-${scheme}`);
  }
});
