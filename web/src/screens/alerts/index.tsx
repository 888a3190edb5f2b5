import { useCallback, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useList } from "../../api/hooks";
import { useServices, useTeams } from "../../lib/names";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import {
  Button,
  Empty,
  Group,
  LongList,
  ProblemNote,
  Screen,
  SegmentedControl,
  Select,
  Stack,
  Text,
  TextInput,
  useAsk,
  useDebouncedValue,
  useMediaQuery,
  Waiting,
} from "../../ui";
import { type Alert, useActions } from "./act";
import { byUrgency, fits, useFilters } from "./filters";
import { KeysHelp, useInboxKeys } from "./keys";
import { PageSomebody } from "./page";
import { AlertLine, ROW_HEIGHT } from "./row";
import { Views } from "./views";

/** Alerts asked for at once. */
const PAGE = 200;
/** The server is asked when somebody has stopped typing; what is loaded is narrowed at once. */
const TYPING_MS = 250;
const NONE: Alert[] = [];

/** The inbox: live, by keyboard or thumb, and no row ever moves under the cursor. */
export default function Alerts() {
  const [filters, change] = useFilters();
  const phone = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false }) ?? false;
  const services = useServices();
  const teams = useTeams();
  const may = useMay();
  const [, go] = useLocation();
  const [asked] = useDebouncedValue(filters.text.trim(), TYPING_MS);
  const query = {
    state: filters.state,
    service: filters.service || undefined,
    team: filters.team || undefined,
    q: asked || undefined,
    limit: PAGE,
  };
  const list = useList("GET /alerts", { query });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState(-1);
  const [hovered, setHovered] = useState(false);
  const [help, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const actions = useActions();
  const { ask, dialog } = useAsk();

  const loaded = list.items ?? NONE;
  const fitting = useMemo(() => {
    const found = loaded.filter((alert) => fits(alert, filters.text));
    return filters.sort === "urgent" ? found.sort(byUrgency) : found;
  }, [loaded, filters.text, filters.sort]);
  const { shown, fresh, merge } = useHeld(fitting, hovered || cursor >= 0, JSON.stringify(filters));

  const ids = (alert: Alert | undefined) => (selected.size > 0 ? [...selected] : alert ? [alert.id] : []);
  const act = (verb: "acknowledge" | "resolve" | "escalate", wanted: string[]) => {
    if (wanted.length === 0) return;
    const run = () => {
      setSelected(new Set());
      void actions.many(verb, wanted);
    };
    if (verb === "acknowledge") run();
    else if (verb === "resolve")
      ask({ title: t.alerts.resolveAsk(wanted.length), hint: t.alerts.resolveHint, yes: t.alerts.resolve, run });
    else ask({ title: t.alerts.escalateAsk, hint: t.alerts.escalateHint, yes: t.alerts.escalate, run });
  };
  const toggle = (id: string, on: boolean) => {
    const next = new Set(selected);
    if (on) next.add(id);
    else next.delete(id);
    setSelected(next);
  };
  const current = shown[cursor];
  useInboxKeys({
    move: (by) => setCursor((at) => Math.max(0, Math.min(shown.length - 1, at + by))),
    open: () => current && go(`/alerts/${current.id}`),
    select: () => current && toggle(current.id, !selected.has(current.id)),
    act: (verb) => act(verb, ids(current)),
    snooze: () => current && void actions.snooze(current.id, "30m"),
    search: () => search.current?.focus(),
    help: () => setHelp(true),
  });
  const more = list.more;
  const end = useCallback(() => more?.(), [more]);
  const filtered = Boolean(filters.text || filters.service || filters.team);

  return (
    <Screen
      title={t.alerts.title}
      hint={t.alerts.hint}
      actions={
        <>
          {!phone && (
            <Button variant="default" onClick={() => setHelp(true)}>
              {t.alerts.keys} <kbd style={{ marginInlineStart: 6 }}>?</kbd>
            </Button>
          )}
          <Views />
          {may("responder") && <PageSomebody />}
        </>
      }
    >
      <Group gap="sm" align="flex-end">
        <SegmentedControl
          value={filters.state}
          onChange={(state) => change({ state: state as typeof filters.state })}
          data={Object.entries(t.alerts.state).map(([value, label]) => ({ value, label }))}
          fullWidth={phone}
          size={phone ? "xs" : "sm"}
          w={phone ? "100%" : undefined}
        />
        <TextInput
          ref={search}
          aria-label={t.alerts.search}
          placeholder={t.alerts.searchHint}
          value={filters.text}
          onChange={(event) => change({ text: event.currentTarget.value })}
          style={{ flex: "1 1 12rem" }}
        />
        <Select
          aria-label={t.alerts.service}
          placeholder={t.alerts.anyService}
          value={filters.service || null}
          onChange={(service) => change({ service: service ?? "" })}
          data={(services.data?.items ?? []).map((one) => ({ value: one.id, label: one.name || one.id }))}
          searchable
          clearable
          clearButtonProps={{ "aria-label": t.alerts.clear }}
        />
        {(teams.data?.items ?? []).length > 1 && (
          <Select
            aria-label={t.alerts.team}
            placeholder={t.alerts.anyTeam}
            value={filters.team || null}
            onChange={(team) => change({ team: team ?? "" })}
            data={(teams.data?.items ?? []).map((one) => ({ value: one.id, label: one.name || one.id }))}
            searchable
            clearable
            clearButtonProps={{ "aria-label": t.alerts.clear }}
            w={160}
          />
        )}
        <Select
          aria-label={t.alerts.sort}
          value={filters.sort}
          onChange={(sort) => change({ sort: sort === "urgent" ? "urgent" : "newest" })}
          data={[
            { value: "newest", label: t.alerts.newest },
            { value: "urgent", label: t.alerts.urgent },
          ]}
          allowDeselect={false}
          w={180}
        />
      </Group>
      {selected.size > 0 && (
        <Group gap="sm" role="status">
          <Text fw={600}>{t.alerts.selected(selected.size)}</Text>
          <Button size="compact-md" onClick={() => act("acknowledge", [...selected])}>
            {t.alerts.bulk.acknowledge(selected.size)}
          </Button>
          <Button size="compact-md" variant="default" onClick={() => act("resolve", [...selected])}>
            {t.alerts.bulk.resolve(selected.size)}
          </Button>
          <Button size="compact-md" variant="default" onClick={() => setSelected(new Set(shown.map((alert) => alert.id)))}>
            {t.alerts.selectAll}
          </Button>
          <Button size="compact-md" variant="default" onClick={() => setSelected(new Set())}>
            {t.alerts.unselect}
          </Button>
        </Group>
      )}
      {actions.progress && <Text role="status">{t.alerts.progress(actions.progress.done, actions.progress.all)}</Text>}
      {fresh > 0 && (
        <Button variant="light" onClick={merge} fullWidth>
          {t.alerts.fresh(fresh)}
        </Button>
      )}
      {list.error && !list.items && <ProblemNote problem={list.error} retry={() => void list.refetch()} />}
      {!list.items && !list.error && <Waiting lines={8} />}
      {list.items && shown.length === 0 && (
        <Empty
          icon={filtered ? "search" : "check"}
          title={filtered || filters.state !== "open" ? t.alerts.emptyFilter : t.alerts.emptyOpen}
          hint={filtered || filters.state !== "open" ? t.alerts.emptyFilterHint : t.alerts.emptyOpenHint}
          action={
            filtered && (
              <Button variant="default" onClick={() => change({ text: "", service: "", team: "" })}>
                {t.alerts.clear}
              </Button>
            )
          }
        />
      )}
      {shown.length > 0 && (
        <div
          onPointerEnter={(event) => event.pointerType === "mouse" && setHovered(true)}
          onPointerLeave={() => setHovered(false)}
        >
          <LongList
            label={t.alerts.title}
            items={shown}
            rowHeight={phone ? ROW_HEIGHT.phone : ROW_HEIGHT.desk}
            keyOf={(alert) => alert.id}
            follow={cursor}
            onEnd={end}
            render={(alert, index) => (
              <AlertLine
                alert={alert}
                phone={phone}
                current={index === cursor}
                selected={selected.has(alert.id)}
                onSelect={(on) => toggle(alert.id, on)}
                onAcknowledge={() => act("acknowledge", [alert.id])}
                onResolve={() => act("resolve", [alert.id])}
                mayAct={may("responder")}
              />
            )}
          />
          <Stack align="center" pt="xs">
            <Text size="sm" c="dimmed">
              {t.alerts.loaded(loaded.length)}
            </Text>
          </Stack>
        </div>
      )}
      <KeysHelp opened={help} close={() => setHelp(false)} />
      {dialog}
    </Screen>
  );
}

/** While somebody points at the list its order stays; what is new is counted, what is over stays where it was. */
function useHeld(rows: Alert[], hold: boolean, filters: string): { shown: Alert[]; fresh: number; merge: () => void } {
  const kept = useRef<Alert[]>(rows);
  const keptFor = useRef(filters);
  const [, again] = useState(0);
  const known = new Map(rows.map((alert) => [alert.id, alert]));
  // Another question has another answer.
  const stays = kept.current.length > 0 && hold && keptFor.current === filters;
  keptFor.current = filters;
  if (!stays) kept.current = rows;
  const shown = stays ? kept.current.map((alert) => known.get(alert.id) ?? alert) : rows;
  const there = new Set(shown.map((alert) => alert.id));
  // Rows that were loaded further down are no news: they join at the end.
  const missing = rows.filter((alert) => !there.has(alert.id));
  const oldest = kept.current.at(-1)?.created_at ?? "";
  const older = missing.filter((alert) => alert.created_at < oldest);
  if (stays && older.length > 0) kept.current = [...kept.current, ...older];
  return {
    shown: stays ? [...shown, ...older] : shown,
    fresh: stays ? missing.length - older.length : 0,
    merge: () => {
      kept.current = rows;
      again((n) => n + 1);
    },
  };
}
