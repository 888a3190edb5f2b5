import { useState } from "react";
import { useParams } from "wouter";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { absolute, length, useNow, useZone } from "../../lib/time";
import { EditButton } from "../../shell/edit-button";
import { useMay, useSession } from "../../shell/session";
import { t } from "../../text";
import { Block, Button, Group, Icon, Mark, Read, Screen, SegmentedControl, Stack, Text, useAsk, useMediaQuery } from "../../ui";
import { CalendarButton } from "../shifts/calendar";
import { DayList } from "./day-list";
import { type Draft, Editor } from "./editor";
import { dayStart, HOUR, SPANS, type SpanName } from "./geometry";
import { Lanes } from "./lanes";

export type TimelineAnswer = Answer<"GET /schedules/{id}/timeline">;

/** A schedule over time: lanes of layers and overrides, and what comes of them; changed by drag, keyboard or form. */
export default function Schedule() {
  const { id = "" } = useParams<{ id: string }>();
  const phone = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false }) ?? false;
  const [span, setSpan] = useState<SpanName>("week");
  const [shift, setShift] = useState(0);
  const [draft, setDraft] = useState<Draft | null>(null);
  const minute = Math.floor(useNow() / 60_000) * 60_000;
  const known = useRead("GET /schedules", { query: { limit: 500 } });
  const schedule = known.data?.items.find((one) => one.id === id);
  const zone = useZone(schedule?.timezone);
  const from = dayStart(minute, zone) + shift * SPANS[span];
  const range = { from, to: from + SPANS[span] };
  const query = { from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
  const timeline = useRead("GET /schedules/{id}/timeline", { path: { id }, query }, { keep: true });
  const may = useMay()("responder", schedule?.team);

  return (
    <Screen
      title={schedule?.name || id}
      back={{ to: "/schedules", text: t.schedules.title }}
      hint={schedule && t.schedules.zone(schedule.timezone)}
      actions={
        <>
          <TakeOver
            id={id}
            until={
              timeline.data?.final.find((one) => Date.parse(one.from) <= minute + 60_000 && Date.parse(one.until) > minute)?.until
            }
            may={may}
          />
          <Button
            disabled={!may}
            leftSection={<Icon name="plus" size={16} />}
            onClick={() =>
              setDraft({
                from: Math.ceil(minute / HOUR) * HOUR,
                to: Math.ceil(minute / HOUR) * HOUR + 2 * HOUR,
                user: null,
                change: "replace",
              })
            }
          >
            {t.schedules.add}
          </Button>
          <CalendarButton schedule={id} name={schedule?.name ?? undefined} />
          <EditButton kind="schedule" id={id} team={schedule?.team ?? undefined} />
        </>
      }
    >
      <Group justify="space-between">
        <SegmentedControl
          aria-label={t.schedules.title}
          value={span}
          onChange={(value) => {
            setSpan(value as SpanName);
            setShift(0);
          }}
          data={Object.entries(t.schedules.range).map(([value, label]) => ({ value, label }))}
        />
        <Group gap="xs">
          <Button variant="default" onClick={() => setShift(shift - 1)} leftSection={<Icon name="left" size={14} />}>
            {t.schedules.before}
          </Button>
          <Button variant="default" onClick={() => setShift(0)} disabled={shift === 0}>
            {t.schedules.today}
          </Button>
          <Button variant="default" onClick={() => setShift(shift + 1)} rightSection={<Icon name="right" size={14} />}>
            {t.schedules.after}
          </Button>
        </Group>
      </Group>
      <Read of={timeline} lines={6}>
        {(answer) => (
          <Stack>
            <Gaps timeline={answer} />
            {phone ? (
              <Block title={t.schedules.list}>
                <DayList timeline={answer} zone={zone} edit={may ? setDraft : undefined} />
              </Block>
            ) : (
              <Block padded={false}>
                <Lanes timeline={answer} range={range} zone={zone} now={minute} edit={may ? setDraft : undefined} schedule={id} />
              </Block>
            )}
          </Stack>
        )}
      </Read>
      {draft && <Editor schedule={id} zone={zone} range={range} draft={draft} close={() => setDraft(null)} />}
    </Screen>
  );
}

function Gaps({ timeline }: { timeline: TimelineAnswer }) {
  const gaps = timeline.final.filter((one) => one.users.length === 0);
  if (gaps.length === 0) return null;
  const seconds = gaps.reduce((sum, gap) => sum + (Date.parse(gap.until) - Date.parse(gap.from)) / 1000, 0);
  return (
    <Group>
      <Mark tone="danger" icon="warn">
        {t.schedules.gaps(length(seconds))}
      </Mark>
    </Group>
  );
}

function TakeOver({ id, until, may }: { id: string; until: string | undefined; may: boolean }) {
  const session = useSession();
  const zone = useZone();
  const { ask, dialog } = useAsk();
  const take = useAct("POST /schedules/{id}/take-over", {
    touches: ["GET /oncall", "GET /schedules/{id}/timeline", "GET /me/shifts"],
    done: () => t.schedules.taken,
  });
  if (!session.user) return null;
  return (
    <>
      <Button
        variant="default"
        disabled={!may}
        onClick={() =>
          ask({
            title: t.schedules.takeOverAsk,
            hint: until && t.schedules.takeOverHint(absolute(new Date(until), zone)),
            yes: t.schedules.takeOver,
            run: () => take.mutate({ path: { id }, body: {} }),
          })
        }
      >
        {t.schedules.takeOver}
      </Button>
      {dialog}
    </>
  );
}

export function label(text: { users: string[] }, name: (id: string) => string): string {
  return text.users.length === 0 ? t.schedules.gap : text.users.map(name).join(", ");
}

export function Dimmed({ children }: { children: React.ReactNode }) {
  return (
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  );
}
