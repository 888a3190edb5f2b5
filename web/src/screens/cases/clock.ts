/** What of a case tells how its clock stands. */
export interface Clocked {
  state: "open" | "closed";
  next_chase_at?: string | null;
  chased: number;
}

export interface Standing {
  /** The first answer is due, they have to be asked again, either is late, or it is over. */
  kind: "answer" | "again" | "overdue" | "closed";
  /** Until then, or since then. */
  seconds: number;
  tone: "danger" | "warn" | "info" | "quiet";
}

/** Nearer than this it is worth a look, s. */
const SOON_S = 900;

/** How the clock of a case stands at `now`, ms since 1970. */
export function clock(one: Clocked, now: number): Standing {
  if (one.state === "closed" || !one.next_chase_at) return { kind: "closed", seconds: 0, tone: "quiet" };
  const left = (Date.parse(one.next_chase_at) - now) / 1000;
  if (left <= 0) return { kind: "overdue", seconds: -left, tone: "danger" };
  return { kind: one.chased > 0 ? "again" : "answer", seconds: left, tone: left < SOON_S ? "warn" : "info" };
}

/** Those that have to be chased first come first; the closed ones last, the newest of them first. */
export function byClock<C extends Clocked & { opened_at: string }>(a: C, b: C): number {
  const at = (one: C) => (one.state === "open" && one.next_chase_at ? Date.parse(one.next_chase_at) : Number.POSITIVE_INFINITY);
  const [first, second] = [at(a), at(b)];
  return first === second ? Date.parse(b.opened_at) - Date.parse(a.opened_at) : first - second;
}

/** An address that a link may lead to. */
export const isAddress = (url: string): boolean => /^https?:\/\/[^\s"<>\\^`{|}]+$/i.test(url);
