// Services, policies with a dry run, the proof.
import { look, story, visit } from "./harness.mjs";

await story(async (browser) => {
  const page = await browser.page({ as: "ada" });
  await visit(page, "/services");
  await page.getByRole("link", { name: "Shop", exact: true }).click();
  await page.getByText("Nothing: an alert of this service reaches a person.").waitFor();
  await visit(page, "/policies/pupper");
  // The engine in dry run: with Ada silent her page is gone, and Grace's stays.
  await page.getByText("step 1 of policy pupper").waitFor();
  await page.getByRole("button", { name: "What if Ada does not answer?" }).click();
  await page.getByText("step 1 of policy pupper").waitFor({ state: "hidden" });
  await page.getByText("step 2 of policy pupper").waitFor();
  await visit(page, "/proof");
  await page
    .getByText(/holes? in|Whatever single thing fails/)
    .first()
    .waitFor();
  // The palette goes anywhere.
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Go to, or do" }).fill("grace");
  await page.getByRole("option", { name: /Grace/ }).waitFor();
  await page.keyboard.press("Escape");
  await look(
    browser,
    { services: "/services", service: "/services/shop", policies: "/policies", policy: "/policies/pupper", proof: "/proof" },
    "ada",
  );
});
