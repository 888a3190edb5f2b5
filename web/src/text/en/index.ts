import { common } from "./common";
import { oncall } from "./oncall";
import { shell } from "./shell";

// One file per part of the app; sentences with values are functions, so that another language may order them anew.
export const en = { ...common, shell, oncall };
