// The one way to the server. Every call is typed by the API's own document.
import type { Operations, Problem as ProblemBody } from "./types";

export type Op = keyof Operations;
export type Answer<O extends Op> = Operations[O]["answer"];
export type Body<O extends Op> = Operations[O]["body"];

type Part<O extends Op, K extends "path" | "query" | "body"> = undefined extends Operations[O][K]
  ? { [k in K]?: Operations[O][K] }
  : { [k in K]: Operations[O][K] };
/** What an operation is called with. */
export type Call<O extends Op> = Part<O, "path"> & Part<O, "query"> & Part<O, "body">;
/** An argument that may be left out where nothing in it is needed. */
export type Args<O extends Op> = Record<never, never> extends Call<O> ? [call?: Call<O>] : [call: Call<O>];

/** What the server, or the way to it, said instead of an answer. */
export class Problem extends Error {
  constructor(
    /** 0: the server was not reached. */
    readonly status: number,
    readonly title: string,
    readonly detail?: string,
    /** What to do next. */
    readonly next?: string,
    readonly body?: ProblemBody & Record<string, unknown>,
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }
}

/** Where the app is served from; ends with a slash. */
export const base = new URL(document.baseURI).pathname;

/** A request that the server has not begun to answer by then has failed, ms. */
const TIMEOUT_MS = 20_000;

export function url(op: Op, call: { path?: unknown; query?: unknown } = {}): string {
  const path = op.slice(op.indexOf(" ") + 1).replace(/\{(\w+)\}/g, (_, name) => {
    return encodeURIComponent(String((call.path as Record<string, unknown>)[name]));
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries((call.query as Record<string, unknown>) ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") query.append(name, String(one));
    }
  }
  const text = query.toString();
  return `${base}api/v1${path}${text ? `?${text}` : ""}`;
}

export async function request<O extends Op>(op: O, ...[call]: Args<O>): Promise<Answer<O>> {
  const { path, query, body } = (call ?? {}) as { path?: unknown; query?: unknown; body?: unknown };
  const method = op.slice(0, op.indexOf(" "));
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  // A lost answer is asked for again with the same key, and nothing happens twice.
  if (method === "POST") headers["idempotency-key"] = crypto.randomUUID();
  const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await send(url(op, { path, query }), init, method === "GET" || method === "POST" ? 2 : 1);
  // The service worker answers with what was read last when the network is gone.
  if (response.headers.has("x-firedog-from-cache")) old(Date.parse(response.headers.get("x-firedog-read-at") ?? ""));
  if (response.status === 204) return undefined as Answer<O>;
  const text = await response.text();
  let read: unknown;
  try {
    read = text ? JSON.parse(text) : undefined;
  } catch {
    read = undefined;
  }
  if (response.ok) return read as Answer<O>;
  const problem = read as (ProblemBody & Record<string, unknown>) | undefined;
  throw new Problem(
    response.status,
    problem?.title ?? response.statusText,
    problem?.detail ?? undefined,
    problem?.next ?? undefined,
    problem,
  );
}

let old: (readAt: number) => void = () => undefined;
/** Whom to tell that an answer is an old one. */
export function onOld(tell: (readAt: number) => void) {
  old = tell;
}

/** `tries`: how often at the most, where the network broke. */
async function send(address: string, init: RequestInit, tries: number): Promise<Response> {
  for (let tried = 1; ; tried++) {
    try {
      return await fetch(address, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      if (tried >= tries) {
        const late = error instanceof DOMException && error.name === "TimeoutError";
        throw new Problem(0, late ? "timeout" : "unreachable");
      }
    }
  }
}
