import { alert, alerts, now } from "./alerts";
import { audit } from "./audit";
import { cases, evidence } from "./cases";
import { common } from "./common";
import { connections } from "./connections";
import { covers } from "./covers";
import { edit, integrations } from "./edit";
import { failures } from "./failures";
import { help, leave } from "./leave";
import { board, calendar, hidden, report, settings } from "./look";
import { oncall } from "./oncall";
import { policies, simulate } from "./policies";
import { proof } from "./proof";
import { me, people, quiet } from "./quiet";
import { reach } from "./reach";
import { run, runbooks } from "./runbooks";
import { schedules, shifts } from "./schedules";
import { services } from "./services";
import { shell } from "./shell";
import { start } from "./start";
import { write } from "./write";

// One file per part of the app; sentences with values are functions, so that another language may order them anew.
const desk = {
  help,
  leave,
  now,
  alerts,
  alert,
  oncall,
  schedules,
  shifts,
  covers,
  runbooks,
  run,
  failures,
  write,
  cases,
  evidence,
};
const setup = { services, policies, simulate, people, quiet, start, me, reach, edit, integrations };
const look = { board, calendar, hidden, report, settings, connections, proof, audit };
export const en = { ...common, ...desk, ...setup, ...look, shell };
