// Asking to be covered, and answering; on "needs me now" and on one's shifts.
import { useState } from "react";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { usePeople, usePersonName, useScheduleName } from "../../lib/names";
import { useZone } from "../../lib/time";
import { useMay, useSession } from "../../shell/session";
import { t } from "../../text";
import { Block, Button, Group, Icon, Mark, Modal, Select, Span, Stack, Switch, Text, TextInput, TextLink } from "../../ui";
import { fromLocal, toLocal } from "../schedules/geometry";

type Cover = Answer<"GET /covers">["items"][number];
type Shift = Answer<"GET /me/shifts">["items"][number];

const TOUCHES = ["GET /covers", "GET /me/shifts", "GET /oncall", "GET /overrides", "GET /schedules/{id}/timeline"] as const;

/** What others ask of me, and what I have asked of them. */
export function useCovers(): { toMe: Cover[]; own: Cover[] } {
  const covers = useRead("GET /covers", { query: { limit: 200 } });
  const session = useSession();
  const me = session.user?.id;
  const all = me ? (covers.data?.items ?? []) : [];
  return {
    toMe: all.filter((cover) => cover.state === "open" && cover.eligible.includes(me ?? "")),
    own: all.filter((cover) => cover.user === me && cover.state !== "cancelled"),
  };
}

export function Covers({ mine }: { mine?: boolean }) {
  const covers = useCovers();
  const { toMe } = covers;
  const own = mine ? covers.own : [];
  return (
    <>
      {toMe.length > 0 && (
        <Block title={t.covers.title}>
          <Stack>
            {toMe.map((cover) => (
              <Request key={cover.id} cover={cover} />
            ))}
          </Stack>
        </Block>
      )}
      {own.length > 0 && (
        <Block title={t.covers.mine}>
          <Stack>
            {own.map((cover) => (
              <Own key={cover.id} cover={cover} />
            ))}
          </Stack>
        </Block>
      )}
    </>
  );
}

function What({ cover }: { cover: Cover }) {
  return (
    <>
      <Span from={cover.from} until={cover.until} />
      {cover.in_return && (
        <Text size="sm">
          {t.covers.inReturn}: <Span from={cover.in_return.from} until={cover.in_return.until} />
        </Text>
      )}
      {cover.note && <Text size="sm">{cover.note}</Text>}
    </>
  );
}

function Request({ cover }: { cover: Cover }) {
  const person = usePersonName();
  const schedule = useScheduleName();
  const [part, setPart] = useState(false);
  const accept = useAct("POST /covers/{id}/accept", { touches: [...TOUCHES], done: () => t.covers.taken });
  const decline = useAct("POST /covers/{id}/decline", { touches: [...TOUCHES], done: () => t.covers.declined });
  const words = cover.in_return ? t.covers.swaps : t.covers.asks;
  const path = { id: cover.id };
  return (
    <Stack gap={6}>
      <Text fw={600}>{words(person(cover.user), schedule(cover.schedule))}</Text>
      <div>
        <What cover={cover} />
      </div>
      <Group gap="xs">
        <Button
          leftSection={<Icon name="hand" size={16} />}
          loading={accept.isPending}
          onClick={() => accept.mutate({ path, body: {} })}
        >
          {t.covers.take}
        </Button>
        {!cover.in_return && (
          <Button variant="default" onClick={() => setPart(true)}>
            {t.covers.takePart}
          </Button>
        )}
        <Button variant="default" loading={decline.isPending} onClick={() => decline.mutate({ path })}>
          {t.covers.decline}
        </Button>
      </Group>
      {part && (
        <Times
          title={t.covers.partTitle}
          of={cover}
          submit={t.covers.take}
          close={() => setPart(false)}
          onSubmit={(from, until) => accept.mutate({ path, body: { from, until } }, { onSuccess: () => setPart(false) })}
        />
      )}
    </Stack>
  );
}

function Own({ cover }: { cover: Cover }) {
  const person = usePersonName();
  const schedule = useScheduleName();
  const cancel = useAct("DELETE /covers/{id}", { touches: [...TOUCHES], done: () => t.covers.cancelled });
  const names = (users: string[]) => users.map(person).join(", ");
  return (
    <Group justify="space-between" align="flex-start">
      <Stack gap={4}>
        <TextLink to={`/schedules/${cover.schedule}`}>{schedule(cover.schedule)}</TextLink>
        <div>
          <What cover={cover} />
        </div>
        {cover.taken_by ? (
          <Group gap={6}>
            <Mark tone="ok" icon="check">
              {t.covers.takenBy(person(cover.taken_by))}
            </Mark>
          </Group>
        ) : cover.eligible.length > 0 ? (
          <Text size="sm" c="dimmed">
            {t.covers.waiting(names(cover.eligible))}
          </Text>
        ) : (
          <Group gap={6}>
            <Mark tone="danger" icon="warn">
              {t.covers.nobody}
            </Mark>
          </Group>
        )}
        {cover.declined.length > 0 && (
          <Text size="sm" c="dimmed">
            {t.covers.saidNo(names(cover.declined))}
          </Text>
        )}
      </Stack>
      {cover.state === "open" && (
        <Button size="compact-md" variant="default" onClick={() => cancel.mutate({ path: { id: cover.id } })}>
          {t.covers.cancel}
        </Button>
      )}
    </Group>
  );
}

