// What the inbox shows, kept in the address, so that it can be sent to somebody or bookmarked.
import { useSearchParams } from "wouter";
import type { Alert } from "./act";

export interface Filters {
  state: "open" | "triggered" | "acknowledged" | "resolved";
  service: string;
  team: string;
  text: string;
  sort: "newest" | "urgent";
}

const STATES = ["open", "triggered", "acknowledged", "resolved"] as const;

export function useFilters(): [Filters, (change: Partial<Filters>) => void] {
  const [params, setParams] = useSearchParams();
  const state = STATES.find((one) => one === params.get("state")) ?? "open";
  const filters: Filters = {
    state,
    service: params.get("service") ?? "",
    team: params.get("team") ?? "",
    text: params.get("q") ?? "",
    sort: params.get("sort") === "urgent" ? "urgent" : "newest",
  };
  const change = (next: Partial<Filters>) => {
    const all = { ...filters, ...next };
    const written = new URLSearchParams();
    if (all.state !== "open") written.set("state", all.state);
    if (all.service) written.set("service", all.service);
    if (all.team) written.set("team", all.team);
    if (all.text) written.set("q", all.text);
    if (all.sort !== "newest") written.set("sort", all.sort);
    setParams(written, { replace: true });
  };
  return [filters, change];
}

const RANK: Record<string, number> = {
  triggered: 0,
  acknowledged: 1,
  resolved: 2,
  critical: 0,
  error: 1,
  warning: 2,
  info: 3,
  high: 0,
  low: 1,
};
const rank = (word: string) => RANK[word] ?? 9;

/** By what a person should look at first. */
export function byUrgency(a: Alert, b: Alert): number {
  return (
    rank(a.state) - rank(b.state) ||
    rank(a.urgency) - rank(b.urgency) ||
    rank(a.severity) - rank(b.severity) ||
    a.created_at.localeCompare(b.created_at)
  );
}

export function fits(alert: Alert, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
  const whole = `${alert.summary} ${alert.service ?? ""} ${alert.dedup_key} ${labels.join(" ")}`.toLowerCase();
  return words.every((word) => whole.includes(word));
}
