import { count } from "../plural";

export const policies = {
  title: "Escalation policies",
  hint: "Who is paged in which order, after which waits, until a human has it.",
  empty: "There are no policies yet",
  emptyHint: "A policy names who is paged first, and who next if nobody answers.",
  steps: (n: number) => count(n, { one: "step", other: "steps" }),
  services: (n: number) => count(n, { one: "service", other: "services" }),
  words: "In plain words",
  ladder: "The steps",
  step: (n: number) => `Step ${n}`,
  waits: (wait: string) => `nobody answers for ${wait}, then`,
  repeat: (n: number) => (n === 1 ? "Then all of it once more." : `Then all of it ${n} times more.`),
  usedBy: "Services that run it",
  unused: "No service runs it.",
  link: "Copy the link to this policy",
};

export const simulate = {
  title: "Who would be paged?",
  hint: "The engine itself in a dry run: nothing is sent.",
  at: "When",
  now: "now",
  urgency: "Urgency",
  asUsual: "as usual",
  silent: "Who does not answer",
  silentHint: "Somebody who sleeps through every message",
  down: "What is broken",
  whatIf: (name: string) => `What if ${name} does not answer?`,
  result: "If nobody acknowledges",
  nobody: "Nobody would be paged at all",
  nobodyHint:
    "Every step reaches nobody, and so does the catch-all. Give somebody a contact method, or fill the gap in the schedule.",
  after: (length: string) => `after ${length}`,
  atOnce: "at once",
  by: (channel: string, contact: string) => `${channel} (${contact})`,
};
