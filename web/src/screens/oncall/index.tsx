import { useRead } from "../../api/hooks";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, SimpleGrid, Stack, Text, TextLink, When } from "../../ui";

/** One glance: who has it, until when, who comes next. A gap is red and says "Nobody". */
export default function OnCall() {
  const rows = useRead("GET /oncall", { query: { limit: 500 } });
  return (
    <Screen title={t.oncall.title} hint={t.oncall.hint}>
      <Read of={rows}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="calendar" title={t.oncall.empty} hint={t.oncall.emptyHint} />
          ) : (
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
              {items.map((row) => (
                <Block key={`${row.schedule}${row.user}`}>
                  <Stack gap="xs">
                    <Group justify="space-between">
                      <TextLink to={`/schedules/${row.schedule}`}>{row.schedule}</TextLink>
                      {!row.user && <Mark tone="danger">{t.oncall.gap}</Mark>}
                    </Group>
                    <Text fw={700} size="xl">
                      {row.user ?? t.oncall.gap}
                    </Text>
                    <Text size="sm" c="dimmed">
                      {t.oncall.until} <When at={row.until} both />
                    </Text>
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
