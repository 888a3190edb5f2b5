// From an empty server to one's own first acknowledged page, with what is on the screen alone: what a person clicks and types.
import { accessible, assert, fits, given, SIZES, shoot, story } from "./harness.mjs";

await story(async (browser) => {
  const begun = Date.now();
  const size = given.size ?? "desk";
  const page = await browser.page({ size });
  const look = async (name) => {
    await accessible(page, `${name}, ${size}`);
    await fits(page, `${name}, ${size}`);
    await shoot(page, `${name}-${size}-light`);
  };
  await page.goto(given.link);
  await look("welcome");
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await page.getByLabel("Your e-mail address").fill("ada@example.org");
  await page.getByLabel("Your team").fill("Web");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await page.getByLabel(/A password/).fill("a few words of mine");
  await page.getByRole("button", { name: "Create my account" }).click();

  await page.getByRole("heading", { name: "Your first page" }).waitFor();
  await look("start");
  await page.getByLabel("Its name").fill("Checkout");
  await page.getByRole("button", { name: "Add it" }).click();
  await page.getByText("1. Ada Lovelace").waitFor();
  await look("start-people");
  // What has been done is not lost by a reload.
  await page.reload();
  await page.getByText("1. Ada Lovelace").waitFor();
  await page.getByRole("button", { name: "Back" }).click();
  await page.getByLabel("Its name").fill("checkout");
  await page.getByText("There is already a service called Checkout.").waitFor();
  await page.getByLabel("Its name").fill("Shop");
  await page.getByRole("button", { name: "Add it" }).click();
  await page.getByRole("button", { name: "That is right" }).click();

  // What the page tells one to run is what is sent.
  const snippet = await page.locator("pre").first().textContent();
  await look("start-event");
  const body = /-d '(.*)'$/s.exec(snippet)?.[1];
  const url = /curl -s (\S+)/.exec(snippet)?.[1];
  assert.ok(body && url, snippet);
  const sent = await fetch(url, { method: "POST", body });
  assert.equal(sent.status, 202, await sent.text());

  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText("You have it. That is all there is to it.").waitFor();
  await look("start-done");
  console.log(
    `first run to first acknowledged page, ${size}: ${((Date.now() - begun) / 1000).toFixed(1)} s of a machine's clicking`,
  );

  // What was being asked when the session ended is refused.
  page.expected = (text) => text.includes("401");
  // And the way back in: signing out, a wrong password, the right one.
  await page.getByRole("button", { name: "Me", exact: true }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await look("sign-in");
  await page.getByLabel("Name or e-mail").fill("ada@example.org");
  await page.getByLabel("Password").fill("not this one");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill("a few words of mine");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Needs me now" }).waitFor();
  assert.ok(SIZES[size]);
});
