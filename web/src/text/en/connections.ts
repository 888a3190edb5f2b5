export const connections = {
  title: "Connections",
  hint: "Outside systems that runbooks read and act through. They stand in the setup; their secrets are never shown.",
  none: "Nothing is connected",
  noneHint:
    "Runbooks ask people for what a connection would tell. Write lines like these into a file of the setup, and apply it:",
  /** Of the setup, not for people to translate. */
  lines: `connections:
  - id: logs
    kind: elasticsearch
    url: "https://logs.example.org:9200"
    user: firedog
    secret: "\${LOGS_PASSWORD}"
    index: "interaction-*"`,
  actions: "Carries out",
  services: "Services",
  owner: "To ask when it does not work",
  unused: "Nothing uses it.",
  more: (n: number) => `and ${n} more`,
  check: "Check now",
  checkOne: (id: string) => `Check now: ${id}`,
  levels: { ok: "works", warn: "works, but", fail: "does not work" },
  at: (kind: string, where: string) => `${kind} at ${where}`,
};
