// A runbook is written, and one in force is changed: checked as one types, taken along as a file, never saved.
import { accessible, assert, fits, look, story, visit } from "./harness.mjs";

await story(async (browser) => {
  const page = await browser.page({ as: "ada", permissions: ["clipboard-read", "clipboard-write"] });
  await visit(page, "/runbooks");
  await page.getByRole("link", { name: "Write a runbook" }).click();
  const text = page.getByRole("textbox", { name: "The runbook" });
  await page.getByText("No mistakes").waitFor();
  await page.getByText("It is new.").waitFor();
  await page.getByText("Put it into your setup directory as look-first.yaml, then apply it:").waitFor();

  // Mistakes come with their line and remedy, and lead there.
  await text.fill("runbook: look\nteam: nobody\nsteps:\n  - { do: Look, uses: net.nothing }\n");
  await page.getByText("2 mistakes").waitFor();
  await page.getByText("nobody", { exact: false }).first().waitFor();
  await accessible(page, "mistakes in a runbook");
  await page.getByRole("button", { name: "Line 4" }).click();
  const selected = await text.evaluate((field) => [
    document.activeElement === field,
    field.value.slice(0, field.selectionStart).split("\n").length,
  ]);
  assert.deepEqual(selected, [true, 4]);

  // Clean again: how it reads, and the file.
  await text.fill("runbook: look\nsteps:\n  - { do: Look at the shop, uses: wait, with: { for: 5m } }\n");
  await page.getByText("Look at the shop").last().waitFor();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
  assert.equal(file.suggestedFilename(), "look.yaml");
  await page.getByRole("button", { name: "Copy" }).click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^runbook: look\n/);
  await accessible(page, "a clean runbook");

  // A change starts from the one in force, and says what it changes.
  await visit(page, "/runbooks/core-down");
  await page.getByRole("link", { name: "Propose a change" }).click();
  await page.getByText("Nothing: it is the one in force.").waitFor();
  const present = await text.inputValue();
  assert.match(present, /^runbook: core-down\n/);
  await text.fill(present.replace("for one institution", "for somebody"));
  await page.getByText("title", { exact: false }).last().waitFor();
  await page.getByText("Write it in place of the runbook of this id", { exact: false }).waitFor();

  const phone = await browser.page({ as: "ada", size: "phone" });
  await visit(phone, "/new/runbook");
  await phone.getByText("No mistakes").waitFor();
  await fits(phone, "writing a runbook");
  await look(browser, { "write-runbook": "/new/runbook", "propose-runbook": "/runbooks/core-down/propose" }, "ada");
});
