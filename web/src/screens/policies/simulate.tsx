import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Answer, type Problem, request } from "../../api/client";
import { usePeople, usePersonName } from "../../lib/names";
import { length } from "../../lib/time";
import { t } from "../../text";
import { Block, Button, Chip, Empty, Group, Mark, MultiSelect, Read, SegmentedControl, Stack, Text, TextInput } from "../../ui";
import style from "./steps.module.css";

type Step = Answer<"POST /simulate">["items"][number];

/** The engine in dry run, minute by minute, with "what if Ada does not answer?". */
export function Simulate({ of }: { of: { service?: string; policy?: string } }) {
  const [silent, setSilent] = useState<string[]>([]);
  const [down, setDown] = useState<string[]>([]);
  const [urgency, setUrgency] = useState("usual");
  const [at, setAt] = useState("");
  const people = usePeople();
  const name = usePersonName();
  const when = at ? new Date(at) : undefined;
  const body = {
    ...of,
    silent,
    channels_down: down as never,
    urgency: urgency === "usual" ? undefined : (urgency as never),
    at: when && !Number.isNaN(when.getTime()) ? when.toISOString() : undefined,
  };
  const trace = useQuery<Answer<"POST /simulate">, Problem>({
    queryKey: ["POST /simulate", body],
    queryFn: () => request("POST /simulate", { body }),
    placeholderData: (before) => before,
  });
  const first = trace.data?.items[0]?.user;
  return (
    <Block title={t.simulate.title}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t.simulate.hint}
        </Text>
        <Group align="flex-end" gap="sm">
          <TextInput
            type="datetime-local"
            label={t.simulate.at}
            description={at ? undefined : t.simulate.now}
            value={at}
            onChange={(event) => setAt(event.currentTarget.value)}
          />
          <SegmentedControl
            aria-label={t.simulate.urgency}
            value={urgency}
            onChange={setUrgency}
            data={[
              { value: "usual", label: t.simulate.asUsual },
              { value: "high", label: t.urgency.high },
              { value: "low", label: t.urgency.low },
            ]}
          />
        </Group>
        <MultiSelect
          label={t.simulate.silent}
          placeholder={silent.length === 0 ? t.simulate.silentHint : undefined}
          searchable
          clearable
          value={silent}
          onChange={setSilent}
          data={(people.data?.items ?? []).map((person) => ({ value: person.id, label: person.name || person.id }))}
        />
        <Group gap="xs" role="group" aria-label={t.simulate.down}>
          <Text size="sm">{t.simulate.down}</Text>
          <Chip.Group multiple value={down} onChange={setDown}>
            {Object.entries(t.channels).map(([channel, text]) => (
              <Chip key={channel} value={channel} size="sm">
                {text}
              </Chip>
            ))}
          </Chip.Group>
        </Group>
        {first && !silent.includes(first) && (
          <Group>
            <Button variant="default" size="compact-md" onClick={() => setSilent([...silent, first])}>
              {t.simulate.whatIf(name(first))}
            </Button>
          </Group>
        )}
        <Read of={trace}>{({ items }) => <Trace steps={items as Step[]} />}</Read>
      </Stack>
    </Block>
  );
}

/** Who is told when, grouped by the moment. */
export function Trace({ steps }: { steps: Step[] }) {
  const name = usePersonName();
  if (steps.length === 0) return <Empty icon="warn" title={t.simulate.nobody} hint={t.simulate.nobodyHint} />;
  const moments = new Map<number, Step[]>();
  for (const step of steps) moments.set(step.after_s, [...(moments.get(step.after_s) ?? []), step]);
  return (
    <ol className={style.steps} aria-label={t.simulate.result}>
      {[...moments].map(([after, at]) => (
        <li key={after} className={style.step}>
          <Text fw={600}>{after === 0 ? t.simulate.atOnce : t.simulate.after(length(after))}</Text>
          {at.map((step) => (
            <div key={`${step.user}${step.contact}`}>
              <Group gap={6}>
                <Text fw={600}>{name(step.user)}</Text>
                <Mark tone="quiet">{t.simulate.by(t.channels[step.channel] ?? step.channel, step.contact)}</Mark>
              </Group>
              <Text size="sm" c="dimmed">
                {step.reason}
              </Text>
            </div>
          ))}
        </li>
      ))}
    </ol>
  );
}
