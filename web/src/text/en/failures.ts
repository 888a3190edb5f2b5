import { count } from "../plural";

export const failures = {
  title: "Who fails",
  hint: "The share of failed calls of each institution, from the interaction logs.",
  now: (failing: number, total: number) =>
    failing === 0
      ? `None of ${count(total, { one: "institution", other: "institutions" })} fails now`
      : `${failing} of ${total} fail now`,
  nowHint: "At least half of its calls within the last 5 minutes have failed.",
  last: "Span",
  lasts: { "15m": "15 min", "1h": "1 h", "6h": "6 h" },
  caption: (per: string) => `Failed calls by institution, in columns of ${per}, the latest on the right`,
  per: (minutes: number) => (minutes === 60 ? "1 h" : `${minutes} min`),
  institution: "Institution",
  fails: "fails now",
  noTraffic: "no traffic",
  cell: (percent: number, failed: number, calls: number) => `${percent} %: ${failed} of ${calls} calls failed`,
  legend: "Share of failed calls",
  levels: ["below 5 %", "5 to 25 %", "25 to 50 %", "50 % and more"],
  partial: "These counts may be too low",
  none: "There are no institutions yet",
  noneHint: "They stand in the setup, under “institutions:”, by the ids that the logs have.",
  all: (n: number) => `Show all ${n}`,
  link: "Who fails, minute by minute",
};
