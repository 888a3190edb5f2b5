// The page's side of the service worker: registering it, noticing a new version, signing out without a trace.
import { useEffect, useState } from "react";
import { base } from "../api/client";

const own = document.querySelector<HTMLMetaElement>('meta[name="build"]')?.content ?? "";
/** How often an open app asks whether it is still the newest. */
const ASK_EVERY_MS = 60_000;

export async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  if (!("serviceWorker" in navigator)) return undefined;
  return navigator.serviceWorker.register(`${base}sw.js`, { scope: base }).catch(() => undefined);
}

/** True when the server has another build of the app than this page. */
export function useNewVersion(): boolean {
  const [there, setThere] = useState(false);
  useEffect(() => {
    const ask = async () => {
      try {
        const answer = await fetch(`${base}version.json`, { cache: "no-store" });
        const { build } = (await answer.json()) as { build: string | null };
        if (own && build && build !== own) setThere(true);
      } catch {
        // Offline says nothing about versions.
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), ASK_EVERY_MS);
    const seen = () => document.visibilityState === "visible" && void ask();
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, []);
  return there;
}

export async function loadNewVersion(): Promise<void> {
  const registered = await navigator.serviceWorker?.getRegistration(base);
  await registered?.update().catch(() => undefined);
  registered?.waiting?.postMessage("take-over");
  location.reload();
}

/** What the worker kept for offline goes with the session. */
export async function forget(): Promise<void> {
  const registered = await navigator.serviceWorker?.getRegistration(base);
  registered?.active?.postMessage("forget");
  await caches?.delete("firedog-data").catch(() => undefined);
}
