import { expect, test } from "vitest";
import { byClock, clock, isAddress } from "./clock";

const NOW = Date.parse("2026-03-02T16:00:00Z");
const one = (next_chase_at: string | null, chased = 0, state: "open" | "closed" = "open") => ({
  next_chase_at,
  chased,
  state,
  opened_at: "2026-03-02T12:00:00Z",
});

test("a clock says what is due, when, and whether it is too late", () => {
  expect(clock(one("2026-03-02T18:00:00Z"), NOW)).toEqual({ kind: "answer", seconds: 7_200, tone: "info" });
  expect(clock(one("2026-03-02T16:10:00Z", 2), NOW)).toEqual({ kind: "again", seconds: 600, tone: "warn" });
  expect(clock(one("2026-03-02T15:20:00Z"), NOW)).toEqual({ kind: "overdue", seconds: 2_400, tone: "danger" });
  expect(clock(one("2026-03-02T16:00:00Z"), NOW).kind).toBe("overdue");
  expect(clock(one(null, 1, "closed"), NOW)).toEqual({ kind: "closed", seconds: 0, tone: "quiet" });
});

test("what has to be chased first comes first", () => {
  const [late, soon, closed, older] = [
    { ...one("2026-03-02T15:00:00Z"), id: "late" },
    { ...one("2026-03-02T17:00:00Z"), id: "soon" },
    { ...one(null, 0, "closed"), id: "closed", opened_at: "2026-03-02T13:00:00Z" },
    { ...one(null, 0, "closed"), id: "older" },
  ];
  expect([older, closed, soon, late].sort(byClock).map((row) => row.id)).toEqual(["late", "soon", "closed", "older"]);
});

test("only what a browser may be sent to is an address", () => {
  expect(isAddress("https://support.example.org/cases/1?a=b#c")).toBe(true);
  for (const wrong of ["javascript:alert(1)", "support.example.org", "https://a b", "", "https://", 'https://x"y']) {
    expect(isAddress(wrong), wrong).toBe(false);
  }
});
