import { useState } from "react";
import { useAct, useRead } from "../../api/hooks";
import { useSession } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  CopyButton,
  Empty,
  Grid,
  Group,
  Mark,
  PasswordInput,
  Read,
  Screen,
  Stack,
  Text,
  TextInput,
  When,
} from "../../ui";
import { Passkeys } from "./passkeys";
import { Reach } from "./reach";

/** How one signs in, where one is signed in, and what acts in one's name. */
export default function Me() {
  const session = useSession();
  if (!session.user) {
    return (
      <Screen title={t.me.title}>
        <Empty icon="key" title={t.me.machine} />
      </Screen>
    );
  }
  return (
    <Screen title={session.user.name} hint={t.me.hint}>
      <Grid>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Stack>
            <Reach />
            <Tokens />
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Stack>
            <Sessions />
            <Passkeys />
            <Password />
          </Stack>
        </Grid.Col>
      </Grid>
    </Screen>
  );
}

function Password() {
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const change = useAct("PUT /me/password", {
    touches: ["GET /sessions"],
    done: () => t.me.password.done,
    onDone: () => {
      setOld("");
      setNext("");
    },
  });
  return (
    <Block title={t.me.password.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ body: { old: old || null, new: next } });
        }}
      >
        <Stack>
          <PasswordInput
            label={t.me.password.old}
            value={old}
            onChange={(event) => setOld(event.currentTarget.value)}
            autoComplete="current-password"
            visibilityToggleButtonProps={{ "aria-hidden": true, tabIndex: -1 }}
          />
          <PasswordInput
            label={t.me.password.next}
            description={t.me.password.hint}
            value={next}
            onChange={(event) => setNext(event.currentTarget.value)}
            autoComplete="new-password"
            visibilityToggleButtonProps={{ "aria-hidden": true, tabIndex: -1 }}
          />
          <Group>
            <Button type="submit" disabled={next.length < 10} loading={change.isPending}>
              {t.me.password.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Block>
  );
}

function Sessions() {
  const sessions = useRead("GET /sessions");
  const end = useAct("DELETE /sessions/{id}", { touches: ["GET /sessions"], done: () => t.me.sessions.ended });
  return (
    <Block title={t.me.sessions.title}>
      <Read of={sessions}>
        {({ items }) => (
          <Stack gap="sm">
            {items.length === 0 && <Text c="dimmed">{t.me.sessions.none}</Text>}
            {items.map((one) => (
              <Group key={one.id} justify="space-between" wrap="nowrap">
                <div>
                  <Text size="sm" fw={600}>
                    {one.agent || one.address} {one.current && <Mark tone="ok">{t.me.sessions.current}</Mark>}
                  </Text>
                  <Text size="sm" c="dimmed">
                    {one.address}, {t.me.sessions.seen} <When at={one.last_seen_at} relative />
                  </Text>
                </div>
                {!one.current && (
                  <Button size="compact-md" variant="default" onClick={() => end.mutate({ path: { id: one.id } })}>
                    {t.me.sessions.end}
                  </Button>
                )}
              </Group>
            ))}
          </Stack>
        )}
      </Read>
    </Block>
  );
}

function Tokens() {
  const tokens = useRead("GET /me/tokens", { query: { limit: 100 } });
  const [name, setName] = useState("");
  const [made, setMade] = useState<string | null>(null);
  const make = useAct("POST /me/tokens", {
    touches: ["GET /me/tokens"],
    onDone: (answer) => {
      setMade(answer.token);
      setName("");
    },
  });
  const revoke = useAct("DELETE /me/tokens/{id}", { touches: ["GET /me/tokens"], done: () => t.me.tokens.revoked });
  return (
    <Block title={t.me.tokens.title}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t.me.tokens.hint}
        </Text>
        <Read of={tokens}>
          {({ items }) => (
            <Stack gap="xs">
              {items.length === 0 && <Text c="dimmed">{t.me.tokens.none}</Text>}
              {items.map((one) => (
                <Group key={one.id} justify="space-between">
                  <Text size="sm">
                    <b>{one.name}</b> ({one.role}), {one.last_used_at ? t.me.tokens.used : t.me.tokens.never}{" "}
                    {one.last_used_at && <When at={one.last_used_at} relative />}
                  </Text>
                  <Button size="compact-sm" variant="default" onClick={() => revoke.mutate({ path: { id: one.id } })}>
                    {t.me.tokens.revoke}
                  </Button>
                </Group>
              ))}
            </Stack>
          )}
        </Read>
        {made && (
          <Stack gap="xs" role="status">
            <Text fw={600}>{t.me.tokens.made}</Text>
            <Group wrap="nowrap">
              <TextInput
                aria-label={t.me.tokens.made}
                readOnly
                value={made}
                style={{ flex: 1 }}
                onFocus={(event) => event.currentTarget.select()}
              />
              <CopyButton value={made}>
                {({ copied, copy }) => <Button onClick={copy}>{copied ? t.common.copied : t.common.copy}</Button>}
              </CopyButton>
            </Group>
          </Stack>
        )}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim()) make.mutate({ body: { name } });
          }}
        >
          <Group align="flex-end">
            <TextInput
              label={t.me.tokens.name}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={100}
            />
            <Button type="submit" variant="default" disabled={!name.trim()} loading={make.isPending}>
              {t.me.tokens.make}
            </Button>
          </Group>
        </form>
      </Stack>
    </Block>
  );
}
