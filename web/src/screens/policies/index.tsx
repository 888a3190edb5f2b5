import { usePolicies, useTeamName } from "../../lib/names";
import { EditButton } from "../../shell/edit-button";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, SimpleGrid, Stack, Text, TextLink } from "../../ui";

/** Every policy in plain words. */
export default function Policies() {
  const policies = usePolicies();
  const team = useTeamName();
  return (
    <Screen
      title={t.policies.title}
      hint={t.policies.hint}
      actions={
        <>
          <EditButton kind="catch_all" id="catch_all" label={t.edit.kinds.catch_all} />
          <EditButton kind="policy" />
        </>
      }
    >
      <Read of={policies}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="stairs" title={t.policies.empty} hint={t.policies.emptyHint} />
          ) : (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              {items.map((policy) => (
                <Block key={policy.id}>
                  <Stack gap="xs">
                    <Group justify="space-between">
                      <Text fw={650} size="lg">
                        <TextLink to={`/policies/${policy.id}`}>{policy.name || policy.id}</TextLink>
                      </Text>
                      <Group gap={6}>
                        {policy.team && <Mark tone="info">{team(policy.team)}</Mark>}
                        <Mark tone="quiet">{t.policies.services(policy.services.length)}</Mark>
                      </Group>
                    </Group>
                    <Text size="sm">{policy.words}</Text>
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
