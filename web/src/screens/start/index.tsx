import { useState } from "react";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { usePersonName, useTeams } from "../../lib/names";
import ThisBrowser from "../../shell/page-me";
import { useMay, useSession } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  Center,
  CopyButton,
  Group,
  Icon,
  List,
  Loader,
  Mark,
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
import style from "./start.module.css";

type Made = Answer<"POST /services">;

/** From nothing to one's own first acknowledged page, with what is on the screen alone. */
export default function Start() {
  const [made, setMade] = useState<Made | null>(null);
  const [seen, setSeen] = useState<string | null>(null);
  const arrived = useRead(
    "GET /alerts",
    { query: { state: "open", service: made?.service, limit: 1 } },
    { enabled: made !== null && seen === null, every: 1_000 },
  );
  const first = arrived.data?.items[0]?.id ?? null;
  if (first && !seen) setSeen(first);
  const step = seen ? 2 : made ? 1 : 0;
  return (
    <Screen title={t.start.title} hint={t.start.hint}>
      <ol className={style.steps} aria-label={t.start.title}>
        {Object.values(t.start.steps).map((text, index) => (
          <li key={text} aria-current={index === step ? "step" : undefined} data-done={index < step || undefined}>
            {index < step ? <Icon name="check" size={16} /> : index + 1} {text}
          </li>
        ))}
      </ol>
      {!made && <Service onMade={setMade} />}
      {made && !seen && <Send made={made} />}
      {seen && <Answered id={seen} />}
      <Doctor />
    </Screen>
  );
}

function Service({ onMade }: { onMade: (made: Made) => void }) {
  const teams = useTeams();
  const session = useSession();
  const may = useMay();
  const [name, setName] = useState("");
  const [team, setTeam] = useState<string | null>(session.teams[0] ?? null);
  const add = useAct("POST /services", { touches: ["GET /services"], onDone: onMade });
  if (!may("admin")) return <Block title={t.start.service.title}>{t.start.service.notAdmin}</Block>;
  const all = teams.data?.items ?? [];
  return (
    <Block title={t.start.service.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() && team) add.mutate({ body: { name, team } });
        }}
      >
        <Stack maw={480}>
          <Text c="dimmed">{t.start.service.hint}</Text>
          {teams.data && all.length === 0 && <Text>{t.start.service.noTeam}</Text>}
          <TextInput
            label={t.start.service.name}
            placeholder={t.start.service.namePlaceholder}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
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
            <Button type="submit" size="md" loading={add.isPending} disabled={!name.trim() || !team}>
              {t.start.service.make}
            </Button>
          </Group>
        </Stack>
      </form>
    </Block>
  );
}

function Send({ made }: { made: Made }) {
  const of = (kind: string) => made.integrations.find((one) => one.kind === kind);
  const [events, prometheus, generic] = [of("pagerduty"), of("alertmanager"), of("generic")];
  const send = useAct("POST /alerts", { touches: ["GET /alerts"] });
  const payload = { summary: t.start.event.summary, source: "shop-1", severity: "critical" };
  const target = prometheus && new URL(prometheus.url);
  return (
    <Block title={t.start.event.title}>
      <Stack>
        <Text c="dimmed">{t.start.event.hint}</Text>
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
          <Snippet
            title={t.start.event.generic}
            text={`curl -s ${generic.url} -d summary='${t.start.event.summary}' -d dedup_key=first`}
          />
        )}
        <Center py="md">
          <Group role="status">
            <Loader size="sm" />
            <Text>{t.start.event.waiting}</Text>
            <Button
              variant="default"
              loading={send.isPending}
              onClick={() => send.mutate({ body: { service: made.service, summary: t.start.event.summary, dedup_key: "first" } })}
            >
              {t.start.event.here}
            </Button>
          </Group>
        </Center>
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
