// Silences and maintenance, people and their roles and links, one's own account; offline, and a new version of the app.
import { accessible, assert, look, server, story, token, until, visit } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
  return answer.status === 204 ? undefined : answer.json();
};

await story(async (browser) => {
  const page = await browser.page({ as: "ada" });
  await visit(page, "/quiet");
  await page.getByRole("button", { name: "Silence alerts" }).click();
  await page.getByRole("combobox", { name: "Service" }).click();
  await page.getByRole("option", { name: "Shop" }).click();
  await page.getByText("2h", { exact: true }).click();
  await page.getByLabel("Why").fill("ticket 42");
  await accessible(page, "the form of a silence");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("ticket 42").waitFor();
  const [silence] = (await api("/silences")).items;
  assert.equal(silence.service, "shop");
  await page.getByRole("button", { name: "End now" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End now" }).click();
  await page.getByText("No silence.").waitFor();
  await page.getByRole("button", { name: "Plan maintenance" }).click();
  await page.getByRole("combobox", { name: "Services" }).click();
  await page.getByRole("option", { name: "Shop" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await until("the window", async () => (await api("/maintenance")).items.length === 1);

  // People: a role, and a link with which somebody really gets in.
  await visit(page, "/people");
  await page.getByRole("combobox", { name: "Role: Grace" }).click();
  await page.getByRole("option", { name: "Manager" }).click();
  await page.getByText("Grace is Manager now").waitFor();
  assert.equal((await api("/users/grace/role")).role, "manager");
  await page.getByRole("button", { name: "Make a sign-in link" }).nth(1).click();
  const link = await page.getByRole("dialog").getByRole("textbox").inputValue();
  await accessible(page, "a sign-in link");
  const grace = await browser.page();
  await grace.goto(link);
  await grace.getByLabel(/A password/).fill("a few words of hers");
  await grace.getByRole("button", { name: "Set the password" }).click();
  await grace.getByRole("heading", { name: "Needs me now" }).waitFor();

  // Her account: a token that works, and a new password.
  await grace.getByRole("button", { name: "Me", exact: true }).click();
  await grace.getByRole("menuitem", { name: "My account" }).click();
  await grace.getByLabel("What it is for").fill("laptop");
  await grace.getByRole("button", { name: "Make a token" }).click();
  const own = await grace.getByRole("textbox", { name: "Copy it now" }).inputValue();
  const session = await (await fetch(`${server}/api/v1/session`, { headers: { authorization: `Bearer ${own}` } })).json();
  assert.deepEqual([session.user.id, session.role], ["grace", "manager"]);
  await grace.getByLabel("The present one").fill("a few words of hers");
  await grace.getByLabel("The new one").fill("other words of hers");
  await grace.getByRole("button", { name: "Change the password" }).click();
  await grace.getByText("every other browser is signed out").waitFor();
  await grace.getByText("this browser", { exact: true }).waitFor();
  await accessible(grace, "one's own account");

  // Offline: the shell and what was read last, with its age; back again by itself.
  await visit(grace, "/oncall");
  await grace.evaluate(() => navigator.serviceWorker.ready);
  await grace.reload();
  await grace.getByText("primary").first().waitFor();
  await until("the worker's cache", () =>
    grace.evaluate(
      async () => (await (await caches.open("firedog-data")).keys()).length > 0 && navigator.serviceWorker.controller !== null,
    ),
  );
  grace.expected = (text) => /ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to fetch|Failed to load/.test(text);
  await grace.context().setOffline(true);
  await grace.reload();
  await grace.getByText("primary").first().waitFor();
  await grace.getByText("Reconnecting").waitFor();
  // After half a minute of silence everything is grey, and says how old it is.
  await grace.getByText(/Data is .* old/).waitFor({ timeout: 45_000 });
  assert.ok(await grace.locator("main[data-stale]").count());
  await grace.context().setOffline(false);
  await grace.getByText("Live", { exact: true }).waitFor({ timeout: 30_000 });

  // A new version while the app is open: it says so.
  const fresh = await browser.page({ as: "ada" });
  await fresh.route("**/version.json", (route) => route.fulfill({ json: { version: "9.9.9", build: "another" } }));
  await visit(fresh, "/oncall");
  await fresh.getByText("A new version is there").waitFor();
  await fresh.getByRole("button", { name: "Load it" }).waitFor();

  await look(browser, { quiet: "/quiet", people: "/people", me: "/me" }, "ada");
});
