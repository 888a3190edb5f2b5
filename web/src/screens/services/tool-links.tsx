import { useTeamName } from "../../lib/names";
import { t } from "../../text";
import { Anchor, Group, Text } from "../../ui";

type Link = { name: string; url: string; environment?: string | null; owner?: string | null; learn?: string | null };

/** Where people look, whose tools these are, and where they learn to use them. */
export function ToolLinks({ links }: { links: Link[] }) {
  const words = t.services.carried;
  const team = useTeamName();
  if (links.length === 0) return null;
  return (
    <Group gap="sm" component="ul" style={{ listStyle: "none", margin: 0, padding: 0 }}>
      {links.map((link) => (
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
  );
}
