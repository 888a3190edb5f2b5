// The parts that every screen is made of.
import {
  Badge,
  Box,
  Button,
  Card,
  Center,
  Group,
  Paper,
  Skeleton,
  Stack,
  Text,
  Title,
  Tooltip,
  VisuallyHidden,
} from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";
import type { Problem } from "../api/client";
import { explain } from "../api/hooks";
import { absolute, clock, day, dayKey, length, relative, useNow, useZone, withTimes, zoneName } from "../lib/time";
import { t } from "../text";
import { Icon, type IconName } from "./icons";
import type { Tone } from "./theme";

/** A screen: its title (of the window too), what one may do here, and its content. */
export function Screen(props: {
  title: string;
  hint?: ReactNode;
  actions?: ReactNode;
  back?: { to: string; text: string };
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${props.title} · Firedog`;
  }, [props.title]);
  return (
    <Stack gap="md">
      <Stack gap={2}>
        {props.back && (
          <Text size="sm">
            <TextLink to={props.back.to}>‹ {props.back.text}</TextLink>
          </Text>
        )}
        <Group justify="space-between" align="flex-start" gap="sm">
          <Box style={{ flex: "1 1 16rem", minWidth: 0 }}>
            <Title order={1} size="h2">
              {props.title}
            </Title>
            {props.hint && (
              <Text c="dimmed" size="sm">
                {props.hint}
              </Text>
            )}
          </Box>
          {props.actions && <Group gap="xs">{props.actions}</Group>}
        </Group>
      </Stack>
      {props.children}
    </Stack>
  );
}

/** A titled block of a screen. */
export function Block(props: { title?: string; actions?: ReactNode; children: ReactNode; padded?: boolean }) {
  return (
    <Paper withBorder p={props.padded === false ? 0 : "md"} bg="var(--fd-card)" style={{ overflow: "hidden" }}>
      {(props.title || props.actions) && (
        <Group justify="space-between" mb={props.padded === false ? 0 : "sm"} p={props.padded === false ? "md" : 0}>
          {props.title && (
            <Title order={2} size="h4">
              {props.title}
            </Title>
          )}
          {props.actions}
        </Group>
      )}
      {props.children}
    </Paper>
  );
}

/** A coloured word: colour, word and, where it helps, a shape. Never colour alone. */
export function Mark(props: { tone: Tone; children: ReactNode; icon?: IconName; solid?: boolean; title?: string }) {
  const { tone, solid } = props;
  return (
    <Badge
      size="md"
      variant="filled"
      title={props.title}
      leftSection={props.icon && <Icon name={props.icon} size={12} />}
      style={{
        background: `var(--fd-${tone}-${solid ? "solid" : "soft"})`,
        color: `var(--fd-${tone}-${solid ? "on" : "text"})`,
        fontWeight: 600,
        overflow: "visible",
      }}
    >
      {props.children}
    </Badge>
  );
}

export function StateMark({ state }: { state: string }) {
  const looks: Record<string, [Tone, IconName]> = {
    triggered: ["danger", "flame"],
    acknowledged: ["warn", "hand"],
    resolved: ["ok", "check"],
  };
  const [tone, icon] = looks[state] ?? ["quiet", "dot"];
  return (
    <Mark tone={tone} icon={icon} solid={state === "triggered"}>
      {t.states[state as keyof typeof t.states] ?? state}
    </Mark>
  );
}

export function UrgencyMark({ urgency }: { urgency: string }) {
  return urgency === "high" ? <Mark tone="danger">{t.urgency.high}</Mark> : <Mark tone="quiet">{t.urgency.low}</Mark>;
}

export function SeverityMark({ severity }: { severity: string }) {
  const tone: Record<string, Tone> = { critical: "danger", error: "danger", warning: "warn", info: "info" };
  return <Mark tone={tone[severity] ?? "quiet"}>{severity}</Mark>;
}

/** An instant: relative where it matters how long ago, absolute with its zone, the other one on hover. */
export function When(props: { at: string | null | undefined; zone?: string | null; relative?: boolean; both?: boolean }) {
  const zone = useZone(props.zone);
  const now = useNow();
  if (!props.at) return <>{t.common.none}</>;
  const at = new Date(props.at);
  const [abs, rel] = [absolute(at, zone, new Date(now)), relative(at, new Date(now))];
  const shown = props.both ? `${abs} (${rel})` : props.relative ? rel : abs;
  return (
    <Tooltip label={props.relative ? abs : rel}>
      <time dateTime={props.at} style={{ whiteSpace: "nowrap" }}>
        {shown}
      </time>
    </Tooltip>
  );
}

/** A sentence of the server, with its instants in the reader's own time. */
export function Told(props: { text: string }) {
  const zone = useZone();
  return <>{withTimes(props.text, zone)}</>;
}

/** What lies further off than anybody looks is no hand-over: the answer just ends there. */
const NO_END_MS = 300 * 86_400_000;

/** Until when somebody is on; `within`: how far ahead was asked, ms. */
export function Until(props: { at: string | null | undefined; zone?: string | null; within?: number }) {
  const now = useNow();
  if (!props.at || Date.parse(props.at) - now >= (props.within ?? NO_END_MS) - 3_600_000) return <>{t.oncall.noEnd}</>;
  return (
    <>
      {t.oncall.until} <When at={props.at} zone={props.zone} both />
    </>
  );
}

/** A span of time: `Mon, 5 Jan 09:00 – Mon, 12 Jan 09:00 CET (7 d)`. */
export function Span(props: { from: string; until: string; zone?: string | null }) {
  const zone = useZone(props.zone);
  const [from, until] = [new Date(props.from), new Date(props.until)];
  const year = (at: Date) => (at.getFullYear() === new Date().getFullYear() ? "" : ` ${at.getFullYear()}`);
  const end = dayKey(from, zone) === dayKey(until, zone) ? "" : `${day(until, zone)}${year(until)} `;
  return (
    <span>
      {day(from, zone)}
      {year(from)} {clock(from, zone)} – {end}
      {clock(until, zone)} {zoneName(zone, until)}{" "}
      <Text span c="dimmed" size="sm">
        ({length((until.getTime() - from.getTime()) / 1000)})
      </Text>
    </span>
  );
}

export function TextLink(props: { to: string; children: ReactNode }) {
  return (
    <Link href={props.to} style={{ color: "var(--mantine-color-anchor)" }}>
      {props.children}
    </Link>
  );
}

/** Nothing there: says so, and what to do next. */
export function Empty(props: { title: string; hint?: ReactNode; action?: ReactNode; icon?: IconName }) {
  return (
    <Center py="xl">
      <Stack align="center" gap="xs" maw={420}>
        <Icon name={props.icon ?? "check"} size={32} />
        <Text fw={600} ta="center">
          {props.title}
        </Text>
        {props.hint && (
          <Text c="dimmed" size="sm" ta="center">
            {props.hint}
          </Text>
        )}
        {props.action}
      </Stack>
    </Center>
  );
}

/** What went wrong, whether anybody was paged, what to do next. */
export function ProblemNote(props: { problem: Problem; retry?: () => void }) {
  const { title, detail, next } = explain(props.problem);
  return (
    <Card withBorder role="alert" style={{ background: "var(--fd-danger-soft)", borderColor: "var(--fd-danger-text)" }}>
      <Text fw={600}>{title}</Text>
      {detail && <Text size="sm">{detail}</Text>}
      {next && <Text size="sm">{next}</Text>}
      {props.retry && (
        <Group mt="xs">
          <Button size="compact-sm" variant="default" onClick={props.retry}>
            {t.common.retry}
          </Button>
        </Group>
      )}
    </Card>
  );
}

/** The three ways a read can stand: on its way, failed, there. */
export function Read<T>(props: { of: UseQueryResult<T, Problem>; children: (answer: T) => ReactNode; lines?: number }) {
  const { of } = props;
  if (of.data !== undefined) return <>{props.children(of.data)}</>;
  if (of.error) return <ProblemNote problem={of.error} retry={() => void of.refetch()} />;
  return <Waiting lines={props.lines} />;
}

export function Waiting({ lines = 4 }: { lines?: number }) {
  return (
    <Stack gap="xs" aria-busy="true">
      <VisuallyHidden>{t.common.loading}</VisuallyHidden>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={36} />
      ))}
    </Stack>
  );
}
