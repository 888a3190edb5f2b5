import { expect, it } from "vitest";
import { lineSpan } from "./lines";

it("finds a line, and the end of the text for one that is not there", () => {
  const text = "runbook: a\nsteps:\n  - x";
  expect([0, 1, 2, 3, 4].map((line) => lineSpan(text, line))).toEqual([
    { from: 0, to: 10 },
    { from: 0, to: 10 },
    { from: 11, to: 17 },
    { from: 18, to: 23 },
    { from: 23, to: 23 },
  ]);
});
