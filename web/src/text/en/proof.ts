import { count } from "../plural";

export const proof = {
  title: "Coverage proof",
  hint: "Every minute ahead, every single failure: one person who does not answer, one channel that is down.",
  days: "Days ahead",
  within: "A human within",
  run: "Working it out",
  good: (within: string, until: string) =>
    `Whatever single thing fails, a human is reached within ${within}, at every minute until ${until}.`,
  bad: (holes: number, policies: number) =>
    `${count(holes, { one: "hole", other: "holes" })} in ${count(policies, { one: "policy", other: "policies" })}`,
  badHint: "Each is a stretch of time and one failure after which nobody is reached in time.",
  picture: "The time ahead, by policy and failure",
  pictureText: (policy: string, failure: string, hours: string) => `${policy}, ${failure}: not covered for ${hours}`,
  covered: "covered",
  failure: {
    none: () => "nothing fails",
    person: (name: string) => `${name} does not answer`,
    channel: (name: string) => `${name} is down`,
  },
  holes: "The holes",
  urgency: (word: string) => `${word.toLowerCase()} urgency`,
  never: "nobody, ever",
  reached: (length: string) => `after ${length}`,
  columns: { when: "When", failure: "If", policy: "Policy", reached: "A human is reached", why: "Why" },
  simulate: "See it minute by minute",
  more: (n: number) => `and ${count(n, { one: "more hole", other: "more holes" })}`,
  lacking: (n: number) => `Not known to wake: ${n} ${n === 1 ? "person" : "people"}`,
  lackingHint: "Whoever may be paged should have shown, within 30 days, one way that rings when the phone is silent.",
  people: "See how everybody can be reached",
};
