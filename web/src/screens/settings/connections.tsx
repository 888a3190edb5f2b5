import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { useTeamName } from "../../lib/names";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import { Block, Button, Code, Group, Icon, List, Mark, Read, Stack, Text, TextLink } from "../../ui";

type Connection = Answer<"GET /connections">["items"][number];

/** A setup has a handful; the rest is what the command line is for. */
const SHOWN = 100;
const TONES = { ok: "ok", warn: "warn", fail: "danger" } as const;

/** The outside systems of runbooks: where each is, what it is for, and whether it works now. */
export function Connections() {
  const connections = useRead("GET /connections", { query: { limit: SHOWN } });
  return (
    <Block title={t.connections.title}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t.connections.hint}
        </Text>
        <Read of={connections} lines={2}>
          {({ items }) =>
            items.length === 0 ? (
              <Stack gap="xs">
                <Text fw={600}>{t.connections.none}</Text>
                <Text size="sm">{t.connections.noneHint}</Text>
                <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
                  {t.connections.lines}
                </Code>
              </Stack>
            ) : (
              <Stack gap="md" component="ul" style={{ listStyle: "none", margin: 0, padding: 0 }}>
                {items.map((one) => (
                  <One key={one.id} of={one} />
                ))}
              </Stack>
            )
          }
        </Read>
      </Stack>
    </Block>
  );
}

function One({ of }: { of: Connection }) {
  const may = useMay();
  const team = useTeamName();
  const check = useAct("POST /connections/{id}/check", { touches: ["GET /doctor"] });
  const where = of.port ? `${of.host}:${of.port}` : of.host;
  const found = check.data;
  const rest = of.services_total - of.services.length;
  return (
    <li>
      <Group justify="space-between" align="flex-start" gap="sm">
        <Stack gap={2} style={{ flex: "1 1 14rem", minWidth: 0 }}>
          <Text fw={600}>{of.id}</Text>
          <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {t.connections.at(of.kind, where)}
          </Text>
          {of.owner && (
            <Text size="sm">
              {t.connections.owner}: {team(of.owner)}
            </Text>
          )}
          {of.actions.length > 0 && (
            <Text size="sm">
              {t.connections.actions}: {of.actions.join(", ")}
            </Text>
          )}
          {of.services.length > 0 && (
            <Text size="sm">
              {t.connections.services}:{" "}
              {of.services.map((id, n) => (
                <span key={id}>
                  {n > 0 && ", "}
                  <TextLink to={`/services/${id}`}>{id}</TextLink>
                </span>
              ))}
              {rest > 0 && ` ${t.connections.more(rest)}`}
            </Text>
          )}
          {of.actions.length === 0 && of.services.length === 0 && <Text size="sm">{t.connections.unused}</Text>}
        </Stack>
        {may("admin") && (
          <Button
            size="compact-md"
            variant="default"
            leftSection={<Icon name="play" size={14} />}
            aria-label={t.connections.checkOne(of.id)}
            loading={check.isPending}
            onClick={() => check.mutate({ path: { id: of.id } })}
          >
            {t.connections.check}
          </Button>
        )}
      </Group>
      <div role="status">
        {found && (
          <Stack gap={2} mt="xs">
            <Text size="sm">
              <Mark tone={TONES[found.level]}>{t.connections.levels[found.level]}</Mark>{" "}
              {found.notes.length > 0 ? [found.system, found.version].filter(Boolean).join(" ") : found.message}
            </Text>
            {found.notes.length > 0 && (
              <List size="sm">
                {found.notes.map((note) => (
                  <List.Item key={note}>{note}</List.Item>
                ))}
              </List>
            )}
            {found.fix && (
              <Text size="sm" c="dimmed">
                {found.fix}
              </Text>
            )}
          </Stack>
        )}
      </div>
    </li>
  );
}
