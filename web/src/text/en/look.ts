export const board = {
  next: "Then",
  nobody: "Nobody",
  same: "It stays like this.",
  away: (name: string, until: string) => `${name} is away until ${until}`,
  busy: (n: number) => `has ${n} open ${n === 1 ? "alert" : "alerts"}`,
  reach: "Reached over",
  noReach: "no contact method",
  page: (name: string) => `Page ${name}`,
};

export const calendar = {
  action: "Calendar feed",
  title: "Your shifts in your calendar",
  hint: "Subscribe to this address in any calendar program. Whoever has it can read your shifts; it is good for two years.",
  all: (name: string) => `Everybody's shifts on ${name}`,
  own: "Your own shifts, on every schedule",
  make: "Make an address",
};

export const report = {
  title: "Load and fairness",
  hint: "Whom pages have interrupted, when, and over what. Time on call is load as well.",
  days: "Span",
  team: "Team",
  anyTeam: "All teams",
  empty: "Nobody was interrupted in this span",
  emptyHint: "And nobody was on call. Once there are schedules and alerts, this fills by itself.",
  truncated: "There were more alerts than are looked at; these are the newest.",
  people: "By person",
  services: "By service",
  noise: "Candidates for noise",
  noiseHint:
    "The same complaint again and again, that is over by itself or that nobody takes. Make it quieter at its source, or silence it.",
  noNoise: "Nothing pages again and again for nothing.",
  hours: (name: string) => `Interruptions of ${name} by hour of their day`,
  columns: {
    who: "Who",
    interruptions: "Interruptions",
    nights: "At night",
    taken: "Taken",
    oncall: "On call",
    unsocial: "Nights and weekends",
    hours: "Hours of the day",
  },
  service: {
    service: "Service",
    alerts: "Alerts",
    interruptions: "Interruptions",
    nights: "At night",
    taken: "Taken",
    alone: "Over by themselves",
  },
  noiseColumns: {
    what: "What",
    service: "Service",
    alerts: "Alerts",
    interruptions: "Interruptions",
    ignored: "Taken by nobody",
    brief: "Over within 10 min",
  },
  byHand: "pages by hand",
  silence: "Silence",
};

export const settings = {
  title: "Settings",
  hint: "What the server runs with. Settings are environment variables or firedog.toml; they take a restart.",
  doctor: "What the server says about itself",
  good: "Nothing to complain about.",
  all: "Settings in force",
  tokens: "Tokens of machines",
  tokensHint: "For scripts and other systems. A token of a person stands under their account.",
  none: "There are none.",
  name: "What it is for",
  role: "It may",
  make: "Make a token",
  made: "Copy it now; it is not shown again",
  revoke: "Revoke",
  revoked: "It opens nothing any more",
  used: "last used",
  never: "never used",
  roles: { viewer: "read", responder: "act on alerts", manager: "also invite people", admin: "do everything" } as Record<
    string,
    string
  >,
};

export const hidden = {
  title: "What it would have hidden in the last week",
  none: "Nothing in the last week.",
  some: (alerts: number, paged: number) =>
    `${alerts} ${alerts === 1 ? "alert" : "alerts"}, ${paged} of which ${paged === 1 ? "has" : "have"} paged somebody`,
};
