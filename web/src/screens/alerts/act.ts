// Acting on one alert or on many, from the inbox, the detail and the landing page.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Answer, Problem, request } from "../../api/client";
import { refresh } from "../../api/hooks";
import { t } from "../../text";
import { toast } from "../../ui";

export type Alert = Answer<"GET /alerts">["items"][number];
export type Verb = "acknowledge" | "resolve" | "escalate";

/** Calls under way at once when many alerts are changed. */
const AT_ONCE = 4;
export const SNOOZES = ["15m", "30m", "1h", "2h", "8h"];

export function useActions() {
  const client = useQueryClient();
  const [progress, setProgress] = useState<{ done: number; all: number } | null>(null);

  const after = () => refresh(client, ["GET /alerts", "GET /alerts/{id}"]);

  /** Acts on each; tells how many worked, and why the others did not. */
  const many = async (verb: Verb, ids: string[]) => {
    const waiting = [...ids];
    const problems: Problem[] = [];
    let done = 0;
    if (ids.length > AT_ONCE) setProgress({ done, all: ids.length });
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        try {
          await request(`POST /alerts/{id}/${verb}`, { path: { id } });
        } catch (error) {
          problems.push(error as Problem);
        }
        done += 1;
        if (ids.length > AT_ONCE) setProgress({ done, all: ids.length });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    setProgress(null);
    const worked = ids.length - problems.length;
    if (worked > 0) toast.done(verb === "escalate" ? t.alerts.done.escalate : t.alerts.done[verb](worked));
    const [first] = problems;
    if (first && ids.length > 1)
      toast.problem(new Problem(first.status, t.alerts.failed(problems.length), first.detail, first.next));
    else if (first) toast.problem(first);
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
