// Where instants stand on a lane, and the local times of forms. The server computes who is on; here it is only drawn.
export interface Range {
  from: number;
  to: number;
}

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const SPANS = { week: 7 * DAY, fortnight: 14 * DAY, month: 28 * DAY };
export type SpanName = keyof typeof SPANS;

/** Midnight, in a zone, of the day that holds an instant. */
export function dayStart(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).formatToParts(at);
  const read = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const guess = at - ((read("hour") * 60 + read("minute")) * 60 + read("second")) * 1000 - (at % 1000);
  // A clock change between midnight and now moves the guess by that change.
  const hour = Number(new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", hour: "2-digit" }).format(guess));
  return hour === 0 ? guess : hour > 12 ? guess + (24 - hour) * HOUR : guess - hour * HOUR;
}

/** Starts of the days in a range, local midnights. */
export function days(range: Range, zone: string): number[] {
  const found: number[] = [];
  let at = dayStart(range.from, zone);
  if (at < range.from) at = dayStart(at + 36 * HOUR, zone);
  while (at < range.to) {
    found.push(at);
    at = dayStart(at + 36 * HOUR, zone);
  }
  return found;
}

/** Percent from the left. */
export function place(at: number, range: Range): number {
  return (100 * (Math.min(range.to, Math.max(range.from, at)) - range.from)) / (range.to - range.from);
}

/** The instant under a point of a lane, on the quarter of an hour. */
export function instant(x: number, width: number, range: Range): number {
  const at = range.from + (x / width) * (range.to - range.from);
  return Math.round(at / (HOUR / 4)) * (HOUR / 4);
}

/** For `<input type="datetime-local">`, in a zone. */
export function toLocal(at: number, zone: string): string {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  }).formatToParts(at);
  const read = (type: string) => parts.find((part) => part.type === type)?.value ?? "00";
  return `${read("year")}-${read("month")}-${read("day")}T${read("hour")}:${read("minute")}`;
}

/** The instant of a local time in a zone. A time that a clock change skips is the first instant after it. */
export function fromLocal(text: string, zone: string): number {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)) return Number.NaN;
  const asUtc = Date.parse(`${text}:00Z`);
  let at = asUtc;
  for (let tried = 0; tried < 3; tried++) {
    const shown = Date.parse(`${toLocal(at, zone)}:00Z`);
    if (shown === asUtc) break;
    at += asUtc - shown;
  }
  return at;
}

/** One colour a person, the same on every lane; text on it is readable in both themes. */
const HUES = ["#2f67a9", "#7a4fa3", "#17703f", "#8f4d00", "#a1305b", "#1f6f7a", "#5b6b1e", "#56616e"];
export function colour(user: string): string {
  let hash = 7;
  for (const c of user) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
  return HUES[hash % HUES.length] as string;
}
