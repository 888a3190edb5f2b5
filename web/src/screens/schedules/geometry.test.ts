import { expect, test } from "vitest";
import { DAY, dayStart, days, fromLocal, HOUR, instant, place, toLocal } from "./geometry";

const at = (text: string) => Date.parse(text);

test.each([
  ["2026-03-02T16:00:00Z", "America/Chicago", "2026-03-02T06:00:00Z"],
  ["2026-03-08T20:00:00Z", "America/Chicago", "2026-03-08T06:00:00Z"], // clocks went forward at 08:00Z
  ["2026-11-01T20:00:00Z", "America/Chicago", "2026-11-01T05:00:00Z"], // and back at 07:00Z
  ["2026-10-25T12:00:00Z", "Europe/Berlin", "2026-10-24T22:00:00Z"],
  ["2026-03-02T16:00:00Z", "Asia/Kolkata", "2026-03-01T18:30:00Z"],
])("the day of %s in %s begins at %s", (instantText, zone, expected) => {
  expect(new Date(dayStart(at(instantText), zone)).toISOString()).toBe(new Date(at(expected)).toISOString());
});

test("a week across a clock change has seven days", () => {
  const from = dayStart(at("2026-03-05T12:00:00Z"), "America/Chicago");
  expect(days({ from, to: from + 7 * DAY - HOUR }, "America/Chicago")).toHaveLength(7);
});

test("local times of forms are those of the zone, and come back", () => {
  expect(toLocal(at("2026-03-02T16:00:00Z"), "America/Chicago")).toBe("2026-03-02T10:00");
  for (const zone of ["America/Chicago", "Asia/Kolkata", "Pacific/Auckland", "UTC"]) {
    for (const text of ["2026-03-02T10:00", "2026-07-01T00:15", "2026-11-01T12:30"]) {
      expect(toLocal(fromLocal(text, zone), zone)).toBe(text);
    }
  }
  expect(fromLocal("nonsense", "UTC")).toBeNaN();
});

test("a point of a lane is an instant on the quarter of an hour, and the other way round", () => {
  const range = { from: 0, to: 8 * HOUR };
  expect(instant(400, 800, range)).toBe(4 * HOUR);
  expect(instant(403, 800, range)).toBe(4 * HOUR);
  expect(place(2 * HOUR, range)).toBe(25);
  expect(place(-HOUR, range)).toBe(0);
});
