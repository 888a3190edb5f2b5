import { useState } from "react";
import { useRead } from "../../api/hooks";
import { t } from "../../text";
import { Block, Group, Select, Stack, Text, TextLink } from "../../ui";
import { Runs } from "./runs";
import { StartButton } from "./start";

/** What runs for an alert, and what could. */
export function ForAlert({ id }: { id: string }) {
  const runbooks = useRead("GET /runbooks", { query: { limit: 500 } });
  const [chosen, setChosen] = useState<string | null>(null);
  const all = runbooks.data?.items ?? [];
  if (all.length === 0) return null;
  const runbook = all.find((one) => one.id === chosen);
  return (
    <Stack>
      <Runs title={t.runbooks.forAlert} alert={id} />
      <Block>
        <Group align="flex-end">
          <Select
            label={t.runbooks.choose}
            description={t.runbooks.forAlertHint}
            data={all.map((one) => ({ value: one.id, label: one.title }))}
            value={chosen}
            onChange={setChosen}
            searchable
            selectFirstOptionOnChange
            style={{ flex: 1 }}
          />
          {runbook && <StartButton runbook={runbook} alert={id} full />}
        </Group>
        <Text size="sm" mt="sm">
          <TextLink to="/failures">{t.failures.link}</TextLink>
        </Text>
      </Block>
    </Stack>
  );
}
