import { expect, test, vi } from "vitest";

vi.stubGlobal("localStorage", { getItem: () => null });
const { withTimes } = await import("./time");

test("instants in a sentence are told in the reader's time", () => {
  const now = new Date("2026-11-28T08:00:00Z");
  const told = (text: string) => withTimes(text, "UTC", now);
  expect(told("0 of 9 failed since 2026-11-28T07:15:25Z: well")).toBe("0 of 9 failed since 07:15 UTC: well");
  expect(told("watched until 2026-11-29T07:15:30.5Z")).toMatch(/^watched until .*29.*, 07:15 UTC$/);
  for (const plain of ["since 2026-11-28", "id-2026-11-28T07:15:25Zx", "no time"]) expect(told(plain)).toBe(plain);
});
