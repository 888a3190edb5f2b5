// Asking to be covered, a part taken, the rest declined; a swap; one's own requests.
import { accessible, assert, look, server, story, token, until, visit } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.status === 204 ? undefined : answer.json();
};
const on = async (at) => (await api(`/oncall?schedule=turns&at=${at.toISOString()}`)).items[0].user;

await story(async (browser) => {
  // Ada's next shift that has not begun.
  const shifts = (await api("/me/shifts?user=ada&days=60")).items.filter((one) => one.schedule === "turns" && !one.now);
  const from = new Date(shifts[0].from);
  const hour = (n) => new Date(from.getTime() + n * 3_600_000);

  const ada = await browser.page({ as: "ada" });
  await visit(ada, "/shifts");
  await ada.getByText("turns").nth(2).waitFor();
  const row = ada.locator("div", { has: ada.locator(`time`) });
  assert.ok(await row.count());
  await ada.getByRole("button", { name: "Ask for cover: turns" }).nth(1).click();
  await ada.getByLabel("What for").fill("dentist");
  await accessible(ada, "asking for cover");
  await ada.getByRole("button", { name: "Ask", exact: true }).click();
  await ada.getByText("The first yes takes it").first().waitFor();
  await ada.getByText("You ask for cover").waitFor();
  const [asked] = (await api("/covers")).items;
  assert.deepEqual([asked.user, asked.note, asked.eligible], ["ada", "dentist", ["grace", "linus"]]);
  const [begin, end] = [new Date(asked.from), new Date(asked.until)];

  // Grace finds it where everything is that needs her, and takes the first half.
  const grace = await browser.page({ as: "grace", size: "phone" });
  await visit(grace, "/now");
  await grace.getByText("Ada asks to be covered on turns").waitFor();
  await accessible(grace, "being asked, on a phone");
  await grace.getByRole("button", { name: "A part of it" }).click();
  const middle = new Date((begin.getTime() + end.getTime()) / 2);
  // In the zone of her account, UTC, wherever the browser is.
  const local = (at) => at.toISOString().slice(0, 16);
  await grace.getByRole("dialog").getByLabel("Until").fill(local(middle));
  await grace.getByRole("dialog").getByRole("button", { name: "I take it" }).click();
  await grace.getByText("You have it. It is an override now.").waitFor();
  assert.equal(await on(new Date(begin.getTime() + 60_000)), "grace");
  assert.equal(await on(new Date(middle.getTime() + 60_000)), "ada");

  // Linus cannot; Ada sees by herself who is left, without asking again.
  const linus = await browser.page({ as: "linus" });
  await visit(linus, "/now");
  await linus.getByRole("button", { name: "I cannot" }).click();
  await linus.getByText("You have said no").waitFor();
  await ada.getByText("Grace has taken it").waitFor();
  await ada.getByText("Said no: Linus").waitFor();
  await ada.getByRole("button", { name: "Take back" }).click();
  await until("the request is taken back", async () => (await api("/covers")).items.every((one) => one.state !== "open"));

  // A swap: Linus's shift for one of hers.
  await ada.getByRole("button", { name: "Ask for cover: turns" }).last().click();
  await ada.getByRole("combobox", { name: "Whom to ask" }).click();
  await ada.getByRole("option", { name: "Linus" }).click();
  await ada.getByRole("switch", { name: "Offer to swap" }).check();
  await ada.getByRole("radio").first().check();
  await accessible(ada, "offering a swap");
  await ada.getByRole("button", { name: "Ask", exact: true }).click();
  await linus.getByText("Ada asks to swap on turns").waitFor();
  const swap = (await api("/covers")).items.find((one) => one.state === "open");
  assert.equal(await on(new Date(Date.parse(swap.in_return.from) + 60_000)), "linus");
  await linus.getByRole("button", { name: "I take it" }).click();
  await linus.getByText("You have it. It is an override now.").waitFor();
  assert.equal(await on(new Date(Date.parse(swap.in_return.from) + 60_000)), "ada");
  assert.equal(await on(new Date(Date.parse(swap.from) + 60_000)), "linus");
  assert.ok(hour(0) <= begin);

  await look(browser, { shifts: "/shifts" }, "ada");
});
