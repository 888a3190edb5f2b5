// Showing time. The server sends instants; the browser formats them in the zone that the viewer chose. No date arithmetic here.
import { useSyncExternalStore } from "react";

export type ZoneChoice = "mine" | "browser" | "schedule" | "utc";

const KEY = "firedog.zone";
/** Where the browser says that it is; it may travel while the app is open. */
export const browserZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

let choice: ZoneChoice = stored();
let own: string | null = null;
const listeners = new Set<() => void>();

function stored(): ZoneChoice {
  const kept = localStorage.getItem(KEY);
  return kept === "utc" || kept === "schedule" || kept === "browser" ? kept : "mine";
}

/** The zone of the account; without one, the browser's is theirs. */
export const ownZone = (): string => own ?? browserZone();

export function setOwnZone(zone: string | null) {
  if (zone === own) return;
  own = zone;
  for (const listener of listeners) listener();
}

export function chooseZone(next: ZoneChoice) {
  choice = next;
  localStorage.setItem(KEY, next);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useZoneChoice = (): ZoneChoice => useSyncExternalStore(subscribe, () => choice);

/** The zone in which times are shown; `schedule`: that of the schedule at hand, where there is one. */
export function useZone(schedule?: string | null): string {
  const chosen = useZoneChoice();
  if (chosen === "utc") return "UTC";
  if (chosen === "schedule" && schedule) return schedule;
  return chosen === "browser" ? browserZone() : ownZone();
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(undefined, { timeZone: zone, hourCycle: "h23", ...options });
    formats.set(key, made);
  }
  return made;
}

/** `CET`, `GMT+1`. */
export function zoneName(zone: string, at: Date): string {
  const parts = format(zone, { timeZoneName: "short", hour: "2-digit" }).formatToParts(at);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
}

export const clock = (at: Date, zone: string): string => format(zone, { hour: "2-digit", minute: "2-digit" }).format(at);
export const clockSeconds = (at: Date, zone: string): string =>
  format(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
export const day = (at: Date, zone: string): string =>
  format(zone, { weekday: "short", day: "numeric", month: "short" }).format(at);
export const dayKey = (at: Date, zone: string): string =>
  format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).format(at);

/** `14:05 CET` today, `Mon 5 Jan, 14:05 CET` on other days, with the year beyond half of one. */
export function absolute(at: Date, zone: string, now: Date = new Date()): string {
  const time = `${clock(at, zone)} ${zoneName(zone, at)}`;
  if (dayKey(at, zone) === dayKey(now, zone)) return time;
  const far = Math.abs(at.getTime() - now.getTime()) > 180 * 86_400_000;
  return `${day(at, zone)}${far ? ` ${format(zone, { year: "numeric" }).format(at)}` : ""}, ${time}`;
}

const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS: Array<[Intl.RelativeTimeFormatUnit, number]> = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** `in 4 hr`, `2 min. ago`. */
export function relative(at: Date, now: Date = new Date()): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relativeFormat.format(Math.trunc(seconds / size), unit);
  }
  return relativeFormat.format(seconds, "second");
}

/** `90 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. */
export function length(seconds: number): string {
  const s = Math.round(Math.abs(seconds));
  if (s < 120) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

// One clock for everything that shows an age, so that a list of a thousand rows has one timer.
let now = Date.now();
const ticks = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const tick of ticks) tick();
}, 1_000);

/** The present, each second anew. */
export function useNow(): number {
  return useSyncExternalStore(
    (tick) => {
      ticks.add(tick);
      return () => ticks.delete(tick);
    },
    () => now,
  );
}

const INSTANT = /\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z(?!\w)/g;

/** Instants in a sentence of the server as whoever reads it tells the time. */
export const withTimes = (text: string, zone: string, now: Date = new Date()): string =>
  text.replace(INSTANT, (instant) => absolute(new Date(instant), zone, now));
