import { useState } from "react";
import { Link } from "wouter";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { usePeople, useTeamName } from "../../lib/names";
import { EditButton } from "../../shell/edit-button";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  CopyButton,
  Empty,
  Group,
  Mark,
  Modal,
  Read,
  Screen,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "../../ui";

type Person = { id: string; name: string; teams: string[]; contact: Array<{ id: string; channel: string }> };

/** Who can be paged over what; roles and sign-in links for those who may give them. */
export default function People() {
  const people = usePeople();
  const team = useTeamName();
  const may = useMay();
  const [invited, setInvited] = useState<{ name: string; url: string } | null>(null);
  const invite = useAct("POST /invites");
  const readiness = useRead("GET /readiness");
  const of = (id: string) => readiness.data?.items.find((one) => one.user === id);
  return (
    <Screen
      title={t.people.title}
      hint={t.people.hint}
      actions={
        <>
          <EditButton kind="team" />
          <EditButton kind="user" />
        </>
      }
    >
      <Read of={people}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="people" title={t.people.empty} hint={t.people.emptyHint} />
          ) : (
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
              {items.map((person) => (
                <Block key={person.id}>
                  <Stack gap={6}>
                    <Text fw={650} size="lg">
                      {person.name || person.id}
                    </Text>
                    <Group gap={6}>
                      {person.teams.map((one) => (
                        <Mark key={one} tone="info" icon="people">
                          {may("admin") ? <Link href={`/edit/team/${one}`}>{team(one)}</Link> : team(one)}
                        </Mark>
                      ))}
                      {person.teams.length === 0 && <Mark tone="warn">{t.people.noTeam}</Mark>}
                    </Group>
                    <Text size="sm">
                      {t.people.reach}:{" "}
                      {person.contact.map((one) => `${t.channels[one.channel] ?? one.channel} (${one.id})`).join(", ") ||
                        t.people.noReach}
                    </Text>
                    <Ready of={of(person.id)} />
                    {may("admin") && <Role person={person} />}
                    {(may("manager", person.teams[0]) || may("admin")) && (
                      <Group>
                        <EditButton kind="user" id={person.id} small />
                        <Button
                          size="compact-md"
                          variant="default"
                          onClick={() =>
                            invite.mutate(
                              { body: { user: person.id } },
                              { onSuccess: (made) => setInvited({ name: person.name || person.id, url: made.url }) },
                            )
                          }
                        >
                          {t.people.invite}
                        </Button>
                      </Group>
                    )}
                  </Stack>
                </Block>
              ))}
            </SimpleGrid>
          )
        }
      </Read>
      <Modal opened={invited !== null} onClose={() => setInvited(null)} title={invited && t.people.inviteTitle(invited.name)}>
        <Stack>
          <Text>{t.people.inviteHint}</Text>
          <TextInput
            aria-label={t.people.invite}
            readOnly
            value={invited?.url ?? ""}
            onFocus={(event) => event.currentTarget.select()}
          />
          <CopyButton value={invited?.url ?? ""}>
            {({ copied, copy }) => <Button onClick={copy}>{copied ? t.common.copied : t.common.copy}</Button>}
          </CopyButton>
        </Stack>
      </Modal>
    </Screen>
  );
}

function Ready({ of }: { of?: Answer<"GET /readiness">["items"][number] }) {
  if (!of) return null;
  return (
    <Stack gap={4}>
      <Group gap={6}>
        <Mark tone={of.ready ? "ok" : "warn"} icon={of.ready ? "check" : "warn"}>
          {of.ready ? t.reach.proven : t.reach.unproven}
        </Mark>
      </Group>
      {of.lacking && (
        <Text size="sm" c="dimmed">
          {of.lacking}
        </Text>
      )}
    </Stack>
  );
}

function Role({ person }: { person: Person }) {
  const role = useRead("GET /users/{id}/role", { path: { id: person.id } });
  const give = useAct("PUT /users/{id}/role", {
    touches: ["GET /users/{id}/role"],
    done: (answer) => t.people.roleSaved(person.name || person.id, t.people.roles[answer.role] ?? answer.role),
  });
  return (
    <Select
      size="xs"
      label={t.people.role}
      aria-label={`${t.people.role}: ${person.name || person.id}`}
      value={role.data?.role ?? null}
      onChange={(value) => value && give.mutate({ path: { id: person.id }, body: { role: value as "admin" } })}
      data={Object.entries(t.people.roles).map(([value, label]) => ({ value, label }))}
      allowDeselect={false}
      maw={220}
    />
  );
}
