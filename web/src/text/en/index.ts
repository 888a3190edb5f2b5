import { alert, alerts, now } from "./alerts";
import { audit } from "./audit";
import { common } from "./common";
import { oncall } from "./oncall";
import { policies, simulate } from "./policies";
import { proof } from "./proof";
import { schedules, shifts } from "./schedules";
import { services } from "./services";
import { shell } from "./shell";
import { start } from "./start";

// One file per part of the app; sentences with values are functions, so that another language may order them anew.
export const en = {
  ...common,
  shell,
  oncall,
  policies,
  simulate,
  proof,
  services,
  alerts,
  alert,
  now,
  audit,
  start,
  schedules,
  shifts,
};
