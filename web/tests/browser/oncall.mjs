// Who is on call: one glance, in every size and theme.
import { assert, look, story, visit } from "./harness.mjs";

await story(async (browser) => {
  const page = await browser.page({ as: "" });
  await visit(page, "/oncall");
  await page.getByText("primary").first().waitFor();
  assert.match(await page.title(), /On call now/);
  await look(browser, { oncall: "/oncall" });
});
