import { count } from "../plural";

export const services = {
  title: "Services",
  hint: "What can break, who owns it, and who has it now.",
  empty: "There are no services yet",
  emptyHint: "A service is what your alerts are about. It belongs to one team.",
  search: "Find a service or a team",
  none: "No service fits the search",
  owner: "Owned by",
  policy: "Escalation policy",
  catchAll: "none: the catch-all is paged",
  oncall: "Who is paged now",
  ackTimeout: "An acknowledged alert pages again after",
  never: "never",
  integrations: "Integrations",
  openAlerts: "Open alerts",
  noAlerts: "No alert is open.",
  missing: "What is missing",
  missingNone: "Nothing: an alert of this service reaches a person.",
  lacks: {
    policy: "It has no escalation policy, so its alerts go to the catch-all.",
    integration: "Nothing can send it alerts: it has no integration.",
    oncall: "Nobody is on call for its first step now.",
    members: "The owning team has no members.",
  },
  carried: {
    title: "How runbooks act on it",
    restart: "Restarted through",
    instances: "Instances seen at",
    twoPerson: "needs a second person",
    serves: (n: number, all: boolean) =>
      all ? `Serves every institution (${n})` : `Serves ${count(n, { one: "institution", other: "institutions" })}`,
    more: (n: number) => `and ${n} more`,
    lacks: {
      restart: "No “restart”: a person restarts it.",
      instances: "No “instances”: a person looks whether it is well.",
      key: "No “key” in “restart”: if the answer of Jenkins is lost, a person is asked whether a build was started.",
      links: "No “links”: whoever does a step by hand has to find the logs and the metrics.",
    },
  },
  step: (n: number) => `Step ${n}`,
  members: "Members",
};
