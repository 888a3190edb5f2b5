import { useState } from "react";
import { useParams } from "wouter";
import type { Answer } from "../../api/client";
import { useRead } from "../../api/hooks";
import { usePersonName, useServiceName, useTargetName } from "../../lib/names";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  Code,
  Grid,
  Group,
  Icon,
  Mark,
  Menu,
  Read,
  Screen,
  SeverityMark,
  Stack,
  StateMark,
  Text,
  Textarea,
  TextLink,
  UrgencyMark,
  useAsk,
  When,
} from "../../ui";
import { CasesOfAlert } from "../cases/line";
import { ForAlert } from "../runbooks/for-alert";
import { SNOOZES, useActions } from "./act";
import style from "./alert.module.css";
import { History } from "./history";
import { Events, PullIn, Reassign, Similar } from "./others";

export type Card = Answer<"GET /alerts/{id}">;

/** One alert: how it stands, what happens next, everything that happened, and what one can do. */
export default function AlertScreen() {
  const { id = "" } = useParams<{ id: string }>();
  const alert = useRead("GET /alerts/{id}", { path: { id } });
  return (
    <Screen title={alert.data?.summary ?? t.alert.back} back={{ to: "/alerts", text: t.alert.back }}>
      <Read of={alert} lines={8}>
        {(card) => (
          <Grid>
            <Grid.Col span={{ base: 12, md: 7 }}>
              <Stack>
                <Standing card={card} />
                <Block title={t.alert.timeline}>
                  <History entries={card.timeline} />
                </Block>
              </Stack>
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 5 }}>
              <Stack>
                <Facts card={card} />
                <ForAlert id={card.id} />
                <CasesOfAlert alert={card.id} />
                <Similar id={card.id} />
                <Events id={card.id} />
              </Stack>
            </Grid.Col>
          </Grid>
        )}
      </Read>
    </Screen>
  );
}

function Standing({ card }: { card: Card }) {
  const person = usePersonName();
  const next = card.next;
  return (
    <Block>
      <Stack gap="sm">
        <Group gap="xs">
          <StateMark state={card.state} />
          <SeverityMark severity={card.severity} />
          <UrgencyMark urgency={card.urgency} />
          {card.acknowledged_by && <Text fw={600}>{t.alerts.has(person(card.acknowledged_by))}</Text>}
        </Group>
        <Text>
          {card.state === "resolved" && (
            <>
              {t.alert.next.over} {card.resolved_because && t.alert.because[card.resolved_because]}{" "}
              <When at={card.resolved_at} both />
            </>
          )}
          {card.state !== "resolved" && next && (
            <>
              <b>{t.alert.next[next.kind]}</b> <When at={next.at} both />
            </>
          )}
          {card.state !== "resolved" && !next && t.alert.next.nothing}
        </Text>
        {card.held && (
          <Mark tone="info" icon="mute">
            {t.alert.held(card.held.by, card.held.why)}
          </Mark>
        )}
        {card.follows && (
          <Text size="sm">
            <TextLink to={`/alerts/${card.follows}`}>{t.alert.follows}</TextLink>
          </Text>
        )}
        {card.state !== "resolved" && <Buttons card={card} />}
      </Stack>
    </Block>
  );
}

