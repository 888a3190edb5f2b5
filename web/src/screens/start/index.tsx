import { useCallback, useEffect, useState } from "react";
import { useLocation, useSearch } from "wouter";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { usePeople, usePersonName, useServiceName, useServices, useTeams } from "../../lib/names";
import { usePush } from "../../lib/push";
import ThisBrowser from "../../shell/page-me";
import { useMay, useSession } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Box,
  Button,
  Center,
  CopyButton,
  Group,
  Icon,
  List,
  Loader,
  Mark,
  MultiSelect,
  Read,
  Screen,
  Select,
  Stack,
  StateMark,
  Text,
  TextInput,
  TextLink,
} from "../../ui";
import { useActions } from "../alerts/act";
import { History } from "../alerts/history";
import { firstTurn } from "../edit/turn";
import style from "./start.module.css";

type Made = Answer<"POST /services">;

const STEPS = ["service", "people", "event", "answer"] as const;
type Step = (typeof STEPS)[number];

/** From nothing to one's own first acknowledged page, with what is on the screen alone. The address knows how far one is. */
export default function Start() {
  const [at, setAt] = useAddress();
  const [made, setMade] = useState<Made | null>(null);
  const { step, service } = at;
  const arrived = useRead(
    "GET /alerts",
    { query: { state: "open", service: service ?? undefined, limit: 1 } },
    { enabled: service !== null && step === "event", every: 1_000 },
  );
  const first = arrived.data?.items[0]?.id ?? null;
  useEffect(() => {
    if (first && step === "event") setAt({ step: "answer", alert: first });
  }, [first, step, setAt]);
  const past = STEPS.indexOf(step);
  return (
    <Screen title={t.start.title} hint={t.start.hint}>
      <ol className={style.steps} aria-label={t.start.title}>
        {STEPS.map((name, index) => (
          <li key={name} aria-current={index === past ? "step" : undefined} data-done={index < past || undefined}>
            {index < past ? <Icon name="check" size={16} /> : index + 1} {t.start.steps[name]}
          </li>
        ))}
      </ol>
      <Before />
      {step === "service" && (
        <Service
          onMade={(answer) => {
            setMade(answer);
            setAt({ step: "people", service: answer.service });
          }}
          onChosen={(id) => setAt({ step: "people", service: id })}
        />
      )}
      {step === "people" && service && <People service={service} onDone={() => setAt({ step: "event" })} />}
      {step === "event" && service && <Send service={service} made={made?.service === service ? made : null} />}
      {step === "answer" && at.alert && <Answered id={at.alert} />}
      <Group>
        {past > 0 && (
          <Button variant="subtle" onClick={() => setAt({ step: STEPS[past - 1] })}>
            {t.common.back}
          </Button>
        )}
        {step !== "answer" && step !== "service" && (
          <Button
            variant="subtle"
            onClick={() => setAt({ step: step === "people" ? "event" : "answer" })}
            disabled={step === "event"}
          >
            {t.start.skip}
          </Button>
        )}
        <TextLink to="/now">{t.start.leave}</TextLink>
      </Group>
      <Doctor />
    </Screen>
  );
}

interface Place {
  step: Step;
  service: string | null;
  alert: string | null;
}

/** Where one is, kept in the address: a reload, or coming back, goes on from there. */
function useAddress(): [Place, (next: Partial<Place>) => void] {
  const search = new URLSearchParams(useSearch());
  const [, go] = useLocation();
  const [service, alert] = [search.get("service"), search.get("alert")];
  const asked = STEPS.find((one) => one === search.get("step")) ?? "service";
  const step = !service || (asked === "answer" && !alert) ? "service" : asked;
  const set = useCallback(
    (next: Partial<Place>) => {
      const all = { step, service, alert, ...next };
      const given = Object.entries(all).filter((one): one is [string, string] => one[1] !== null);
      go(`/start?${new URLSearchParams(given)}`);
    },
    [step, service, alert, go],
  );
  return [{ step, service, alert }, set];
}

/** What would keep a page from reaching anybody, said before anybody tries. */
function Before() {
  const settings = useRead("GET /settings");
  const push = usePush();
  if (!settings.data) return null;
  const value = (name: string) => {
    const found = settings.data.items.find((one) => one.name === name)?.value ?? "";
    return found === "not set" ? "" : found;
  };
  const [mail, links] = [value("FIREDOG_SMTP_URL"), value("FIREDOG_PUBLIC_URL")];
  const here = location.origin;
  const elsewhere = links !== "" && !links.startsWith(here);
  if (mail && !elsewhere) return null;
  return (
    <Block title={t.start.before.title}>
      <Stack gap="sm">
        {!mail && (
          <div>
            <Text>{push.state === "on" ? t.start.before.noMailButPush : t.start.before.noMail}</Text>
            <Box mt="xs">
              <ThisBrowser />
            </Box>
          </div>
        )}
        {elsewhere && <Text>{t.start.before.elsewhere(links, here)}</Text>}
      </Stack>
    </Block>
  );
}