/** Two times within a span; answers instants. */
function Times(props: {
  title: string;
  of: { from: string; until: string };
  submit: string;
  close: () => void;
  onSubmit: (from: string, until: string) => void;
}) {
  const zone = useZone();
  const [from, setFrom] = useState(toLocal(Date.parse(props.of.from), zone));
  const [until, setUntil] = useState(toLocal(Date.parse(props.of.until), zone));
  const [start, end] = [fromLocal(from, zone), fromLocal(until, zone)];
  const valid = end > start;
  return (
    <Modal opened onClose={props.close} title={props.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (valid) props.onSubmit(new Date(start).toISOString(), new Date(end).toISOString());
        }}
      >
        <Stack>
          <FromUntil {...{ from, until, setFrom, setUntil, valid }} />
          <Button type="submit" disabled={!valid}>
            {props.submit}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

function FromUntil(props: {
  from: string;
  until: string;
  setFrom: (text: string) => void;
  setUntil: (text: string) => void;
  valid: boolean;
}) {
  const zone = useZone();
  return (
    <>
      <Group grow>
        <TextInput
          type="datetime-local"
          label={t.covers.from}
          value={props.from}
          onChange={(event) => props.setFrom(event.currentTarget.value)}
          required
        />
        <TextInput
          type="datetime-local"
          label={t.covers.until}
          value={props.until}
          onChange={(event) => props.setUntil(event.currentTarget.value)}
          error={props.valid ? undefined : t.covers.invalid}
          required
        />
      </Group>
      <Text size="sm" c="dimmed">
        {t.covers.zone(zone)}
      </Text>
    </>
  );
}

/** The button beside a shift of mine. */
export function AskButton({ shift }: { shift: Shift }) {
  const [opened, setOpened] = useState(false);
  const may = useMay();
  if (!may("responder")) return null;
  return (
    <>
      <Button
        size="compact-md"
        variant="default"
        aria-label={`${t.covers.ask}: ${shift.schedule_name || shift.schedule}`}
        onClick={() => setOpened(true)}
      >
        {t.covers.ask}
      </Button>
      {opened && <Form shift={shift} close={() => setOpened(false)} />}
    </>
  );
}

function Form({ shift, close }: { shift: Shift; close: () => void }) {
  const zone = useZone();
  const people = usePeople();
  const person = usePersonName();
  const session = useSession();
  const begin = Math.max(Date.parse(shift.from), Date.now());
  const [from, setFrom] = useState(toLocal(begin, zone));
  const [until, setUntil] = useState(toLocal(Date.parse(shift.until), zone));
  const [who, setWho] = useState<string | null>(null);
  const [swap, setSwap] = useState(false);
  const [back, setBack] = useState<Shift | null>(null);
  const [note, setNote] = useState("");
  const [start, end] = [fromLocal(from, zone), fromLocal(until, zone)];
  const valid = end > start;
  const ask = useAct("POST /covers", {
    touches: [...TOUCHES],
    done: (made) => t.covers.sent(made.eligible.map(person).join(", ")),
    onDone: close,
  });
  const others = (people.data?.items ?? []).filter((one) => one.id !== session.user?.id);
  return (
    <Modal opened onClose={close} title={t.covers.askTitle}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!valid || (swap && !back)) return;
          ask.mutate({
            body: {
              schedule: shift.schedule,
              from: new Date(start).toISOString(),
              until: new Date(end).toISOString(),
              note,
              ask: who ? [who] : [],
              in_return: swap && back ? { from: back.from, until: back.until } : undefined,
            },
          });
        }}
      >
        <Stack>
          <Text size="sm">{t.covers.askHint}</Text>
          <FromUntil {...{ from, until, setFrom, setUntil, valid }} />
          <Select
            label={t.covers.who}
            placeholder={t.covers.everybody}
            value={who}
            onChange={(value) => {
              setWho(value);
              setBack(null);
              if (!value) setSwap(false);
            }}
            data={others.map((one) => ({ value: one.id, label: one.name || one.id }))}
            clearable
            searchable
          />
          {who && (
            <Switch
              label={t.covers.swap}
              description={t.covers.swapHint}
              checked={swap}
              onChange={(event) => setSwap(event.currentTarget.checked)}
            />
          )}
          {who && swap && <TheirShifts user={who} schedule={shift.schedule} value={back} set={setBack} />}
          <TextInput
            label={t.covers.note}
            placeholder={t.covers.noteHint}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            maxLength={500}
          />
          <Button type="submit" loading={ask.isPending} disabled={!valid || (swap && !back)}>
            {t.covers.send}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

function TheirShifts(props: { user: string; schedule: string; value: Shift | null; set: (shift: Shift | null) => void }) {
  const shifts = useRead("GET /me/shifts", { query: { user: props.user, days: 60 } });
  const theirs = (shifts.data?.items ?? []).filter((shift) => shift.schedule === props.schedule && !shift.now);
  if (!shifts.data) return null;
  if (theirs.length === 0) return <Text size="sm">{t.covers.swapNone}</Text>;
  return (
    <Stack gap={6} role="radiogroup" aria-label={t.covers.swapWhich}>
      <Text size="sm" fw={600}>
        {t.covers.swapWhich}
      </Text>
      {theirs.slice(0, 8).map((shift) => (
        <label key={shift.from} style={{ display: "flex", gap: 8, alignItems: "center", minHeight: 32 }}>
          <input type="radio" name="in-return" checked={props.value?.from === shift.from} onChange={() => props.set(shift)} />
          <Span from={shift.from} until={shift.until} />
        </label>
      ))}
    </Stack>
  );
}
