import { useRead } from "../../api/hooks";
import { usePersonName } from "../../lib/names";
import { absolute, useZone } from "../../lib/time";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, SimpleGrid, Stack, Text, TextLink, When } from "../../ui";
import { PageSomebody } from "../alerts/page";

/** One glance: who has it, how they can be reached, until when, who comes next. A gap is red and says "Nobody". */
export default function OnCall() {
  const board = useRead("GET /oncall/board", undefined, { every: 30_000 });
  const person = usePersonName();
  const zone = useZone();
  const may = useMay();
  return (
    <Screen title={t.oncall.title} hint={t.oncall.hint}>
      <Read of={board}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="calendar" title={t.oncall.empty} hint={t.oncall.emptyHint} />
          ) : (
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
              {items.map((place) => (
                <Block key={place.schedule}>
                  <Stack gap="xs">
                    <Group justify="space-between">
                      <TextLink to={`/schedules/${place.schedule}`}>{place.name || place.schedule}</TextLink>
                      {place.team && <Mark tone="info">{place.team}</Mark>}
                    </Group>
                    {place.on.length === 0 && (
                      <>
                        <Text fw={700} size="xl" c="var(--fd-danger-text)">
                          {t.oncall.gap}
                        </Text>
                        <Text size="sm">{t.oncall.gapHint}</Text>
                      </>
                    )}
                    {place.on.map((one) => (
                      <Stack key={one.user} gap={4}>
                        <Text fw={700} size="xl">
                          {person(one.user)}
                        </Text>
                        <Text size="sm">
                          {one.channels.length > 0
                            ? `${t.board.reach} ${[...new Set(one.channels)].map((channel) => t.channels[channel] ?? channel).join(", ")}`
                            : t.board.noReach}
                          {one.busy > 0 && `; ${t.board.busy(one.busy)}`}
                        </Text>
                        <Group gap={6}>
                          <Mark
                            tone={one.ready ? "ok" : "warn"}
                            icon={one.ready ? "check" : "warn"}
                            title={one.lacking ?? undefined}
                          >
                            {one.ready ? t.reach.proven : t.reach.unproven}
                          </Mark>
                        </Group>
                        {may("responder") && (
                          <Group>
                            <PageSomebody to={`user:${one.user}`} label={t.board.page(person(one.user))} />
                          </Group>
                        )}
                      </Stack>
                    ))}
                    {place.away.map((one) => (
                      <Text key={one.user} size="sm" c="dimmed">
                        {t.board.away(person(one.user), absolute(new Date(one.until), zone))}
                      </Text>
                    ))}
                    <Text size="sm" c="dimmed">
                      {place.next ? (
                        <>
                          {t.oncall.until} <When at={place.until} zone={place.timezone} both />. {t.board.next}{" "}
                          {place.next.users.map(person).join(", ") || t.board.nobody}.
                        </>
                      ) : (
                        t.board.same
                      )}
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