function Buttons({ card }: { card: Card }) {
  const actions = useActions();
  const may = useMay()("responder");
  const { ask, dialog } = useAsk();
  const [doing, setDoing] = useState<"pull-in" | "reassign" | null>(null);
  const resolve = () =>
    ask({
      title: t.alerts.resolveAsk(1),
      hint: t.alerts.resolveHint,
      yes: t.alerts.resolve,
      run: () => void actions.many("resolve", [card.id]),
    });
  const escalate = () =>
    ask({
      title: t.alerts.escalateAsk,
      hint: t.alerts.escalateHint,
      yes: t.alerts.escalate,
      run: () => void actions.many("escalate", [card.id]),
    });
  return (
    <>
      <div className={style.buttons}>
        {card.state === "triggered" && (
          <Button
            size="lg"
            className={style.first}
            disabled={!may}
            onClick={() => void actions.many("acknowledge", [card.id])}
            leftSection={<Icon name="hand" />}
          >
            {t.alerts.acknowledge}
          </Button>
        )}
        <Button size="md" variant="default" disabled={!may} onClick={resolve} leftSection={<Icon name="check" />}>
          {t.alerts.resolve}
        </Button>
        <Menu>
          <Menu.Target>
            <Button size="md" variant="default" disabled={!may} leftSection={<Icon name="snooze" />}>
              {t.alerts.snooze}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {SNOOZES.map((length) => (
              <Menu.Item key={length} onClick={() => void actions.snooze(card.id, length)}>
                {t.alerts.snoozeFor(length)}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <Button size="md" variant="default" disabled={!may} onClick={escalate} leftSection={<Icon name="up" />}>
          {t.alerts.escalate}
        </Button>
        <Menu>
          <Menu.Target>
            <Button size="md" variant="default" disabled={!may} leftSection={<Icon name="dots" />}>
              {t.alerts.more}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => setDoing("pull-in")}>{t.alerts.pullIn}</Menu.Item>
            <Menu.Item onClick={() => setDoing("reassign")}>{t.alerts.reassign}</Menu.Item>
            {card.state === "acknowledged" && (
              <Menu.Item onClick={() => void actions.many("unacknowledge", [card.id])}>{t.alerts.unacknowledge}</Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      </div>
      {doing === "pull-in" && <PullIn id={card.id} close={() => setDoing(null)} />}
      {doing === "reassign" && <Reassign id={card.id} close={() => setDoing(null)} />}
      {may && <Note id={card.id} save={actions.note} />}
      {dialog}
    </>
  );
}

function Note({ id, save }: { id: string; save: (id: string, text: string) => Promise<void> }) {
  const [text, setText] = useState("");
  const [saving, setSaving] = useState(false);
  const submit = async () => {
    setSaving(true);
    await save(id, text)
      .then(() => setText(""))
      .catch(() => undefined);
    setSaving(false);
  };
  return (
    <Stack gap="xs">
      <Textarea
        label={t.alerts.note}
        placeholder={t.alerts.noteHint}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autosize
        minRows={1}
        maxLength={2000}
      />
      {text.trim() && (
        <Group>
          <Button size="compact-md" loading={saving} onClick={() => void submit()}>
            {t.common.save}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Facts({ card }: { card: Card }) {
  const [service, target] = [useServiceName(), useTargetName()];
  const policy = card.policy.startsWith("policy:") ? card.policy.slice(7) : null;
  const details = card.details == null ? "" : JSON.stringify(card.details, null, 2);
  return (
    <Stack>
      <Block title={t.alert.facts}>
        <dl className={style.facts}>
          <Fact name={t.alert.service}>
            {card.service ? <TextLink to={`/services/${card.service}`}>{service(card.service)}</TextLink> : t.alerts.byHand}
          </Fact>
          <Fact name={t.alert.policy}>
            {policy ? <TextLink to={`/policies/${policy}`}>{policy}</TextLink> : target(card.policy)}
          </Fact>
          <Fact name={t.alert.since}>
            <When at={card.created_at} both />
          </Fact>
          <Fact name={t.alert.count}>{card.count.toLocaleString()}</Fact>
          <Fact name={t.alert.source}>{card.source}</Fact>
          <Fact name={t.alert.integration}>{card.integration}</Fact>
          <Fact name={t.alert.key}>
            <code>{card.dedup_key}</code>
          </Fact>
          {card.quiet_at && (
            <Fact name={t.alert.quiet}>
              <When at={card.quiet_at} both />
            </Fact>
          )}
        </dl>
      </Block>
      {Object.keys(card.labels).length > 0 && (
        <Block title={t.alert.labels}>
          <Group gap={6}>
            {Object.entries(card.labels).map(([name, value]) => (
              <Mark key={name} tone="quiet">
                {name}={value}
              </Mark>
            ))}
          </Group>
        </Block>
      )}
      {card.links.length > 0 && (
        <Block title={t.alert.links}>
          <Stack gap={4}>
            {card.links.map((link) => (
              <a key={link.href} href={link.href} target="_blank" rel="noreferrer noopener">
                {link.text || link.href}
              </a>
            ))}
          </Stack>
        </Block>
      )}
      {details && details !== "{}" && (
        <Block title={t.alert.details}>
          <Code block tabIndex={0}>
            {details}
          </Code>
        </Block>
      )}
    </Stack>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  if (children == null || children === "") return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
