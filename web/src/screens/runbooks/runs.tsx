import { useRead } from "../../api/hooks";
import { usePersonName } from "../../lib/names";
import { t } from "../../text";
import { Block, Group, Mark, Read, Stack, Text, TextLink, When } from "../../ui";

/** What is told of a run without opening it: for whom, how far, what it waits for. */
export function Runs(props: { title: string; runbook?: string; alert?: string }) {
  const runs = useRead("GET /runs", { query: { runbook: props.runbook, alert: props.alert, limit: 50 } }, { every: 5_000 });
  const person = usePersonName();
  return (
    <Block title={props.title}>
      <Read of={runs} lines={1}>
        {({ items }) => (
          <Stack gap="xs">
            {items.length === 0 && <Text c="dimmed">{t.runbooks.noRuns}</Text>}
            {items.map((run) => (
              <Group key={run.id} gap="sm">
                <RunMark state={run.state} />
                <TextLink to={`/runs/${run.id}`}>{[run.title, about(run.inputs)].filter(Boolean).join(": ")}</TextLink>
                {run.waits_for.length > 0 && (
                  <Mark tone="warn" icon="hand">
                    {t.run.waiting(run.waits_for.length)}
                  </Mark>
                )}
                <Text size="sm" c="dimmed">
                  <When at={run.started_at} relative />, {t.run.startedBy(starter(run.started_by, person))}
                </Text>
              </Group>
            ))}
          </Stack>
        )}
      </Read>
    </Block>
  );
}

export const starter = (by: string, person: (id: string) => string): string => (by === "alert" ? t.run.alert : person(by));

/** The institution or the service that a run is for. */
export function about(inputs: Record<string, unknown>): string {
  const one = (inputs.institution ?? inputs.service) as { name?: string; id?: string } | undefined;
  return one?.name ?? one?.id ?? "";
}

export function RunMark({ state }: { state: keyof typeof t.run.states }) {
  const tone = { running: "info", done: "ok", overdue: "danger", cancelled: "quiet", joined: "quiet", watching: "info" } as const;
  return <Mark tone={tone[state]}>{t.run.states[state]}</Mark>;
}
