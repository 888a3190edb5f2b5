import { useRead } from "../../api/hooks";
import { t } from "../../text";
import { Block, Group, Mark, Read, Stack, Text, When } from "../../ui";

/** More are told by the command line. */
const SHOWN = 5;
/** As old as the server's own answer may be. */
const EVERY_MS = 15_000;

/** What of a service was deployed within the last day; asked of whatever deploys it. */
export function Deployed({ service }: { service: string }) {
  const deploys = useRead("GET /services/{id}/deploys", { path: { id: service } }, { every: EVERY_MS });
  return (
    <Block title={t.services.deployed.title}>
      <Read of={deploys} lines={2}>
        {({ text, under_way, each }) => (
          <Stack gap="xs">
            <Group gap="xs">
              {under_way && <Mark tone="warn">{t.services.deployed.underWay}</Mark>}
              <Text size="sm" style={{ overflowWrap: "anywhere", flex: "1 1 12rem" }}>
                {text}
              </Text>
            </Group>
            {each.slice(0, SHOWN).map((one) => (
              <Text key={one.name} size="sm" style={{ overflowWrap: "anywhere" }}>
                <When at={one.at} both /> <b>{one.name}</b> {[one.outcome, one.detail].filter(Boolean).join(", ")}
              </Text>
            ))}
          </Stack>
        )}
      </Read>
    </Block>
  );
}
