import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Answer, type Problem, request } from "../../api/client";
import { useAct } from "../../api/hooks";
import { usePeople, usePersonName } from "../../lib/names";
import { length } from "../../lib/time";
import { t } from "../../text";
import { Button, Group, List, Mark, Modal, Read, SegmentedControl, Select, Stack, Text, TextInput } from "../../ui";
import { fromLocal, type Range, toLocal } from "./geometry";
import { useReplace } from "./lanes";

/** An override in the making, or one that is being changed. */
export interface Draft {
  id?: string;
  from: number;
  to: number;
  user: string | null;
  change: "replace" | "add" | "remove";
  /** It is to be taken back. */
  ending?: boolean;
}

type Preview = Answer<"POST /schedules/{id}/preview">;
const TOUCHES = ["GET /schedules/{id}/timeline", "GET /oncall", "GET /me/shifts"] as const;

/** The form; before anything is saved it says who gains and who loses, and whether it leaves a gap. */
export function Editor(props: { schedule: string; zone: string; range: Range; draft: Draft; close: () => void }) {
  const { schedule, zone, close } = props;
  const [draft, setDraft] = useState(props.draft);
  const [from, setFrom] = useState(toLocal(draft.from, zone));
  const [to, setTo] = useState(toLocal(draft.to, zone));
  const people = usePeople();
  const [start, stop] = [fromLocal(from, zone), fromLocal(to, zone)];
  const valid = stop > start;
  const replace = useReplace(schedule);
  const add = useAct("POST /overrides", { touches: [...TOUCHES], done: () => t.schedules.editor.saved, onDone: close });
  const end = useAct("DELETE /overrides/{id}", { touches: [...TOUCHES], done: () => t.schedules.editor.ended, onDone: close });
  const iso = {
    from: Number.isNaN(start) ? "" : new Date(start).toISOString(),
    to: Number.isNaN(stop) ? "" : new Date(stop).toISOString(),
  };
  const who =
    draft.change === "remove"
      ? { remove: draft.user ?? undefined }
      : { user: draft.user ?? undefined, add: draft.change === "add" };
  const body = {
    from: new Date(Math.min(props.range.from, start || props.range.from)).toISOString(),
    to: new Date(Math.max(props.range.to, stop || props.range.to)).toISOString(),
    override: draft.ending ? undefined : { ...who, ...iso },
    end_override: draft.id,
  };
  const preview = useQuery<Preview, Problem>({
    queryKey: ["POST /schedules/{id}/preview", schedule, body],
    queryFn: () => request("POST /schedules/{id}/preview", { path: { id: schedule }, body }),
    enabled: draft.ending || (valid && draft.user !== null),
    retry: false,
  });
  const save = () => {
    if (draft.id) {
      replace({ ...draft, from: start, to: stop });
      close();
    } else add.mutate({ body: { schedule, ...who, ...iso } });
  };
  return (
    <Modal opened onClose={close} title={draft.id ? t.schedules.editor.editTitle : t.schedules.editor.newTitle} size="md">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (draft.ending && draft.id) end.mutate({ path: { id: draft.id } });
          else if (valid && draft.user) save();
        }}
      >
        <Stack>
          {!draft.ending && (
            <>
              <SegmentedControl
                aria-label={t.schedules.editor.how}
                value={draft.change}
                onChange={(change) => setDraft({ ...draft, change: change as Draft["change"] })}
                data={[
                  { value: "replace", label: t.schedules.editor.replace },
                  { value: "add", label: t.schedules.editor.addTo },
                  { value: "remove", label: t.schedules.editor.remove },
                ]}
              />
              <Select
                label={t.schedules.editor.who}
                value={draft.user}
                onChange={(user) => setDraft({ ...draft, user })}
                data={(people.data?.items ?? []).map((person) => ({ value: person.id, label: person.name || person.id }))}
                searchable
                required
              />
              <Group grow>
                <TextInput
                  type="datetime-local"
                  label={t.schedules.editor.from}
                  value={from}
                  onChange={(event) => setFrom(event.currentTarget.value)}
                  required
                />
                <TextInput
                  type="datetime-local"
                  label={t.schedules.editor.until}
                  value={to}
                  onChange={(event) => setTo(event.currentTarget.value)}
                  error={valid ? undefined : t.schedules.editor.invalid}
                  required
                />
              </Group>
              <Text size="sm" c="dimmed">
                {t.schedules.editor.zoneNote(zone)}
              </Text>
            </>
          )}
          {(draft.user || draft.ending) && <Read of={preview}>{(answer) => <Changes preview={answer} />}</Read>}
          <Group justify="space-between">
            {draft.id && !draft.ending ? (
              <Button variant="default" onClick={() => setDraft({ ...draft, ending: true })}>
                {t.schedules.editor.takeBack}
              </Button>
            ) : (
              <span />
            )}
            <Button type="submit" loading={add.isPending || end.isPending} disabled={!draft.ending && (!valid || !draft.user)}>
              {draft.ending ? t.schedules.editor.takeBack : t.schedules.editor.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Changes({ preview }: { preview: Preview }) {
  const name = usePersonName();
  const gap = preview.gaps_after_s - preview.gaps_before_s;
  return (
    <Stack gap="xs" role="status" aria-label={t.schedules.editor.preview}>
      <Text fw={600}>{t.schedules.editor.preview}</Text>
      {preview.people.length === 0 && <Text size="sm">{t.schedules.editor.nothing}</Text>}
      <List size="sm">
        {preview.people.map((one) => (
          <List.Item key={one.user}>
            {one.delta_s > 0
              ? t.schedules.editor.gains(name(one.user), length(one.delta_s))
              : t.schedules.editor.loses(name(one.user), length(one.delta_s))}
          </List.Item>
        ))}
      </List>
      {gap > 0 && (
        <Mark tone="danger" icon="warn">
          {t.schedules.editor.newGap(length(gap))}
        </Mark>
      )}
    </Stack>
  );
}
