import { useState } from "react";
import { useServices, useTeamName } from "../../lib/names";
import { EditButton } from "../../shell/edit-button";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, SimpleGrid, Stack, Text, TextInput, TextLink, UrgencyMark } from "../../ui";

export default function Services() {
  const services = useServices();
  const team = useTeamName();
  const [search, setSearch] = useState("");
  return (
    <Screen title={t.services.title} hint={t.services.hint} actions={<EditButton kind="service" />}>
      <Read of={services}>
        {({ items }) => {
          if (items.length === 0) return <Empty icon="box" title={t.services.empty} hint={t.services.emptyHint} />;
          const word = search.toLowerCase();
          const found = items.filter((one) => `${one.id} ${one.name} ${one.team} ${team(one.team)}`.toLowerCase().includes(word));
          return (
            <Stack>
              <TextInput
                aria-label={t.services.search}
                placeholder={t.services.search}
                value={search}
                onChange={(event) => setSearch(event.currentTarget.value)}
                maw={420}
              />
              {found.length === 0 && <Empty icon="search" title={t.services.none} />}
              <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
                {found.map((service) => (
                  <Block key={service.id}>
                    <Stack gap={6}>
                      <Text fw={650} size="lg">
                        <TextLink to={`/services/${service.id}`}>{service.name || service.id}</TextLink>
                      </Text>
                      <Group gap={6}>
                        <Mark tone="info" icon="people">
                          {team(service.team)}
                        </Mark>
                        <UrgencyMark urgency={service.urgency} />
                        {!service.policy && <Mark tone="warn">{t.services.catchAll}</Mark>}
                      </Group>
                    </Stack>
                  </Block>
                ))}
              </SimpleGrid>
            </Stack>
          );
        }}
      </Read>
    </Screen>
  );
}
