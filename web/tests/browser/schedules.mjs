// Schedules: an override by drag, the same by keyboard and by form, what it changes before it is saved, taking over, my shifts.
import { accessible, assert, look, server, story, token, until, visit } from "./harness.mjs";

const overrides = async () => {
  const answer = await fetch(`${server}/api/v1/overrides`, { headers: { authorization: `Bearer ${token}` } });
  return (await answer.json()).items;
};
const oncall = async () => {
  const answer = await fetch(`${server}/api/v1/oncall?schedule=primary`, { headers: { authorization: `Bearer ${token}` } });
  return (await answer.json()).items[0].user;
};
const HOUR = 3_600_000;

await story(async (browser) => {
  const page = await browser.page({ as: "grace" });
  await visit(page, "/schedules");
  await page.getByRole("link", { name: "primary" }).click();
  const lane = page.getByTestId("overrides-lane");
  await lane.waitFor();

  // By drag, on the lane of overrides: from the middle of the week on, about a day long.
  const box = await lane.boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.5, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, y, { steps: 5 });
  await page.mouse.move(box.x + box.width * 0.64, y, { steps: 5 });
  await page.mouse.up();
  await page.getByRole("combobox", { name: "Who" }).click();
  await page.getByRole("option", { name: "Grace" }).click();
  await page.getByText(/Grace gains/).waitFor();
  await page.getByText(/Ada loses/).waitFor();
  await accessible(page, "the form of an override");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The override stands").waitFor();
  const [made] = await overrides();
  assert.equal(made.user, "grace");
  const length = Date.parse(made.to) - Date.parse(made.from);
  assert.ok(length > 20 * HOUR && length < 27 * HOUR, `${made.from} ${made.to}`);

  // By keyboard: an hour later, and two hours longer, as one change.
  const block = page.getByRole("button", { name: /^Grace, from/ });
  await block.focus();
  for (const key of ["ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"]) await page.keyboard.press(key);
  const moved = await until("the keyboard's change", async () => {
    const all = await overrides();
    return all.length === 1 && all[0].id !== made.id && all[0];
  });
  assert.equal(Date.parse(moved.from) - Date.parse(made.from), HOUR);
  assert.equal(Date.parse(moved.to) - Date.parse(made.to), 3 * HOUR);
  await page.getByText("The override stands").last().waitFor();
  await page.getByRole("button", { name: /^Grace, from/ }).focus();
  await page.keyboard.press("Delete");
  await page.getByText(/Grace loses/).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Take it back" }).click();
  await page.getByText("The override is taken back").waitFor();
  assert.deepEqual(await overrides(), []);

  // By form: taking Ada off leaves a gap, and it says so.
  await page.getByRole("button", { name: "Put somebody on" }).click();
  await page.getByText("Take somebody off").click();
  await page.getByRole("combobox", { name: "Who" }).click();
  await page.getByRole("option", { name: "Ada" }).click();
  await page.getByText("Nobody would be on for 2 h").waitFor();
  await page.keyboard.press("Escape");

  // Under water: the next people are paged, and whoever asks stays on.
  await visit(page, "/shifts");
  await page.getByRole("button", { name: "Help me" }).click();
  await page.getByLabel("What for").fill("two fires at once");
  await page.getByRole("button", { name: "Page them now" }).click();
  await page.getByText("Ada is being paged; you stay on").waitFor();

  // Taking over.
  await visit(page, "/schedules/primary");
  assert.equal(await oncall(), "ada");
  await page.getByRole("button", { name: "Take over now" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take over now" }).click();
  await page.getByText("You have it now").waitFor();
  assert.equal(await oncall(), "grace");
  await visit(page, "/shifts");
  await page.getByText("You are on call now").first().waitFor();

  // Away: off every schedule, and what that leaves open is said.
  await page.getByRole("button", { name: "I am away" }).click();
  await page.getByLabel("Why").fill("dentist");
  await accessible(page, "the form of a leave");
  await page.getByRole("button", { name: "Say that I am away" }).click();
  await page.getByText(/nobody else is on for/).waitFor();
  await page.getByText("dentist").waitFor();
  await page.getByText("Nobody else is on").first().waitFor();
  await visit(page, "/schedules/secondary");
  await page.getByText("Nobody is on for 2 h of this range").waitFor();

  await look(browser, { schedules: "/schedules", schedule: "/schedules/primary", shifts: "/shifts" }, "grace");
});
