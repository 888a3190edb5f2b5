// The live stream: one EventSource for the app. Its events patch or refresh what the screens have read.
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { base, onOld } from "./client";
import type { AlertRow } from "./types";

export type LiveState = "connecting" | "live" | "lost";

export interface Live {
  state: LiveState;
  /** When the server was last heard of, ms since 1970. */
  heardAt: number;
}

/** Longer silence than two beats of 15 s: what is shown may be old, and says so. */
export const STALE_MS = 30_000;
/** Refreshes of lists are gathered for so long, so that a storm of alerts is not a storm of requests. */
const GATHER_MS = 400;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];

let live: Live = { state: "connecting", heardAt: Date.now() };
const listeners = new Set<() => void>();

function set(next: Partial<Live>) {
  live = { ...live, ...next };
  for (const listener of listeners) listener();
}

// What came from the cache is as old as it was read then.
onOld((readAt) => {
  if (Number.isFinite(readAt) && readAt < live.heardAt) set({ state: "lost", heardAt: readAt });
});

export function useLive(): Live {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => live,
  );
}

const LIVE_READS = [
  "GET /oncall",
  "GET /oncall/board",
  "GET /schedules",
  "GET /me/shifts",
  "GET /silences",
  "GET /maintenance",
  "GET /overrides",
  "GET /leave",
  "GET /covers",
  "GET /me/devices",
];

/** Follows the stream until the answer is called. */
export function follow(client: QueryClient): () => void {
  let source: EventSource | undefined;
  let tries = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let gather: ReturnType<typeof setTimeout> | undefined;
  const gathered = new Set<string>();

  const refreshSoon = (...prefixes: string[]) => {
    for (const prefix of prefixes) gathered.add(prefix);
    gather ??= setTimeout(() => {
      gather = undefined;
      const wanted = [...gathered];
      gathered.clear();
      void client.invalidateQueries({
        predicate: ({ queryKey }) => wanted.some((prefix) => prefix === "*" || String(queryKey[0]).startsWith(prefix)),
      });
    }, GATHER_MS);
  };

  const heard = () => set({ state: "live", heardAt: Date.now() });
  const on = (name: string, handle: (data: never) => void) => {
    source?.addEventListener(name, (event) => {
      heard();
      handle(JSON.parse((event as MessageEvent<string>).data || "{}") as never);
    });
  };

  const open = () => {
    source = new EventSource(`${base}api/v1/events`, { withCredentials: true });
    source.onopen = () => {
      if (tries > 0) refreshSoon("*");
      tries = 0;
      heard();
    };
    // What was read before the stream stood may have changed before it stood.
    on("hello", () => refreshSoon("GET /alerts", ...LIVE_READS));
    on("beat", () => {});
    on("alert", (alert: AlertRow) => {
      patch(client, alert);
      refreshSoon("GET /alerts", "GET /now");
    });
    on("live", () => refreshSoon(...LIVE_READS, "GET /schedules/"));
    on("setup", () => refreshSoon("*"));
    on("reset", () => refreshSoon("*"));
    source.onerror = () => {
      // The browser retries by itself while the connection breaks; a refusal ends it, and then we do.
      set({ state: "lost" });
      if (source?.readyState !== EventSource.CLOSED) return;
      source.close();
      retry = setTimeout(open, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
    };
  };

  open();
  return () => {
    clearTimeout(retry);
    clearTimeout(gather);
    source?.close();
  };
}

/** An alert that a list or a page shows changes where it stands; new ones come with the refresh. */
function patch(client: QueryClient, alert: AlertRow) {
  const apply = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if ("pages" in value && Array.isArray(value.pages)) return { ...value, pages: value.pages.map(apply) };
    if ("items" in value && Array.isArray(value.items)) {
      const items = value.items as Array<{ id?: string }>;
      if (!items.some((item) => item?.id === alert.id)) return value;
      return { ...value, items: items.map((item) => (item?.id === alert.id ? { ...item, ...alert } : item)) };
    }
    return "id" in value && value.id === alert.id ? { ...value, ...alert } : value;
  };
  client.setQueriesData({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith("GET /alerts") }, apply);
}
