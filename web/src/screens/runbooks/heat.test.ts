import { expect, it } from "vitest";
import { columns, level, perColumn } from "./heat";

it("takes columns of a length that people reckon in", () => {
  expect([15, 60, 360].map((minutes) => perColumn(minutes, 60))).toEqual([1, 1, 10]);
  expect([15, 60, 360].map((minutes) => perColumn(minutes, 6))).toEqual([3, 10, 60]);
  expect(perColumn(5, 60)).toBe(1);
});

it("adds minutes up, and the latest column ends now", () => {
  const found = columns([1, 0, 0, 2, 3], [1, 1, 1, 4, 5], 2);
  expect(found).toEqual([
    { at: 0, failed: 1, calls: 1 },
    { at: 1, failed: 0, calls: 2 },
    { at: 3, failed: 5, calls: 9 },
  ]);
});

it("never takes no traffic for no failure", () => {
  expect(level({ failed: 0, calls: 0 })).toBeUndefined();
  expect([0, 4, 5, 24, 25, 49, 50, 100].map((failed) => level({ failed, calls: 100 }))).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
});
