// Acting on one alert or on many, from the inbox, the detail and the landing page.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Answer, type Problem, request } from "../../api/client";
import { refresh } from "../../api/hooks";
import { t } from "../../text";
import { toast } from "../../ui";

export type Alert = Answer<"GET /alerts">["items"][number];
export type Verb = "acknowledge" | "unacknowledge" | "resolve" | "escalate";

/** Alerts that one request acts on. */
const BATCH = 100;
export const SNOOZES = ["15m", "30m", "1h", "2h", "8h"];

export function useActions() {
  const client = useQueryClient();
  const [progress, setProgress] = useState<{ done: number; all: number } | null>(null);

  const after = () => refresh(client, ["GET /alerts", "GET /alerts/{id}"]);

  /** Acts on each; tells how many worked, and why the others did not. An acknowledgement can be taken back. */
  const many = async (verb: Verb, ids: string[]) => {
    const worked: string[] = [];
    let why: string | undefined;
    try {
      for (let from = 0; from < ids.length; from += BATCH) {
        if (ids.length > BATCH) setProgress({ done: from, all: ids.length });
        const { items } = await request("POST /alerts/actions", { body: { action: verb, ids: ids.slice(from, from + BATCH) } });
        worked.push(...items.filter((one) => one.done).map((one) => one.id));
        why ??= items.find((one) => !one.done)?.why ?? undefined;
      }
    } catch (error) {
      toast.problem(error as Problem);
    }
    setProgress(null);
    if (worked.length > 0) {
      const said = verb === "escalate" ? t.alerts.done.escalate : t.alerts.done[verb](worked.length);
      toast.done(said, verb === "acknowledge" ? () => void many("unacknowledge", worked) : undefined);
    }
    if (why) toast.failed(t.alerts.failed(ids.length - worked.length), why);
    await after();
  };

  const snooze = async (id: string, length: string) => {
    try {
      await request("POST /alerts/{id}/snooze", { path: { id }, body: { for: length } });
      toast.done(t.alerts.done.snooze);
    } catch (error) {
      toast.problem(error as Problem);
    }
    await after();
  };

  const note = async (id: string, text: string) => {
    await request("POST /alerts/{id}/notes", { path: { id }, body: { text } });
    toast.done(t.alerts.done.note);
    await after();
  };

  return { many, snooze, note, progress };
}
