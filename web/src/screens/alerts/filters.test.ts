import { expect, test } from "vitest";
import type { Alert } from "./act";
import { byUrgency, fits } from "./filters";

const alert = (change: Partial<Alert>): Alert => ({
  id: "1",
  summary: "Checkout is down",
  dedup_key: "checkout",
  labels: { institution: "acme" },
  service: "shop",
  state: "triggered",
  urgency: "high",
  severity: "critical",
  count: 1,
  created_at: "2026-03-02T16:00:00Z",
  updated_at: "2026-03-02T16:00:00Z",
  policy: "policy:shop",
  setup_version: 1,
  ...change,
});

test("what a person should look at first comes first", () => {
  const all = [
    alert({ id: "acknowledged", state: "acknowledged" }),
    alert({ id: "low", urgency: "low" }),
    alert({ id: "later", created_at: "2026-03-02T17:00:00Z" }),
    alert({ id: "warning", severity: "warning" }),
    alert({ id: "first" }),
  ];
  expect(all.sort(byUrgency).map((one) => one.id)).toEqual(["first", "later", "warning", "low", "acknowledged"]);
});

test("every word must be found, in the summary, a label, the service or the key", () => {
  expect(fits(alert({}), "DOWN institution=acme")).toBe(true);
  expect(fits(alert({}), "down other")).toBe(false);
  expect(fits(alert({}), "  ")).toBe(true);
});
