import { useState } from "react";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { useServiceName } from "../../lib/names";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  Code,
  CopyButton,
  Empty,
  Group,
  Mark,
  Modal,
  Read,
  Screen,
  Select,
  Stack,
  Text,
  TextInput,
  TextLink,
  useAsk,
  When,
} from "../../ui";

type Integration = Answer<"GET /integrations">["items"][number];
type Made = Answer<"POST /services/{id}/integrations">;

/** What came in is shown by itself while one looks. */
const LOOK_MS = 2_000;

/** Where alerts come in: addresses, keys, and what came in last with what was made of it. */
export default function Integrations() {
  const all = useRead("GET /integrations", {}, { every: LOOK_MS });
  const [made, setMade] = useState<Made | null>(null);
  const service = useServiceName();
  const may = useMay();
  return (
    <Screen
      title={t.integrations.title}
      hint={t.integrations.hint}
      actions={may("admin") && <TextLink to="/start">{t.integrations.addService}</TextLink>}
    >
      <Read of={all}>
        {({ items }) => {
          if (items.length === 0) return <Empty icon="box" title={t.integrations.none} hint={t.integrations.noneHint} />;
          const services = [...new Set(items.map((one) => one.service))];
          return (
            <Stack>
              {services.map((id) => (
                <Block
                  key={id}
                  title={service(id)}
                  actions={
                    items.some((one) => one.service === id && one.origin === "app") &&
                    may("manager") && <Add service={id} made={setMade} />
                  }
                >
                  <Stack>
                    {items
                      .filter((one) => one.service === id)
                      .map((one) => (
                        <Line key={one.id} integration={one} made={setMade} />
                      ))}
                  </Stack>
                </Block>
              ))}
            </Stack>
          );
        }}
      </Read>
      <KeyMade made={made} close={() => setMade(null)} />
    </Screen>
  );
}

function Line({ integration, made }: { integration: Integration; made: (made: Made) => void }) {
  const [opened, setOpened] = useState(false);
  const { ask, dialog } = useAsk();
  const may = useMay();
  const path = { id: integration.service, integration: integration.id };
  const rotate = useAct("POST /services/{id}/integrations/{integration}/key", { touches: ["GET /integrations"], onDone: made });
  return (
    <div>
      <Group justify="space-between" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Group gap={6}>
            <Text fw={600}>{integration.id}</Text>
            <Mark tone="info">{t.integrations.kinds[integration.kind] ?? integration.kind}</Mark>
            {integration.origin === "files" && <Mark tone="quiet">{t.integrations.files}</Mark>}
          </Group>
          <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {integration.url}
          </Text>
          <Text size="sm" c="dimmed">
            {integration.last_at ? (
              <>
                {t.integrations.last} <When at={integration.last_at} relative />
              </>
            ) : (
              t.integrations.never
            )}
          </Text>
        </div>
        <Group gap="xs">
          {may("responder") && (
            <Button size="compact-md" variant="default" aria-expanded={opened} onClick={() => setOpened(!opened)}>
              {opened ? t.integrations.hide : t.integrations.payloads}
            </Button>
          )}
          {integration.origin === "app" && may("manager") && (
            <Button
              size="compact-md"
              variant="default"
              loading={rotate.isPending}
              onClick={() =>
                ask({
                  title: t.integrations.newKeyAsk,
                  hint: t.integrations.newKeyHint,
                  yes: t.integrations.newKey,
                  danger: true,
                  run: () => rotate.mutate({ path }),
                })
              }
            >
              {t.integrations.newKey}
            </Button>
          )}
        </Group>
      </Group>
      {opened && <Payloads integration={integration} />}
      {dialog}
    </div>
  );
}

function snippet(integration: { kind: string; url: string; key: string }): string {
  const { kind, url, key } = integration;
  const event = {
    routing_key: key,
    event_action: "trigger",
    dedup_key: "try",
    payload: { summary: "Trying it", source: "me", severity: "info" },
  };
  if (kind === "pagerduty") return `curl -s ${url} -d '${JSON.stringify(event)}'`;
  if (kind === "alertmanager")
    return `curl -s ${url}/api/v2/alerts -H 'content-type: application/json' -d '[{"labels":{"alertname":"Trying it","severity":"info"}}]'`;
  if (kind === "heartbeat") return `curl -s -X POST ${url}`;
  if (kind === "grafana")
    return `curl -s ${url} -H 'content-type: application/json' -d '{"status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Trying it"}}]}'`;
  return `curl -s ${url} -d summary='Trying it' -d dedup_key=try -d severity=info`;
}