function Service({ onMade, onChosen }: { onMade: (made: Made) => void; onChosen: (service: string) => void }) {
  const teams = useTeams();
  const services = useServices();
  const session = useSession();
  const may = useMay();
  const [name, setName] = useState("");
  const [team, setTeam] = useState<string | null>(session.teams[0] ?? null);
  const add = useAct("POST /services", { touches: ["GET /services"], onDone: onMade });
  const all = teams.data?.items ?? [];
  const there = services.data?.items ?? [];
  const same = there.find((one) => (one.name || one.id).toLowerCase() === name.trim().toLowerCase());
  return (
    <Block title={t.start.service.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() && team && !same) add.mutate({ body: { name, team } });
        }}
      >
        <Stack maw={480}>
          <Text c="dimmed">{t.start.service.hint}</Text>
          {there.length > 0 && (
            <Select
              label={t.start.service.have}
              placeholder={t.start.service.choose}
              data={there.map((one) => ({ value: one.id, label: one.name || one.id }))}
              value={null}
              onChange={(id) => id && onChosen(id)}
              searchable
            />
          )}
          {!may("admin") && <Text>{t.start.service.notAdmin}</Text>}
          {may("admin") && teams.data && all.length === 0 && <Text>{t.start.service.noTeam}</Text>}
          {may("admin") && all.length > 0 && (
            <>
              <TextInput
                label={t.start.service.name}
                placeholder={t.start.service.namePlaceholder}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
                error={same ? t.start.service.same(same.name || same.id) : undefined}
                required
                data-autofocus
              />
              {all.length > 1 && (
                <Select
                  label={t.start.service.team}
                  value={team}
                  onChange={setTeam}
                  data={all.map((one) => ({ value: one.id, label: one.name || one.id }))}
                  required
                />
              )}
              <Group>
                <Button type="submit" size="md" loading={add.isPending} disabled={!name.trim() || !team || same !== undefined}>
                  {t.start.service.make}
                </Button>
                {same && (
                  <Button variant="default" size="md" onClick={() => onChosen(same.id)}>
                    {t.start.service.use(same.name || same.id)}
                  </Button>
                )}
              </Group>
            </>
          )}
        </Stack>
      </form>
    </Block>
  );
}

/** Who is paged: as it is, or a first rotation from a template. */
function People({ service, onDone }: { service: string; onDone: () => void }) {
  const card = useRead("GET /services/{id}", { path: { id: service } });
  const objects = useRead("GET /setup/objects", { query: { kind: "schedule" } });
  const everybody = usePeople();
  const person = usePersonName();
  const may = useMay();
  const [who, setWho] = useState<string[]>([]);
  const [length, setLength] = useState("1w");
  const save = useAct("PUT /setup/objects/{kind}/{id}", {
    touches: ["GET /setup/objects", "GET /schedules", "GET /services/{id}", "GET /oncall"],
    done: () => t.start.people.saved,
  });
  return (
    <Block title={t.start.people.title}>
      <Read of={card}>
        {({ oncall, owner }) => {
          const first = oncall.find((row) => row.step === 1 && row.schedule);
          const schedule = objects.data?.items.find((one) => one.id === first?.schedule);
          const own = schedule?.origin === "app" && may("manager", owner.id);
          const rotate = () => {
            const fields = schedule?.value as { layers: Array<Record<string, unknown>> } & Record<string, unknown>;
            const [layer] = fields.layers;
            const value = {
              ...fields,
              layers: [{ ...layer, ...firstTurn(new Date()), users: who, every: length }, ...fields.layers.slice(1)],
            };
            save.mutate({ path: { kind: "schedule", id: schedule?.id ?? "" }, body: { value } });
          };
          return (
            <Stack maw={560}>
              <Text c="dimmed">{t.start.people.hint}</Text>
              {oncall.length === 0 && <Text>{t.start.people.nobody}</Text>}
              {[...new Set(oncall.map((row) => row.step ?? 1))].map((step) => (
                <Text key={step}>
                  {t.start.people.step(
                    step,
                    [...new Set(oncall.filter((row) => (row.step ?? 1) === step).map((row) => person(row.user)))].join(", "),
                  )}
                </Text>
              ))}
              {own ? (
                <>
                  <MultiSelect
                    label={t.start.people.turns}
                    description={t.start.people.turnsHint}
                    data={(everybody.data?.items ?? []).map((one) => ({ value: one.id, label: one.name || one.id }))}
                    value={who}
                    onChange={setWho}
                    selectFirstOptionOnChange
                    searchable
                  />
                  <Select
                    label={t.start.people.length}
                    data={t.start.people.lengths}
                    value={length}
                    onChange={(one) => setLength(one ?? "1w")}
                    allowDeselect={false}
                  />
                  <Group>
                    <Button variant="default" onClick={rotate} loading={save.isPending} disabled={who.length === 0}>
                      {t.start.people.rotate}
                    </Button>
                    <TextLink to="/people">{t.start.people.more}</TextLink>
                  </Group>
                </>
              ) : (
                first?.schedule && <TextLink to={`/schedules/${first.schedule}`}>{t.start.people.open}</TextLink>
              )}
              <Group>
                <Button size="md" onClick={onDone}>
                  {t.start.people.next}
                </Button>
              </Group>
            </Stack>
          );
        }}
      </Read>
    </Block>
  );
}

