import { useState } from "react";
import { useAct, useRead } from "../../api/hooks";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  CopyButton,
  Empty,
  Grid,
  Group,
  List,
  Mark,
  Read,
  Screen,
  Select,
  Stack,
  Table,
  Text,
  TextInput,
  When,
} from "../../ui";
import { Connections } from "./connections";

/** What the server runs with, what it finds wrong with itself, what it is connected with, and the tokens of machines. */
export default function Settings() {
  const may = useMay();
  return (
    <Screen title={t.settings.title} hint={t.settings.hint}>
      <Grid>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Stack>
            <Doctor />
            <Connections />
            {may("admin") && <Tokens />}
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          {may("admin") ? <All /> : <Empty icon="key" title={t.settings.all} hint={t.start.service.notAdmin} />}
        </Grid.Col>
      </Grid>
    </Screen>
  );
}

function Doctor() {
  const doctor = useRead("GET /doctor", { query: { limit: 100 } });
  return (
    <Block title={t.settings.doctor}>
      <Read of={doctor}>
        {({ items }) => (
          <List spacing="xs">
            {items.map((one) => (
              <List.Item key={`${one.check}${one.message}`}>
                <Mark tone={one.level === "ok" ? "ok" : one.level === "fail" ? "danger" : "warn"}>{one.check}</Mark> {one.message}{" "}
                {one.fix && (
                  <Text span c="dimmed" size="sm">
                    {one.fix}
                  </Text>
                )}
              </List.Item>
            ))}
          </List>
        )}
      </Read>
    </Block>
  );
}

function All() {
  const settings = useRead("GET /settings");
  return (
    <Block title={t.settings.all}>
      <Read of={settings}>
        {({ items }) => (
          <Table>
            <Table.Tbody>
              {items.map((one) => (
                <Table.Tr key={one.name}>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>
                    <Text size="sm" fw={600}>
                      {one.name}
                    </Text>
                  </Table.Td>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>
                    <Text size="sm">{one.value || t.common.none}</Text>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Read>
    </Block>
  );
}

function Tokens() {
  const tokens = useRead("GET /tokens", { query: { limit: 200 } });
  const [name, setName] = useState("");
  const [role, setRole] = useState<string | null>("viewer");
  const [made, setMade] = useState<string | null>(null);
  const make = useAct("POST /tokens", {
    touches: ["GET /tokens"],
    onDone: (answer) => {
      setMade(answer.token);
      setName("");
    },
  });
  const revoke = useAct("DELETE /tokens/{id}", { touches: ["GET /tokens"], done: () => t.settings.revoked });
  return (
    <Block title={t.settings.tokens}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t.settings.tokensHint}
        </Text>
        <Read of={tokens} lines={2}>
          {({ items }) => (
            <Stack gap="xs">
              {items.length === 0 && <Text c="dimmed">{t.settings.none}</Text>}
              {items.map((one) => (
                <Group key={one.id} justify="space-between">
                  <Text size="sm">
                    <b>{one.name}</b> ({one.role}), {one.last_used_at ? t.settings.used : t.settings.never}{" "}
                    {one.last_used_at && <When at={one.last_used_at} relative />}
                  </Text>
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={`${t.settings.revoke}: ${one.name}`}
                    onClick={() => revoke.mutate({ path: { id: one.id } })}
                  >
                    {t.settings.revoke}
                  </Button>
                </Group>
              ))}
            </Stack>
          )}
        </Read>
        {made && (
          <Stack gap="xs" role="status">
            <Text fw={600}>{t.settings.made}</Text>
            <Group wrap="nowrap">
              <TextInput
                aria-label={t.settings.made}
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
            if (name.trim() && role) make.mutate({ body: { name, role: role as "viewer" } });
          }}
        >
          <Group align="flex-end">
            <TextInput
              label={t.settings.name}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={100}
            />
            <Select
              label={t.settings.role}
              value={role}
              onChange={setRole}
              data={Object.entries(t.settings.roles).map(([value, label]) => ({ value, label }))}
              allowDeselect={false}
              w={180}
            />
            <Button type="submit" variant="default" disabled={!name.trim()} loading={make.isPending}>
              {t.settings.make}
            </Button>
          </Group>
        </form>
      </Stack>
    </Block>
  );
}
