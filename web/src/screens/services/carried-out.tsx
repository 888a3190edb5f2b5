import type { Answer } from "../../api/client";
import { t } from "../../text";
import { Block, Group, List, Mark, Stack, Text } from "../../ui";
import { ToolLinks } from "./tool-links";

type Card = Answer<"GET /services/{id}">;

/** With what runbooks act on a service, whom that is felt by, where people look; and what is not said of it. */
export function CarriedOut({ card }: { card: Card }) {
  const words = t.services.carried;
  const { serves } = card;
  const rest = serves.total - serves.institutions.length;
  return (
    <Block title={words.title}>
      <Stack gap="xs">
        {card.restart && (
          <Group gap="xs">
            <Text size="sm" style={{ overflowWrap: "anywhere" }}>
              {words.restart} <b>{card.restart}</b>
            </Text>
            {card.two_person && <Mark tone="warn">{words.twoPerson}</Mark>}
          </Group>
        )}
        {card.instances && (
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {words.instances} <b>{card.instances}</b>
          </Text>
        )}
        {card.deploys && (
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {words.deploys} <b>{card.deploys}</b>
          </Text>
        )}
        {serves.total > 0 && (
          <Text size="sm">
            {words.serves(serves.total, serves.all)}: {serves.institutions.map((one) => `${one.name} (${one.code})`).join(", ")}
            {rest > 0 && ` ${words.more(rest)}`}
          </Text>
        )}
        <ToolLinks links={card.links} />
        {card.lacks.length > 0 && (
          <List size="sm">
            {card.lacks.map((lack) => (
              <List.Item key={lack}>{words.lacks[lack]}</List.Item>
            ))}
          </List>
        )}
      </Stack>
    </Block>
  );
}
