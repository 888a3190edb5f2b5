import type { Answer } from "../../api/client";
import { useTeamName } from "../../lib/names";
import { t } from "../../text";
import { Anchor, Block, Group, List, Mark, Stack, Text } from "../../ui";

type Card = Answer<"GET /services/{id}">;

/** With what runbooks act on a service, whom that is felt by, where people look; and what is not said of it. */
export function CarriedOut({ card }: { card: Card }) {
  const words = t.services.carried;
  const team = useTeamName();
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
        {card.links.length > 0 && (
          <Group gap="sm" component="ul" style={{ listStyle: "none", margin: 0, padding: 0 }}>
            {card.links.map((link) => (
              <li key={`${link.name}${link.url}`}>
                <Anchor href={link.url} target="_blank" rel="noreferrer noopener" underline="always">
                  {link.environment ? words.inEnvironment(link.name, link.environment) : link.name}
                </Anchor>
                {link.owner && (
                  <Text size="sm" c="dimmed" span>
                    {" "}
                    {words.toolOf(team(link.owner))}
                  </Text>
                )}
                {link.learn && (
                  <>
                    {" "}
                    <Anchor
                      href={link.learn}
                      target="_blank"
                      rel="noreferrer noopener"
                      size="sm"
                      underline="always"
                      aria-label={words.learnAbout(link.name)}
                    >
                      {words.learn}
                    </Anchor>
                  </>
                )}
              </li>
            ))}
          </Group>
        )}
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
