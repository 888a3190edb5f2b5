// What concerns an alert beyond itself: giving it away, pulling people in, what was the matter before, what its source has sent.
import { useState } from "react";
import { useAct, useRead } from "../../api/hooks";
import { usePeople, usePersonName, useTargetName, useTeams } from "../../lib/names";
import { t } from "../../text";
import {
  Block,
  Button,
  Code,
  Collapse,
  Group,
  Mark,
  Modal,
  MultiSelect,
  Select,
  Stack,
  StateMark,
  Text,
  TextInput,
  TextLink,
  When,
} from "../../ui";

const TOUCHES = ["GET /alerts", "GET /alerts/{id}"] as const;

export function Reassign({ id, close }: { id: string; close: () => void }) {
  const [to, setTo] = useState<string | null>(null);
  const [people, teams, name] = [usePeople(), useTeams(), useTargetName()];
  const policies = useRead("GET /policies", { query: { limit: 200 } });
  const give = useAct("POST /alerts/{id}/reassign", {
    touches: [...TOUCHES],
    done: () => t.alert.reassign.done(to ? name(to) : ""),
    onDone: close,
  });
  const option = (kind: string) => (row: { id: string; name?: string | null }) => ({
    value: `${kind}:${row.id}`,
    label: row.name || row.id,
  });
  return (
    <Modal opened onClose={close} title={t.alert.reassign.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (to) give.mutate({ path: { id }, body: { to } });
        }}
      >
        <Stack>
          <Text size="sm">{t.alert.reassign.hint}</Text>
          <Select
            label={t.alert.reassign.to}
            value={to}
            onChange={setTo}
            searchable
            required
            data={[
              { group: t.alerts.page.whoPeople, items: (people.data?.items ?? []).map(option("user")) },
              { group: t.alerts.page.whoTeams, items: (teams.data?.items ?? []).map(option("team")) },
              { group: t.alert.reassign.policies, items: (policies.data?.items ?? []).map(option("policy")) },
            ]}
          />
          <Button type="submit" disabled={!to} loading={give.isPending}>
            {t.alert.reassign.submit}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

export function PullIn({ id, close }: { id: string; close: () => void }) {
  const [users, setUsers] = useState<string[]>([]);
  const [message, setMessage] = useState("");
  const [people, person] = [usePeople(), usePersonName()];
  const pull = useAct("POST /alerts/{id}/responders", {
    touches: [...TOUCHES],
    done: () => t.alert.pullIn.done(users.map(person).join(", ")),
    onDone: close,
  });
  return (
    <Modal opened onClose={close} title={t.alert.pullIn.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (users.length > 0) pull.mutate({ path: { id }, body: { users, message } });
        }}
      >
        <Stack>
          <Text size="sm">{t.alert.pullIn.hint}</Text>
          <MultiSelect
            label={t.alert.pullIn.who}
            value={users}
            onChange={setUsers}
            data={(people.data?.items ?? []).map((one) => ({ value: one.id, label: one.name || one.id }))}
            searchable
            required
          />
          <TextInput
            label={t.alert.pullIn.message}
            value={message}
            onChange={(event) => setMessage(event.currentTarget.value)}
            maxLength={200}
          />
          <Button type="submit" disabled={users.length === 0} loading={pull.isPending}>
            {t.alert.pullIn.submit}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

export function Similar({ id }: { id: string }) {
  const similar = useRead("GET /alerts/{id}/similar", { path: { id } });
  const person = usePersonName();
  const items = similar.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Block title={t.alert.similar.title(items.length)}>
      <Stack gap="xs">
        {items.slice(0, 8).map((one) => (
          <Group key={one.id} gap="xs">
            <StateMark state={one.state} />
            <TextLink to={`/alerts/${one.id}`}>{one.summary}</TextLink>
            <Text size="sm" c="dimmed">
              <When at={one.created_at} relative />, {t.alert.similar.because[one.because] ?? one.because}
              {one.acknowledged_by && `, ${t.alerts.has(person(one.acknowledged_by))}`}
            </Text>
          </Group>
        ))}
      </Stack>
    </Block>
  );
}

/** Every message of the source, masked as it was stored. */
export function Events({ id }: { id: string }) {
  const [opened, setOpened] = useState(false);
  const events = useRead("GET /alerts/{id}/events", { path: { id } }, { enabled: opened });
  const items = events.data?.items ?? [];
  return (
    <Block
      title={t.alert.events.title}
      actions={
        <Button size="compact-sm" variant="default" aria-expanded={opened} onClick={() => setOpened(!opened)}>
          {opened ? t.alert.events.hide : t.alert.events.show}
        </Button>
      }
    >
      <Collapse expanded={opened}>
        <Stack>
          {events.data && items.length === 0 && <Text c="dimmed">{t.alert.events.none}</Text>}
          {items.map((event) => (
            <div key={event.at + event.action}>
              <Group gap="xs" mb={4}>
                <Mark tone="quiet">{event.action}</Mark>
                <Text size="sm">
                  <When at={event.at} both />
                </Text>
              </Group>
              <Code block tabIndex={0}>
                {JSON.stringify({ summary: event.summary, labels: event.labels, details: event.details }, null, 2)}
              </Code>
            </div>
          ))}
        </Stack>
      </Collapse>
    </Block>
  );
}