function Send({ service, made }: { service: string; made: Made | null }) {
  const name = useServiceName()(service);
  const of = (kind: string) => made?.integrations.find((one) => one.kind === kind);
  const [events, prometheus, generic] = [of("pagerduty"), of("alertmanager"), of("generic")];
  const send = useAct("POST /alerts", { touches: ["GET /alerts"] });
  const summary = t.start.event.summary(name);
  const payload = { summary, source: "shop-1", severity: "critical" };
  const target = prometheus && new URL(prometheus.url);
  return (
    <Block title={t.start.event.title(name)}>
      <Stack>
        {made ? (
          <Text c="dimmed">{t.start.event.hint}</Text>
        ) : (
          <Text>
            {t.start.event.keysGone} <TextLink to="/integrations">{t.start.event.newKeys}</TextLink>
          </Text>
        )}
        {events && (
          <Snippet
            title={t.start.event.curl}
            text={`curl -s ${events.url} -d '${JSON.stringify({ routing_key: events.key, event_action: "trigger", dedup_key: "first", payload })}'`}
          />
        )}
        {target && (
          <Snippet
            title={t.start.event.prometheus}
            text={`alerting:\n  alertmanagers:\n    - path_prefix: ${target.pathname}\n      scheme: ${target.protocol.replace(":", "")}\n      static_configs: [ { targets: [ "${target.host}" ] } ]`}
          />
        )}
        {generic && (
          <Snippet title={t.start.event.generic} text={`curl -s ${generic.url} -d summary='${summary}' -d dedup_key=first`} />
        )}
        <Center py="md">
          <Group role="status">
            <Loader size="sm" />
            <Text>{t.start.event.waiting}</Text>
            <Button
              variant="default"
              loading={send.isPending}
              onClick={() => send.mutate({ body: { service, summary, dedup_key: "first" } })}
            >
              {t.start.event.here}
            </Button>
          </Group>
        </Center>
        <Text size="sm" c="dimmed">
          {t.start.event.hereHint}
        </Text>
      </Stack>
    </Block>
  );
}

function Snippet({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <Group justify="space-between" mb={4}>
        <Text fw={600}>{title}</Text>
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button size="compact-sm" variant="default" onClick={copy} aria-label={`${t.common.copy}: ${title}`}>
              {copied ? t.common.copied : t.common.copy}
            </Button>
          )}
        </CopyButton>
      </Group>
      <pre className={style.snippet}>{text}</pre>
    </div>
  );
}

function Answered({ id }: { id: string }) {
  const alert = useRead("GET /alerts/{id}", { path: { id } }, { every: 2_000 });
  const actions = useActions();
  const person = usePersonName();
  const card = alert.data;
  if (!card) return <Loader />;
  const mine = card.state !== "triggered";
  return (
    <Block title={mine ? t.start.answer.done : t.start.answer.title}>
      <Stack>
        <Group>
          <StateMark state={card.state} />
          <Text fw={600}>{card.summary}</Text>
          {card.acknowledged_by && <Text>{t.alerts.has(person(card.acknowledged_by))}</Text>}
        </Group>
        <Text c="dimmed">{mine ? t.start.answer.doneHint : t.start.answer.hint}</Text>
        {!mine && (
          <Group>
            <Button size="lg" leftSection={<Icon name="hand" />} onClick={() => void actions.many("acknowledge", [id])}>
              {t.alerts.acknowledge}
            </Button>
          </Group>
        )}
        <History entries={card.timeline} />
        {mine && (
          <Stack gap="xs">
            <Text fw={600}>{t.start.answer.reach}</Text>
            <Text size="sm" c="dimmed">
              {t.start.answer.reachHint}
            </Text>
            <ThisBrowser />
            <TextLink to="/me">{t.start.answer.ways}</TextLink>
          </Stack>
        )}
        {mine && (
          <Group>
            <TextLink to={`/alerts/${id}`}>{t.start.answer.timeline}</TextLink>
            <TextLink to="/now">{t.start.answer.next}</TextLink>
          </Group>
        )}
      </Stack>
    </Block>
  );
}

/** What would make pages fail, said before the first night. */
function Doctor() {
  const doctor = useRead("GET /doctor", { query: { limit: 100 } });
  const bad = doctor.data?.items.filter((one) => one.level !== "ok") ?? [];
  if (!doctor.data) return null;
  return (
    <Block title={t.start.check}>
      {bad.length === 0 ? (
        <Text>{t.start.checkGood}</Text>
      ) : (
        <List spacing="xs">
          {bad.map((one) => (
            <List.Item key={`${one.check}${one.message}`}>
              <Mark tone={one.level === "fail" ? "danger" : "warn"}>{one.check}</Mark> {one.message}{" "}
              {one.fix && (
                <Text span c="dimmed">
                  {one.fix}
                </Text>
              )}
            </List.Item>
          ))}
        </List>
      )}
    </Block>
  );
}
