// What the server is connected with, whether it works, and what that means for a service.
import { accessible, assert, fits, given, look, server, story, token, visit } from "./harness.mjs";

await story(async (browser) => {
  // Without any: which lines to write.
  const page = await browser.page({ as: "" });
  await page.route(/\/api\/v1\/connections\?/, (route) => route.fulfill({ json: { items: [], next: null } }));
  await visit(page, "/settings");
  await page.getByText("Nothing is connected").waitFor();
  await page.getByText('index: "interaction-*"').waitFor();
  await accessible(page, "no connections");
  await page.unroute(/\/api\/v1\/connections\?/);

  // With some: where each is and what for, but never as whom; checked, each says what is wrong and what to do.
  await visit(page, "/settings");
  const one = page.getByRole("listitem").filter({ hasText: "jenkins at 127.0.0.1:9" });
  await one.getByText("Carries out: service.restart").waitFor();
  await one.getByText("To ask when it does not work: Pupper").waitFor();
  await one.getByRole("button", { name: "Check now: ci" }).click();
  await one.getByText("does not work").waitFor();
  await one.getByText("look whether it is up, and whether this server may reach 127.0.0.1:9").waitFor();
  assert.ok(!(await page.content()).includes(given.secret), "a secret is on the page");
  await accessible(page, "a connection that does not work");

  // Whoever may not administrate sees them, and the doctor's finding.
  const made = await fetch(`${server}/api/v1/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "a reader", role: "viewer", user: "ada" }),
  }).then((answer) => answer.json());
  const reader = await browser.page({ as: "ada", extraHTTPHeaders: { authorization: `Bearer ${made.token}` } });
  await visit(reader, "/settings");
  await reader.getByText("jenkins at 127.0.0.1:9").waitFor();
  assert.equal(await reader.getByRole("button", { name: /^Check / }).count(), 0);
  await reader.getByText("connection ci", { exact: true }).waitFor();

  // A service says how runbooks act on it.
  await one.getByRole("link", { name: "shop" }).click();
  await page.getByText("jenkins ops/restart with ENV=production").waitFor();
  await page.getByText("needs a second person").waitFor();
  await page.getByText("Serves every institution (1): Example Credit Union (EX1)").waitFor();
  const href = await page.getByRole("link", { name: "Its logs" }).getAttribute("href");
  assert.match(href, /^https:\/\/kibana\.example\.org\/\?service=shop&from=\d{4}-/);
  // A link that leads to each environment stands there for each, with whose tool it is and where one learns to use it.
  assert.equal(
    await page.getByRole("link", { name: "Graphs (production)", exact: true }).getAttribute("href"),
    "https://grafana.example.org/",
  );
  assert.equal(
    await page.getByRole("link", { name: "Graphs (staging)", exact: true }).getAttribute("href"),
    "https://grafana-stg.example.org/",
  );
  await page.getByText("a tool of Pupper").first().waitFor();
  assert.equal(
    await page.getByRole("link", { name: "How to use it: Graphs" }).first().getAttribute("href"),
    "https://wiki.example.org/grafana",
  );
  // What was deployed is asked of whatever deploys it.
  await page.getByText("marathon /core/symxchange-http-server").waitFor();
  await page
    .getByText("1 new version (deployed, scaled or restarted; Marathon does not say which) within 1d", { exact: false })
    .waitFor();
  await page.getByText("No “key” in “restart”", { exact: false }).waitFor();
  const phone = await browser.page({ as: "ada", size: "phone" });
  await visit(phone, "/services/bare");
  await phone.getByText("No “restart”: a person restarts it.").waitFor();
  await fits(phone, "a service without a catalogue");

  await look(browser, { connections: "/settings", catalogue: "/services/shop" }, "");
});
