import { Link } from "wouter";
import { useRead } from "../../api/hooks";
import { useTeamName } from "../../lib/names";
import { t } from "../../text";
import { Block, Button, Empty, Group, Icon, Mark, Read, Screen, SimpleGrid, Stack, Text, TextLink, When } from "../../ui";
import { Runs } from "./runs";
import { StartButton } from "./start";

/** Every runbook, with what it would be started for, and what runs. */
export default function Runbooks() {
  const runbooks = useRead("GET /runbooks", { query: { limit: 500 } });
  const team = useTeamName();
  return (
    <Screen
      title={t.runbooks.title}
      hint={t.runbooks.hint}
      actions={
        <Button
          component={Link}
          href="/new/runbook"
          size="compact-md"
          variant="default"
          leftSection={<Icon name="edit" size={14} />}
        >
          {t.write.title}
        </Button>
      }
    >
      <Read of={runbooks}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="list" title={t.runbooks.none} hint={t.runbooks.noneHint} />
          ) : (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              {items.map((runbook) => (
                <Block key={runbook.id}>
                  <Stack gap="xs">
                    <Group justify="space-between" align="flex-start" wrap="nowrap">
                      <Text fw={650} size="lg">
                        <TextLink to={`/runbooks/${runbook.id}`}>{runbook.title}</TextLink>
                      </Text>
                      <StartButton runbook={runbook} />
                    </Group>
                    <Group gap={6}>
                      {runbook.team && <Mark tone="info">{team(runbook.team)}</Mark>}
                      <Mark tone="quiet">{t.runbooks.steps(runbook.steps.length)}</Mark>
                      {runbook.on && <Mark tone="quiet">{t.runbooks.byAlert}</Mark>}
                      {runbook.stale && <Mark tone="warn">{runbook.stale}</Mark>}
                    </Group>
                    <Group gap={6}>
                      {runbook.last_run_at && runbook.last_run_state && (
                        <Text size="sm" c="dimmed">
                          {t.runbooks.lastRun(t.run.states[runbook.last_run_state])} <When at={runbook.last_run_at} relative />
                        </Text>
                      )}
                    </Group>
                  </Stack>
                </Block>
              ))}
            </SimpleGrid>
          )
        }
      </Read>
      <Runs title={t.runbooks.runs} />
    </Screen>
  );
}
