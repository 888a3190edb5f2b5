// Editing the setup: a policy made in the app with its mistakes and its plan, a proposal for what stands in files, integrations with
// their keys and what comes in over them.
import { accessible, assert, look, server, story, token, until, visit } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.status === 204 ? undefined : answer.json();
};

await story(async (browser) => {
  await api("/users/ada/role", { method: "PUT", body: JSON.stringify({ role: "admin" }) });
  const page = await browser.page({ as: "ada" });
  // What is not right yet is answered with 422; the form says why.
  page.expected = (text) => /422/.test(text);
  await visit(page, "/policies");
  await page.getByRole("link", { name: "New escalation policy" }).click();
  await page.getByRole("textbox", { name: "Id" }).fill("night");
  await page.getByRole("textbox", { name: "Name" }).fill("Night shift");
  await page.getByText("Not right yet").waitFor();
  await accessible(page, "a policy that is not right yet");
  await page.getByRole("combobox", { name: "Which" }).click();
  await page.getByRole("option", { name: "A person" }).click();
  await page.getByRole("combobox", { name: "A person" }).click();
  await page.getByRole("option", { name: "Grace" }).click();
  await page.getByText("What changes").waitFor();
  await page.getByText("escalation policy night").waitFor();
  await page.getByRole("button", { name: "Add somebody" }).click();
  await page.getByRole("combobox", { name: "Which" }).last().click();
  await page.getByRole("option", { name: "Whoever is on a schedule" }).click();
  await page.getByRole("combobox", { name: "Whoever is on a schedule" }).click();
  await page.getByRole("option", { name: "secondary" }).click();
  await page.getByRole("textbox", { name: "Wait before the next" }).fill("12");
  await page.getByRole("button", { name: "Save" }).click();
  await page
    .getByText(/is saved$/)
    .last()
    .waitFor();
  const made = (await api("/setup/objects?kind=policy")).items.find((one) => one.id === "night");
  assert.deepEqual(made.value.steps, [{ page: [{ user: "grace" }, { schedule: "secondary" }], wait: "12m" }]);
  assert.equal(made.origin, "app");

  // Changed: what is different is said before it is saved.
  await page.getByRole("link", { name: "Night shift" }).click();
  await page.getByRole("link", { name: "Edit: night" }).click();
  await page.getByRole("textbox", { name: "Wait before the next" }).fill("20");
  await page.getByText("wait").last().waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page
    .getByText(/is saved$/)
    .last()
    .waitFor();

  // What stands in files becomes a proposal.
  await visit(page, "/edit/policy/pupper");
  await page.getByText("This stands in the setup files").waitFor();
  await page.getByRole("textbox", { name: "Wait before the next" }).first().fill("3");
  await page
    .getByText(/^\+.*wait: 3/)
    .first()
    .waitFor();
  await accessible(page, "a proposal");
  assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);

  // A person with a contact method of their own.
  await visit(page, "/people");
  await page.getByRole("link", { name: "New person" }).click();
  await page.getByRole("textbox", { name: "Id" }).fill("hopper");
  await page.getByRole("textbox", { name: "Name" }).fill("Hopper");
  await page.getByRole("button", { name: "Add a contact method" }).click();
  await page.getByRole("textbox", { name: "E-mail address" }).last().fill("hopper@example.org");
  await page.getByText("person hopper").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page
    .getByText(/is saved$/)
    .last()
    .waitFor();
  await until("the person", async () => (await api("/users")).items.some((one) => one.id === "hopper"));

  // A service with an integration: its key once, and what comes in by itself.
  await api("/services", { method: "POST", body: JSON.stringify({ name: "Lamp", team: "pupper" }) });
  await visit(page, "/integrations");
  await page.getByRole("button", { name: "Add an integration" }).click();
  await page.getByRole("textbox", { name: "Id" }).fill("scripts");
  await page.getByRole("dialog").getByRole("button", { name: "Add an integration" }).click();
  await page.getByText("Copy the key now").waitFor();
  await accessible(page, "a key, once");
  const [key, address] = await page.getByRole("dialog").locator("pre").allTextContents();
  assert.ok(address.includes(key), `${address} has the key`);
  await page.getByRole("button", { name: "Close" }).click();
  const line = page.locator("div", { hasText: /^scripts/ }).last();
  assert.ok(await line.count());
  const lamp = page.getByRole("button", { name: "Last payloads" });
  const at = (await api("/integrations")).items.findIndex((one) => one.service === "lamp" && one.id === "scripts");
  const order = await page.getByRole("button", { name: /Last payloads/ }).count();
  assert.ok(at >= 0 && order > at);
  await lamp.nth(at).click();
  await page.getByText("Waiting… nothing has come in").waitFor();
  await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ summary: "It is dark", password: "hunter2" }),
  });
  await page.getByText("trigger: It is dark").waitFor();
  assert.equal(await page.getByText("hunter2").count(), 0, "secrets are masked");
  await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body: "{nonsense" });
  await page.getByText("Refused").waitFor();
  await accessible(page, "payloads");

  // Another key: the old one is nobody's.
  const count = await page.getByRole("button", { name: "New key" }).count();
  await page
    .getByRole("button", { name: "New key" })
    .nth(count - 1)
    .click();
  await page.getByRole("dialog").getByRole("button", { name: "New key" }).click();
  await page.getByText("Copy the key now").waitFor();
  assert.equal((await fetch(address, { method: "POST", body: "x" })).status, 401);

  await look(
    browser,
    { edit: "/edit/policy/night", "edit-schedule": "/edit/schedule/primary", integrations: "/integrations" },
    "ada",
  );
});
