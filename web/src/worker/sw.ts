// The service worker: the app opens without a network and says how old what it shows is; pages arrive as notifications.
//
// Network first for pages and data, so that nobody works on an old version unknowingly; files with a hash in their name never
// change and come from the cache. It imports nothing: one classic script.
/// <reference lib="webworker" />

interface PushMessage {
  kind: "page" | "acknowledged" | "resolved" | "test" | "check" | "ask";
  title: string;
  body: string;
  /** Where a tap leads. */
  url: string;
  /** POST here with `action=acknowledge`; bound to the person and the alert, needs no sign-in. */
  ack_url?: string | null;
  /** A later message of the same tag replaces the former. */
  tag: string;
  /** POST here when it was shown. */
  confirm?: string | null;
  /** In the person's language. */
  acknowledge?: string;
}

((worker: ServiceWorkerGlobalScope) => {
  const SHELL = "firedog-shell";
  const DATA = "firedog-data";
  const base = new URL("./", worker.location.href);
  /** A network that has not answered by then counts as gone for a page that we can show from the cache. */
  const PATIENCE_MS = 4_000;
  /** Answers kept for offline: the screens of one evening. */
  const KEPT = 200;

  const path = (url: string) => new URL(url).pathname.slice(base.pathname.length);

  worker.addEventListener("install", (event) => {
    event.waitUntil(
      (async () => {
        const list = (await (await fetch(new URL("files.json", base), { cache: "no-store" })).json()) as string[];
        const cache = await caches.open(SHELL);
        await cache.addAll(
          ["./", ...list].map(
            (file) => new Request(new URL(file, base), { cache: "no-cache", headers: { accept: "text/html,*/*" } }),
          ),
        );
      })(),
    );
  });

  worker.addEventListener("activate", (event) => {
    event.waitUntil(
      (async () => {
        const list = (await (await fetch(new URL("files.json", base), { cache: "no-store" })).json()) as string[];
        const current = new Set(["./", ...list].map((file) => new URL(file, base).href));
        const cache = await caches.open(SHELL);
        for (const request of await cache.keys()) if (!current.has(request.url)) await cache.delete(request);
        await worker.clients.claim();
      })().catch(() => worker.clients.claim()),
    );
  });

  worker.addEventListener("message", (event) => {
    if (event.data === "take-over") void worker.skipWaiting();
    // Signing out leaves nothing of what was read on the machine.
    if (event.data === "forget") event.waitUntil(caches.delete(DATA));
  });

  worker.addEventListener("fetch", (event) => {
    const { request } = event;
    if (request.method !== "GET" || !request.url.startsWith(base.href)) return;
    const at = path(request.url);
    if (at.startsWith("api/v1/")) {
      if (at.startsWith("api/v1/events")) return;
      event.respondWith(data(request));
    } else if (at.startsWith("assets/")) {
      event.respondWith(asset(request));
    } else if (request.mode === "navigate" && isApp(at)) {
      event.respondWith(shell(request));
    }
  });

  /** Instant pages are the server's: they are always fetched. */
  function isApp(at: string): boolean {
    return !/^(a|auth|sign-in|welcome|invite|cal|in|api|healthz|readyz|metrics)(\/|$)/.test(at);
  }

  async function shell(request: Request): Promise<Response> {
    const cached = async () => (await caches.open(SHELL)).match(new URL("./", base).href);
    try {
      const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.ok && !answer.redirected) {
        const copy = answer.clone();
        await (await caches.open(SHELL)).put(new URL("./", base).href, copy);
      }
      return answer.status < 500 ? answer : ((await cached()) ?? answer);
    } catch (error) {
      const kept = await cached();
      if (kept) return kept;
      throw error;
    }
  }

  async function asset(request: Request): Promise<Response> {
    const cache = await caches.open(SHELL);
    const kept = await cache.match(request);
    if (kept) return kept;
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  }

  /** What was read last, with the time of it, where the network is gone. The app greys it and says its age. */
  async function data(request: Request): Promise<Response> {
    const cache = await caches.open(DATA);
    try {
      const answer = await fetch(request);
      if (answer.ok && (answer.headers.get("content-type") ?? "").includes("json")) {
        const headers = new Headers(answer.headers);
        headers.set("x-firedog-read-at", new Date().toISOString());
        const copy = new Response(await answer.clone().blob(), { status: answer.status, headers });
        await cache.put(request.url, copy);
        const keys = await cache.keys();
        for (const old of keys.slice(0, Math.max(0, keys.length - KEPT))) await cache.delete(old);
      }
      return answer;
    } catch (error) {
      const kept = await cache.match(request.url);
      if (!kept) throw error;
      const headers = new Headers(kept.headers);
      headers.set("x-firedog-from-cache", "1");
      return new Response(kept.body, { status: kept.status, headers });
    }
  }

  worker.addEventListener("push", (event) => {
    let message: PushMessage;
    try {
      message = event.data?.json() as PushMessage;
    } catch {
      return;
    }
    event.waitUntil(show(message));
  });

  async function show(message: PushMessage): Promise<void> {
    const urgent = message.kind === "page" || message.kind === "test";
    const options: NotificationOptions & { actions?: Array<{ action: string; title: string }>; renotify?: boolean } = {
      body: message.body,
      tag: message.tag,
      renotify: urgent,
      requireInteraction: urgent,
      icon: new URL("icon-192.png", base).href,
      badge: new URL("icon-192.png", base).href,
      data: message,
      actions: message.ack_url && urgent ? [{ action: "acknowledge", title: message.acknowledge ?? "Acknowledge" }] : [],
    };
    await worker.registration.showNotification(message.title, options);
    if (message.confirm) await post(message.confirm).catch(() => undefined);
    for (const client of await worker.clients.matchAll({ type: "window" })) client.postMessage({ push: message });
  }

  function post(url: string, form?: Record<string, string>): Promise<Response> {
    // The address may carry the public name while this browser came by another: only the path is ours to trust.
    const given = new URL(url, base);
    const own = new URL(given.pathname + given.search, base);
    return fetch(own, { method: "POST", body: form && new URLSearchParams(form), redirect: "manual", credentials: "omit" });
  }

  worker.addEventListener("notificationclick", (event) => {
    const message = event.notification.data as PushMessage;
    event.notification.close();
    event.waitUntil(event.action === "acknowledge" && message.ack_url ? acknowledge(message, message.ack_url) : open(message));
  });

  async function acknowledge(message: PushMessage, url: string): Promise<void> {
    try {
      const answer = await post(url, { action: "acknowledge" });
      if (answer.ok || answer.type === "opaqueredirect") {
        await worker.registration.showNotification(`✓ ${message.title}`, {
          body: message.body,
          tag: message.tag,
          data: { ...message, ack_url: null },
        });
        return;
      }
    } catch {
      // Below: the page with the button says what is wrong, and can try again.
    }
    await open({ ...message, url });
  }

  async function open(message: PushMessage): Promise<void> {
    const given = new URL(message.ack_url ?? message.url, base);
    const target = new URL(given.pathname + given.search, base).href;
    const windows = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
    const same = windows.find((window) => window.url === target);
    if (same) await same.focus();
    else await worker.clients.openWindow(target);
  }
})(self as unknown as ServiceWorkerGlobalScope);
