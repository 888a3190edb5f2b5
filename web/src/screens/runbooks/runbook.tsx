import { useParams } from "wouter";
import { useRead } from "../../api/hooks";
import { t } from "../../text";
import { Block, Group, Icon, Mark, Read, Screen, Stack, Text } from "../../ui";
import { Runs } from "./runs";
import { StartButton } from "./start";

/** A runbook as it is written, read from top to bottom. */
export default function Runbook() {
  const { id = "" } = useParams<{ id: string }>();
  const runbook = useRead("GET /runbooks/{id}", { path: { id } });
  return (
    <Screen
      title={runbook.data?.title ?? id}
      back={{ to: "/runbooks", text: t.runbooks.all }}
      actions={runbook.data && <StartButton runbook={runbook.data} full />}
    >
      <Read of={runbook}>
        {({ steps, on }) => (
          <Block>
            <Stack gap="sm">
              {on && <Mark tone="info">{`${t.runbooks.byAlert}: ${on}`}</Mark>}
              {steps.map((step) => (
                <Group
                  key={step.place}
                  gap="sm"
                  wrap="nowrap"
                  align="flex-start"
                  pl={`${(step.place.split(".").length - 1) * 1.5}rem`}
                >
                  <Text fw={700} w={44}>
                    {step.place}
                  </Text>
                  <div>
                    <Text>{step.do}</Text>
                    <Text size="sm" c="dimmed">
                      {[step.uses, step.when && t.runbooks.when(step.when)].filter(Boolean).join(" · ")}
                    </Text>
                    {step.destructive && (
                      <Text size="sm">
                        <Icon name="warn" size={14} /> {t.runbooks.destructive}
                      </Text>
                    )}
                  </div>
                </Group>
              ))}
            </Stack>
          </Block>
        )}
      </Read>
      <Runs title={t.runbooks.runs} runbook={id} />
    </Screen>
  );
}
