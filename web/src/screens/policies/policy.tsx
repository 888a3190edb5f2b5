import { useParams } from "wouter";
import { useRead } from "../../api/hooks";
import { useServiceName, useTargetName } from "../../lib/names";
import { EditButton } from "../../shell/edit-button";
import { t } from "../../text";
import { Block, Button, CopyButton, Grid, Group, Icon, Mark, Read, Screen, Stack, Text, TextLink } from "../../ui";
import { Simulate } from "./simulate";
import style from "./steps.module.css";

/** One policy: in words, as a ladder, and tried out. Its address is the short, stable link that anybody may open. */
export default function Policy() {
  const { id = "" } = useParams<{ id: string }>();
  const policy = useRead("GET /policies/{id}", { path: { id } });
  const [target, service] = [useTargetName(), useServiceName()];
  return (
    <Screen
      title={policy.data?.name || id}
      back={{ to: "/policies", text: t.policies.title }}
      actions={
        <>
          <CopyButton value={location.href}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy} leftSection={<Icon name={copied ? "check" : "link"} />}>
                {copied ? t.common.copied : t.policies.link}
              </Button>
            )}
          </CopyButton>
          <EditButton kind="policy" id={id} team={policy.data?.team ?? undefined} />
        </>
      }
    >
      <Read of={policy}>
        {(card) => (
          <Grid>
            <Grid.Col span={{ base: 12, md: 5 }}>
              <Stack>
                <Block title={t.policies.ladder}>
                  <ol className={style.steps}>
                    {card.steps.map((step, index) => (
                      <li key={step.step} className={style.step}>
                        <Text fw={600}>{t.policies.step(step.step)}</Text>
                        <Group gap={6}>
                          {step.page.map((one) => (
                            <Mark
                              key={one}
                              tone="info"
                              icon={one.startsWith("user:") ? "person" : one.startsWith("team:") ? "people" : "calendar"}
                            >
                              {target(one)}
                            </Mark>
                          ))}
                        </Group>
                        {(index < card.steps.length - 1 || card.repeat > 0) && (
                          <Text size="sm" c="dimmed">
                            {t.policies.waits(step.wait)}
                          </Text>
                        )}
                      </li>
                    ))}
                  </ol>
                  {card.repeat > 0 && <Text size="sm">{t.policies.repeat(card.repeat)}</Text>}
                </Block>
                <Block title={t.policies.words}>
                  <Text>{card.words}</Text>
                </Block>
                <Block title={t.policies.usedBy}>
                  {card.services.length === 0 ? (
                    <Text c="dimmed">{t.policies.unused}</Text>
                  ) : (
                    <Group gap="md">
                      {card.services.map((one) => (
                        <TextLink key={one} to={`/services/${one}`}>
                          {service(one)}
                        </TextLink>
                      ))}
                    </Group>
                  )}
                </Block>
              </Stack>
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 7 }}>
              <Simulate of={{ policy: id }} />
            </Grid.Col>
          </Grid>
        )}
      </Read>
    </Screen>
  );
}
