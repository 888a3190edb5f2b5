import { count } from "../plural";

export const write = {
  title: "Write a runbook",
  propose: "Propose a change",
  proposeTitle: (id: string) => `Propose a change to ${id}`,
  hint: "Checked together with the setup in force while you type. Nothing is saved here: runbooks stand in files, and are reviewed like code.",
  label: "The runbook",
  labelHint: "YAML. What steps can use is listed by “firedog runbook actions”.",
  /** Of the setup, not for people to translate. */
  example: `runbook: look-first
title: Look before anything else
for: { institution: optional }
steps:
  - do: See who fails
    uses: logs.blast_radius
    with: { last: 15m }
  - do: Tell the team what you have seen
`,
  checking: "Checking…",
  clean: "No mistakes",
  mistakes: (n: number) => count(n, { one: "mistake", other: "mistakes" }),
  warnings: (n: number) => count(n, { one: "warning", other: "warnings" }),
  line: (line: number) => `Line ${line}`,
  whole: "The whole text",
  reads: "How it reads",
  changes: "What would change",
  isNew: "It is new.",
  same: "Nothing: it is the one in force.",
  take: "Take it along",
  put: (name: string) => `Put it into your setup directory as ${name}, then apply it:`,
  replace: "Write it in place of the runbook of this id where that stands in your setup directory, then apply it:",
  apply: "firedog check DIR && firedog apply DIR",
  download: "Download",
  copy: "Copy",
};
