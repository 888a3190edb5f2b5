import type { Answer } from "../../api/client";
import { t } from "../../text";
import { Group, Icon, Mark, Stack, Text } from "../../ui";

type Runbook = Pick<Answer<"GET /runbooks/{id}">, "on" | "steps">;

/** The steps of a runbook, read from top to bottom. */
export function Outline({ of: { on, steps } }: { of: Runbook }) {
  return (
    <Stack gap="sm">
      {on && <Mark tone="info">{`${t.runbooks.byAlert}: ${on}`}</Mark>}
      {steps.map((step) => (
        <Group key={step.place} gap="sm" wrap="nowrap" align="flex-start" pl={`${(step.place.split(".").length - 1) * 1.5}rem`}>
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
  );
}
