import { useParams } from "wouter";
import type { Answer } from "../../api/client";
import { useRead } from "../../api/hooks";
import { usePersonName, useScheduleName } from "../../lib/names";
import { EditButton } from "../../shell/edit-button";
import { t } from "../../text";
import { Block, Grid, Group, Icon, List, Mark, Read, Screen, Stack, StateMark, Text, TextLink, When } from "../../ui";
import { Simulate } from "../policies/simulate";
import { CarriedOut } from "./carried-out";
import { Deployed } from "./deployed";

type Card = Answer<"GET /services/{id}">;

/** One service: owner, who is paged now, what is missing, how runbooks act on it, what is open, and who would be paged. */
export default function Service() {
  const { id = "" } = useParams<{ id: string }>();
  const service = useRead("GET /services/{id}", { path: { id } });
  return (
    <Screen
      title={service.data?.name || id}
      back={{ to: "/services", text: t.services.title }}
      actions={<EditButton kind="service" id={id} team={service.data?.team} />}
    >
      <Read of={service}>
        {(card) => (
          <Grid>
            <Grid.Col span={{ base: 12, md: 6 }}>
              <Stack>
                <Facts card={card} />
                <Missing card={card} />
                <CarriedOut card={card} />
                {card.deploys && <Deployed service={id} />}
                <Open service={id} />
              </Stack>
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 6 }}>
              <Simulate of={{ service: id }} />
            </Grid.Col>
          </Grid>
        )}
      </Read>
    </Screen>
  );
}

function Facts({ card }: { card: Card }) {
  const [person, schedule] = [usePersonName(), useScheduleName()];
  return (
    <Block title={t.services.oncall}>
      <Stack gap="xs">
        {card.oncall.map((row) => (
          <Group key={`${row.step}${row.schedule}${row.user}`} gap="xs">
            <Mark tone="quiet">{t.services.step(row.step ?? 1)}</Mark>
            {row.user ? <Text fw={600}>{person(row.user)}</Text> : <Mark tone="danger">{t.common.nobody}</Mark>}
            {row.schedule && <TextLink to={`/schedules/${row.schedule}`}>{schedule(row.schedule)}</TextLink>}
            {row.until && (
              <Text size="sm" c="dimmed">
                {t.oncall.until} <When at={row.until} both />
              </Text>
            )}
          </Group>
        ))}
        <Text size="sm">
          {t.services.owner} <b>{card.owner.name || card.owner.id}</b> ({card.owner.members.map(person).join(", ")})
        </Text>
        <Text size="sm">
          {t.services.policy}:{" "}
          {card.policy ? <TextLink to={`/policies/${card.policy}`}>{card.policy}</TextLink> : t.services.catchAll}
        </Text>
        <Text size="sm">
          {t.services.ackTimeout}: {card.ack_timeout ?? t.services.never}
        </Text>
      </Stack>
    </Block>
  );
}

function Missing({ card }: { card: Card }) {
  const lacks = [
    !card.policy && t.services.lacks.policy,
    card.integrations.length === 0 && t.services.lacks.integration,
    card.owner.members.length === 0 && t.services.lacks.members,
    card.oncall.some((row) => row.step === 1 && !row.user) && t.services.lacks.oncall,
  ].filter((text) => typeof text === "string");
  return (
    <Block title={t.services.missing}>
      {lacks.length === 0 ? (
        <Group gap="xs">
          <Icon name="check" />
          <Text>{t.services.missingNone}</Text>
        </Group>
      ) : (
        <List>
          {lacks.map((text) => (
            <List.Item key={text}>{text}</List.Item>
          ))}
        </List>
      )}
    </Block>
  );
}

/** The newest of the open ones; all of them are in the inbox. */
const SHOWN = 10;

function Open({ service }: { service: string }) {
  const alerts = useRead("GET /alerts", { query: { service, limit: SHOWN } });
  return (
    <Block title={t.services.openAlerts}>
      <Read of={alerts}>
        {({ items }) =>
          items.length === 0 ? (
            <Text c="dimmed">{t.services.noAlerts}</Text>
          ) : (
            <Stack gap="xs">
              {items.map((alert) => (
                <Group key={alert.id} gap="xs" wrap="nowrap">
                  <StateMark state={alert.state} />
                  <TextLink to={`/alerts/${alert.id}`}>{alert.summary}</TextLink>
                </Group>
              ))}
            </Stack>
          )
        }
      </Read>
    </Block>
  );
}
