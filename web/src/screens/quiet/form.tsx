import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Answer, type Problem, request } from "../../api/client";
import { useAct } from "../../api/hooks";
import { useServices } from "../../lib/names";
import { t } from "../../text";
import { Button, Chip, Group, Modal, MultiSelect, Select, Stack, TagsInput, Text, TextInput } from "../../ui";

const LENGTHS = ["30m", "1h", "2h", "8h", "1d", "1w"];

/** A silence by service and labels, or a maintenance window of services; always with an end. */
export function QuietForm({ kind, close }: { kind: "silence" | "maintenance"; close: () => void }) {
  const services = useServices();
  const [service, setService] = useState<string | null>(null);
  const [many, setMany] = useState<string[]>([]);
  const [matchers, setMatchers] = useState<string[]>([]);
  const [length, setLength] = useState("1h");
  const [why, setWhy] = useState("");
  const silence = useAct("POST /silences", { touches: ["GET /silences"], done: () => t.quiet.saved, onDone: close });
  const maintenance = useAct("POST /maintenance", { touches: ["GET /maintenance"], done: () => t.quiet.saved, onDone: close });
  const data = (services.data?.items ?? []).map((one) => ({ value: one.id, label: one.name || one.id }));
  const ready = kind === "silence" ? Boolean(service) || matchers.length > 0 : many.length > 0;
  return (
    <Modal opened onClose={close} title={kind === "silence" ? t.quiet.addSilence : t.quiet.addWindow}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!ready) return;
          if (kind === "silence") silence.mutate({ body: { service, matchers, for: length, why } });
          else maintenance.mutate({ body: { services: many, for: length, why } });
        }}
      >
        <Stack>
          {kind === "silence" ? (
            <>
              <Select
                label={t.quiet.service}
                placeholder={t.quiet.anyService}
                value={service}
                onChange={setService}
                data={data}
                searchable
                clearable
                clearButtonProps={{ "aria-label": t.common.remove }}
              />
              <TagsInput label={t.quiet.matchers} description={t.quiet.matchersHint} value={matchers} onChange={setMatchers} />
              {!ready && (
                <Text size="sm" c="dimmed">
                  {t.quiet.needsSomething}
                </Text>
              )}
            </>
          ) : (
            <MultiSelect label={t.quiet.services} value={many} onChange={setMany} data={data} searchable required />
          )}
          <Group gap="xs" role="group" aria-label={t.quiet.length}>
            <Text size="sm">{t.quiet.length}</Text>
            <Chip.Group value={length} onChange={(value) => setLength(String(value))}>
              {LENGTHS.map((one) => (
                <Chip key={one} value={one} size="sm">
                  {one}
                </Chip>
              ))}
            </Chip.Group>
          </Group>
          <TextInput
            label={t.quiet.why}
            placeholder={t.quiet.whyHint}
            value={why}
            onChange={(event) => setWhy(event.currentTarget.value)}
            maxLength={500}
          />
          {ready && <Hidden body={kind === "silence" ? { service, matchers } : { services: many }} />}
          <Button type="submit" disabled={!ready} loading={silence.isPending || maintenance.isPending}>
            {t.common.save}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

/** Before it is made: what it would have hidden in the last week. */
function Hidden({ body }: { body: { service?: string | null; matchers?: string[]; services?: string[] } }) {
  const hidden = useQuery<Answer<"POST /silences/preview">, Problem>({
    queryKey: ["POST /silences/preview", body],
    queryFn: () => request("POST /silences/preview", { body }),
    retry: false,
  });
  if (!hidden.data) return null;
  const { alerts, paged, examples } = hidden.data;
  return (
    <div aria-live="polite">
      <Text size="sm" fw={600}>
        {t.hidden.title}
      </Text>
      <Text size="sm">{alerts === 0 ? t.hidden.none : t.hidden.some(alerts, paged)}</Text>
      {examples.map((one) => (
        <Text key={one.id} size="sm" c="dimmed">
          {one.summary}
        </Text>
      ))}
    </div>
  );
}
