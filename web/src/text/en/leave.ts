import { count } from "../plural";

export const leave = {
  action: "I am away",
  title: "Away",
  hint: "Every schedule goes without you meanwhile; the next step of the policy is paged at once where nobody else is on.",
  from: "From",
  until: "Until",
  why: "Why",
  whyHint: "Whoever looks at the schedule reads it",
  zone: (zone: string) => `Times are in ${zone}`,
  save: "Say that I am away",
  saved: (open: number) =>
    open === 0
      ? "You are off the schedules; nothing is left open"
      : `You are off the schedules; nobody else is on for ${count(open, { one: "shift", other: "shifts" })}`,
  list: "Away",
  none: "Nobody is away.",
  open: "Nobody else is on",
  back: "Back",
  ended: "Back on the schedules",
  invalid: "It must end after it begins.",
  lane: "Away",
};

export const help = {
  action: "Help me",
  title: "Ask for help",
  hint: "Pages the next people of your team's policy at once, at any hour. You stay on.",
  message: "What for",
  submit: "Page them now",
  done: (names: string) => `${names} is being paged; you stay on`,
};
