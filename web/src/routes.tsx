// Every screen: its address, its name, where the navigation shows it. Screens load when they are first opened.
import { type ComponentType, lazy } from "react";
import { t } from "./text";
import type { IconName } from "./ui";

export interface Route {
  path: string;
  /** In the navigation: which group, what it is called. Without it the screen is reached from another one. */
  nav?: {
    group: "desk" | "setup" | "ahead" | "look";
    text: string;
    icon: IconName /** The phone's bottom bar. */;
    bar?: boolean | string;
  };
  screen: ComponentType;
}

const nav = t.shell.nav;

export const routes: Route[] = [
  {
    path: "/now",
    nav: { group: "desk", text: nav.now, icon: "flame", bar: nav.nowShort },
    screen: lazy(() => import("./screens/now")),
  },
  {
    path: "/alerts",
    nav: { group: "desk", text: nav.alerts, icon: "bell", bar: true },
    screen: lazy(() => import("./screens/alerts")),
  },
  { path: "/alerts/:id", screen: lazy(() => import("./screens/alerts/alert")) },
  {
    path: "/oncall",
    nav: { group: "desk", text: nav.oncall, icon: "phone", bar: true },
    screen: lazy(() => import("./screens/oncall")),
  },
  {
    path: "/schedules",
    nav: { group: "desk", text: nav.schedules, icon: "calendar" },
    screen: lazy(() => import("./screens/schedules")),
  },
  { path: "/schedules/:id", screen: lazy(() => import("./screens/schedules/schedule")) },
  {
    path: "/shifts",
    nav: { group: "desk", text: nav.shifts, icon: "clock", bar: true },
    screen: lazy(() => import("./screens/shifts")),
  },
  {
    path: "/runbooks",
    nav: { group: "desk", text: nav.runbooks, icon: "list" },
    screen: lazy(() => import("./screens/runbooks")),
  },
  { path: "/new/runbook", screen: lazy(() => import("./screens/runbooks/write")) },
  { path: "/runbooks/:id/propose", screen: lazy(() => import("./screens/runbooks/write")) },
  {
    path: "/failures",
    nav: { group: "desk", text: nav.failures, icon: "warn" },
    screen: lazy(() => import("./screens/runbooks/failures")),
  },
  { path: "/runbooks/:id", screen: lazy(() => import("./screens/runbooks/runbook")) },
  { path: "/runs/:id", screen: lazy(() => import("./screens/runbooks/run")) },
  { path: "/cases", nav: { group: "desk", text: nav.cases, icon: "mail" }, screen: lazy(() => import("./screens/cases")) },
  { path: "/cases/:id", screen: lazy(() => import("./screens/cases/case")) },
  {
    path: "/services",
    nav: { group: "setup", text: nav.services, icon: "box" },
    screen: lazy(() => import("./screens/services")),
  },
  { path: "/services/:id", screen: lazy(() => import("./screens/services/service")) },
  {
    path: "/policies",
    nav: { group: "setup", text: nav.policies, icon: "stairs" },
    screen: lazy(() => import("./screens/policies")),
  },
  { path: "/policies/:id", screen: lazy(() => import("./screens/policies/policy")) },
  {
    path: "/integrations",
    nav: { group: "setup", text: nav.integrations, icon: "plug" },
    screen: lazy(() => import("./screens/integrations")),
  },
  { path: "/edit/:kind", screen: lazy(() => import("./screens/edit")) },
  { path: "/edit/:kind/:id", screen: lazy(() => import("./screens/edit")) },
  { path: "/people", nav: { group: "setup", text: nav.people, icon: "people" }, screen: lazy(() => import("./screens/people")) },
  { path: "/quiet", nav: { group: "setup", text: nav.quiet, icon: "mute" }, screen: lazy(() => import("./screens/quiet")) },
  {
    path: "/settings",
    nav: { group: "setup", text: nav.settings, icon: "gear" },
    screen: lazy(() => import("./screens/settings")),
  },
  { path: "/start", nav: { group: "setup", text: nav.start, icon: "play" }, screen: lazy(() => import("./screens/start")) },
  { path: "/me", screen: lazy(() => import("./screens/me")) },
  { path: "/proof", nav: { group: "ahead", text: nav.proof, icon: "shield" }, screen: lazy(() => import("./screens/proof")) },
  { path: "/report", nav: { group: "look", text: nav.report, icon: "chart" }, screen: lazy(() => import("./screens/report")) },
  { path: "/audit", nav: { group: "look", text: nav.audit, icon: "note" }, screen: lazy(() => import("./screens/audit")) },
];