function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <Group wrap="nowrap" align="flex-start">
      <Code block tabIndex={0} style={{ flex: 1, minWidth: 0, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {text}
      </Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button size="compact-md" variant="default" onClick={copy} aria-label={`${t.common.copy}: ${label}`}>
            {copied ? t.common.copied : t.common.copy}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}

function Payloads({ integration }: { integration: Integration }) {
  const path = { id: integration.service, integration: integration.id };
  const payloads = useRead("GET /services/{id}/integrations/{integration}/payloads", { path }, { every: LOOK_MS });
  return (
    <Stack gap="sm" mt="sm">
      <Text size="sm" c="dimmed">
        {t.integrations.testHint}
      </Text>
      <Snippet text={snippet({ ...integration, key: "KEY" })} label={t.integrations.test} />
      <Read of={payloads} lines={2}>
        {({ items }) => (
          <Stack gap="sm">
            {items.length === 0 && <Text role="status">{t.integrations.noPayloads}</Text>}
            {items.map((one, at) => (
              <div key={`${one.at}${at}`}>
                <Group gap="xs" mb={4}>
                  {one.refused ? (
                    <Mark tone="danger">{t.integrations.refused}</Mark>
                  ) : (
                    <Mark tone="ok">{t.integrations.events(one.events ?? 0)}</Mark>
                  )}
                  <Text size="sm">
                    {t.integrations.received} <When at={one.at} relative />, {t.integrations.bytes(one.length)}
                  </Text>
                </Group>
                {one.refused && <Text size="sm">{one.refused}</Text>}
                {one.first.map((event) => (
                  <Text key={event.dedup_key + event.action} size="sm">
                    {event.action}: {event.summary || event.dedup_key}
                  </Text>
                ))}
                <Code block tabIndex={0} style={{ maxHeight: 240, overflow: "auto" }}>
                  {one.body}
                </Code>
              </div>
            ))}
          </Stack>
        )}
      </Read>
    </Stack>
  );
}

function Add({ service, made }: { service: string; made: (made: Made) => void }) {
  const [opened, setOpened] = useState(false);
  const [kind, setKind] = useState<string | null>("generic");
  const [id, setId] = useState("");
  const add = useAct("POST /services/{id}/integrations", {
    touches: ["GET /integrations"],
    onDone: (answer) => {
      setOpened(false);
      made(answer);
    },
  });
  return (
    <>
      <Button size="compact-md" variant="default" onClick={() => setOpened(true)}>
        {t.integrations.add}
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title={t.integrations.add}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (kind) add.mutate({ path: { id: service }, body: { kind, id: id || undefined } });
          }}
        >
          <Stack>
            <Select
              label={t.integrations.kind}
              data={Object.entries(t.integrations.kinds).map(([value, label]) => ({ value, label }))}
              value={kind}
              onChange={setKind}
              allowDeselect={false}
            />
            <TextInput
              label={t.edit.id}
              placeholder={kind ?? ""}
              value={id}
              onChange={(event) => setId(event.currentTarget.value)}
            />
            <Button type="submit" loading={add.isPending}>
              {t.integrations.add}
            </Button>
          </Stack>
        </form>
      </Modal>
    </>
  );
}

function KeyMade({ made, close }: { made: Made | null; close: () => void }) {
  return (
    <Modal opened={made !== null} onClose={close} title={t.integrations.keyMade} size="lg">
      {made && (
        <Stack>
          <Text fw={600}>{t.integrations.key}</Text>
          <Snippet text={made.key} label={t.integrations.key} />
          <Text fw={600}>{t.integrations.address}</Text>
          <Snippet text={made.url} label={t.integrations.address} />
          <Text fw={600}>{t.integrations.test}</Text>
          <Snippet text={snippet(made)} label={t.integrations.test} />
        </Stack>
      )}
    </Modal>
  );
}
