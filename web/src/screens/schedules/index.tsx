import { useRead } from "../../api/hooks";
import { usePersonName, useSchedules, useTeamName } from "../../lib/names";
import { EditButton } from "../../shell/edit-button";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, SimpleGrid, Stack, Text, TextLink, Until } from "../../ui";

/** Every schedule with who has it now. */
export default function Schedules() {
  const schedules = useSchedules();
  const oncall = useRead("GET /oncall", { query: { limit: 500 } });
  const [person, team] = [usePersonName(), useTeamName()];
  return (
    <Screen title={t.schedules.title} hint={t.schedules.hint} actions={<EditButton kind="schedule" />}>
      <Read of={schedules}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="calendar" title={t.schedules.empty} hint={t.schedules.emptyHint} />
          ) : (
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
              {items.map((schedule) => (
                <Block key={schedule.id}>
                  <Stack gap={6}>
                    <Text fw={650} size="lg">
                      <TextLink to={`/schedules/${schedule.id}`}>{schedule.name || schedule.id}</TextLink>
                    </Text>
                    {schedule.team && (
                      <Group gap={6}>
                        <Mark tone="info" icon="people">
                          {team(schedule.team)}
                        </Mark>
                      </Group>
                    )}
                    {(oncall.data?.items ?? [])
                      .filter((row) => row.schedule === schedule.id)
                      .map((row) => (
                        <Group key={row.user} gap="xs">
                          {row.user ? <Text fw={600}>{person(row.user)}</Text> : <Mark tone="danger">{t.common.nobody}</Mark>}
                          <Text size="sm" c="dimmed">
                            <Until at={row.until} zone={schedule.timezone} />
                          </Text>
                        </Group>
                      ))}
                  </Stack>
                </Block>
              ))}
            </SimpleGrid>
          )
        }
      </Read>
    </Screen>
  );
}
