// The message catalogue: every text that a person reads, by part of the app. Another language is another object of this type.
import { en } from "./en";

export type Catalogue = typeof en;

export const t: Catalogue = en;
