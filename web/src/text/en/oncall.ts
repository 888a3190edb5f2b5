export const oncall = {
  title: "On call now",
  hint: "Who is paged first, on every schedule.",
  gap: "Nobody",
  gapHint: "Nobody is on this schedule now. Its step is skipped, and the next one is paged at once.",
  until: "until",
  noEnd: "no hand-over planned",
  next: "Then",
  empty: "There are no schedules yet",
  emptyHint: "A schedule says who is on call when.",
};
