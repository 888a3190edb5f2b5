// A runbook that acts: the plan is read and agreed to, the log grows by itself while it is carried out, and what cannot be told afterwards
// is watched until a person ends that.
import { accessible, assert, fits, look, SIZES, server, story, token, until, visit } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.json();
};

await story(async (browser) => {
  const { id } = await api("/runs", {
    method: "POST",
    body: JSON.stringify({ runbook: "restart", inputs: { institution: "inst-1" } }),
  });
  const page = await browser.page({ as: "ada" });
  await visit(page, `/runs/${id}`);
  const step = (name) => page.getByRole("listitem", { name });

  // Exactly what would be done, and whom it would be felt by; on a phone as well.
  const restart = step(/Restart the HTTP server/);
  await restart.getByText(/jenkins ops\/restart-on-marathon with /).waitFor();
  await restart.getByText(/interrupts 6 institutions/).waitFor();
  const phone = await browser.page({ as: "ada", size: "phone", scheme: "dark" });
  await visit(phone, `/runs/${id}`);
  await phone.getByRole("button", { name: "Agree" }).waitFor();
  await accessible(phone, "a plan on a phone");
  await fits(phone, "a plan on a phone");
  assert.ok(SIZES.phone);

  // Declined, begun again, agreed to: each by whoever it was, without a reload.
  await restart.getByRole("button", { name: "Decline" }).click();
  await page.getByRole("textbox", { name: "Why" }).fill("not while they count");
  await page.getByRole("dialog").getByRole("button", { name: "Decline" }).click();
  await phone.getByText("not while they count").first().waitFor();
  await restart.getByRole("button", { name: /^Begin again/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Begin again from here" }).click();
  await phone.getByRole("button", { name: "Agree" }).click();

  // The log grows by itself: here is no click and no reload.
  const log = page.getByRole("list", { name: "What has happened" });
  for (const line of [/^Agreed/, /build 1 of ops\/restart-on-marathon/]) await log.getByText(line).first().waitFor();
  await restart.getByText("done", { exact: true }).waitFor();
  const lines = await log.getByRole("listitem").count();
  assert.ok(lines >= 6, `${lines} lines`);

  // Nobody calls: whether it works again cannot be told, so it is watched, in nobody's way.
  await page.getByText("Watching", { exact: true }).first().waitFor();
  const watched = step(/Check that requests succeed/);
  await watched.getByText(/^until .*in 23 hr/).waitFor();
  await accessible(page, "a run that watches");
  await visit(phone, "/runbooks");
  await phone.getByText("Watching").first().waitFor();
  await look(browser, { watching: `/runs/${id}` }, "ada");
  await watched.getByRole("button", { name: "Watch no longer" }).click();
  await page.getByRole("textbox", { name: "Why" }).fill("they told us that it works");
  await page.getByRole("dialog").getByRole("button", { name: "Watch no longer" }).click();
  await page.getByText("they told us that it works").first().waitFor();
  await until("the end", async () => (await api(`/runs/${id}`)).state === "done");
});
