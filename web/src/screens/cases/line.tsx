import type { Answer } from "../../api/client";
import { useRead } from "../../api/hooks";
import { useInstitutionName, usePersonName, useVendorName, useVendors } from "../../lib/names";
import { length, useNow } from "../../lib/time";
import { t } from "../../text";
import { Block, Group, Mark, Stack, Text, TextLink, When } from "../../ui";
import { byClock, type Clocked, clock } from "./clock";
import { KeepCase } from "./keep";

export type Case = Answer<"GET /cases">["items"][number];

/** Clocks of cases go by hours; what others do to them is seen soon enough. */
export const EVERY_MS = 15_000;

export function ClockMark({ of }: { of: Clocked }) {
  const { kind, seconds, tone } = clock(of, useNow());
  return (
    <Mark tone={tone} icon="clock" solid={kind === "overdue"}>
      {kind === "closed" ? t.cases.clock.closed : t.cases.clock[kind](length(seconds))}
    </Mark>
  );
}

/** `JSource support CS-4711`. */
export function useCaseName(): (one: Case) => string {
  const vendor = useVendorName();
  return (one) => t.cases.name(vendor(one.vendor), one.number || t.cases.noNumber);
}

/** What is told of a case without opening it. */
export function CaseLine({ of }: { of: Case }) {
  const [name, institution, person] = [useCaseName(), useInstitutionName(), usePersonName()];
  return (
    <Group gap="sm">
      <ClockMark of={of} />
      <TextLink to={`/cases/${of.id}`}>{name(of)}</TextLink>
      {of.institution && <Text size="sm">{institution(of.institution)}</Text>}
      <Text size="sm" c="dimmed">
        <When at={of.opened_at} relative />, {t.cases.openedBy(person(of.opened_by))}
        {of.chased > 0 && `, ${t.cases.asked(of.chased)}`}
      </Text>
    </Group>
  );
}

/** The cases of an alert, and a way to keep one. Nothing where nobody can be asked. */
export function CasesOfAlert({ alert }: { alert: string }) {
  const cases = useRead("GET /cases", { query: { alert, limit: 50 } }, { every: EVERY_MS });
  const vendors = useVendors();
  const items = cases.data?.items ?? [];
  if (items.length === 0 && (vendors.data?.items ?? []).length === 0) return null;
  return (
    <Block title={t.cases.title} actions={<KeepCase alert={alert} />}>
      <Stack gap="xs">
        {items.length === 0 && <Text c="dimmed">{t.cases.none}</Text>}
        {[...items].sort(byClock).map((one) => (
          <CaseLine key={one.id} of={one} />
        ))}
      </Stack>
    </Block>
  );
}

/** The cases that a run has opened. */
export function CasesOfRun({ run }: { run: string }) {
  const cases = useRead("GET /cases", { query: { run, limit: 50 } }, { every: EVERY_MS });
  return (
    <Stack gap="xs">
      {(cases.data?.items ?? []).map((one) => (
        <CaseLine key={one.id} of={one} />
      ))}
    </Stack>
  );
}

/** Cases that have to be chased now. */
export function useDueCases(): Case[] {
  const cases = useRead("GET /cases", { query: { open: true, limit: 500 } }, { every: EVERY_MS });
  const now = useNow();
  return (cases.data?.items ?? []).filter((one) => clock(one, now).kind === "overdue").sort(byClock);
}

export function DueCases({ of }: { of: Case[] }) {
  if (of.length === 0) return null;
  return (
    <Block title={t.cases.due}>
      <Stack gap="xs">
        {of.map((one) => (
          <CaseLine key={one.id} of={one} />
        ))}
      </Stack>
    </Block>
  );
}
