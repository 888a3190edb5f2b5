// Taking pages in this browser: permission, subscription, and the server's side of both.
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { Problem, request } from "../api/client";
import { refresh } from "../api/hooks";
import { t } from "../text";

/** `unsupported`: no push in this browser, or no https. `denied`: the person has said no, and only they can change it. */
export type PushState = "unknown" | "unsupported" | "denied" | "off" | "on";

/** Which of the listed devices this browser is. */
const OWN = "firedog-device";

function supported(): boolean {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window && window.isSecureContext;
}

export function ownDevice(): string | null {
  return localStorage.getItem(OWN);
}

async function look(): Promise<PushState> {
  if (!supported()) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  const worker = await navigator.serviceWorker.getRegistration();
  const subscription = await worker?.pushManager.getSubscription();
  return subscription && ownDevice() ? "on" : "off";
}

/** A name that its owner recognises: `Chrome on Android`. */
function deviceName(): string {
  const agent = navigator.userAgent;
  const browser = [/Firefox/, /Edg/, /OPR/, /Chrome/, /Safari/].find((one) => one.test(agent))?.source ?? "Browser";
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera" };
  const system = [/Android/, /iPhone/, /iPad/, /Windows/, /Mac OS/, /Linux/].find((one) => one.test(agent))?.source ?? "";
  return t.reach.deviceName(names[browser] ?? browser, system.replace("Mac OS", "macOS"));
}

async function subscribe(): Promise<void> {
  const permission = await Notification.requestPermission();
  if (permission !== "granted") throw new Problem(0, t.reach.notAllowed);
  const worker = await navigator.serviceWorker.ready;
  const { key } = await request("GET /push/key");
  // What was subscribed with another server's key is worth nothing here.
  await (await worker.pushManager.getSubscription())?.unsubscribe();
  const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = subscription.toJSON();
  if (!endpoint || !keys?.p256dh || !keys.auth) throw new Problem(0, t.reach.noSubscription);
  const body = { name: deviceName(), endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } };
  const device = await request("POST /me/devices", { body });
  localStorage.setItem(OWN, device.id);
}

/** Whether this browser takes pages, and switching that on and off. */
export function usePush() {
  const [state, setState] = useState<PushState>("unknown");
  const queries = useQueryClient();
  useEffect(() => {
    void look().then(setState, () => setState("unsupported"));
  }, []);
  const on = useCallback(async () => {
    try {
      await subscribe();
    } catch (error) {
      // The browser's own words: no network, no push service, private mode.
      throw error instanceof Problem ? error : new Problem(0, t.reach.failedToRegister, String((error as Error).message));
    } finally {
      setState(await look());
      await refresh(queries, ["GET /me/devices", "GET /readiness"]);
    }
  }, [queries]);
  const off = useCallback(async () => {
    const id = ownDevice();
    if (id) await request("DELETE /me/devices/{id}", { path: { id } }).catch(() => undefined);
    localStorage.removeItem(OWN);
    const worker = await navigator.serviceWorker.getRegistration();
    await (await worker?.pushManager.getSubscription())?.unsubscribe();
    setState(await look());
    await refresh(queries, ["GET /me/devices", "GET /readiness"]);
  }, [queries]);
  return { state, on, off };
}
