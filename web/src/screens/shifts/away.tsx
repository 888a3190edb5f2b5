import { useState } from "react";
import { useAct, useRead } from "../../api/hooks";
import { usePersonName } from "../../lib/names";
import { useZone } from "../../lib/time";
import { useMay, useSession } from "../../shell/session";
import { t } from "../../text";
import { Block, Button, Group, Icon, Mark, Modal, Read, Span, Stack, Text, TextInput, TextLink } from "../../ui";
import { fromLocal, HOUR, toLocal } from "../schedules/geometry";

const TOUCHES = ["GET /leave", "GET /me/shifts", "GET /oncall", "GET /schedules/{id}/timeline"] as const;

/** "Away 14 to 16": off every schedule meanwhile, and what that leaves open is said at once. */
export function AwayButton() {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button variant="default" leftSection={<Icon name="exit" size={16} />} onClick={() => setOpened(true)}>
        {t.leave.action}
      </Button>
      {opened && <Form close={() => setOpened(false)} />}
    </>
  );
}

/** Under water: the next people are paged, and one stays on. */
export function HelpButton() {
  const [opened, setOpened] = useState(false);
  const [message, setMessage] = useState("");
  const person = usePersonName();
  const ask = useAct("POST /help", {
    touches: ["GET /alerts"],
    done: (answer) => t.help.done(answer.paged.map(person).join(", ")),
    onDone: () => setOpened(false),
  });
  return (
    <>
      <Button leftSection={<Icon name="help" size={16} />} onClick={() => setOpened(true)}>
        {t.help.action}
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title={t.help.title}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            ask.mutate({ body: { message } });
          }}
        >
          <Stack>
            <Text size="sm">{t.help.hint}</Text>
            <TextInput
              label={t.help.message}
              value={message}
              onChange={(event) => setMessage(event.currentTarget.value)}
              maxLength={300}
              data-autofocus
            />
            <Button type="submit" loading={ask.isPending}>
              {t.help.submit}
            </Button>
          </Stack>
        </form>
      </Modal>
    </>
  );
}

function Form({ close }: { close: () => void }) {
  const zone = useZone();
  const soon = Math.ceil(Date.now() / HOUR) * HOUR;
  const [from, setFrom] = useState(toLocal(soon, zone));
  const [to, setTo] = useState(toLocal(soon + 2 * HOUR, zone));
  const [why, setWhy] = useState("");
  const [start, stop] = [fromLocal(from, zone), fromLocal(to, zone)];
  const valid = stop > start;
  const add = useAct("POST /leave", {
    touches: [...TOUCHES],
    done: (answer) => t.leave.saved(answer.shifts.filter((shift) => shift.alone).length),
    onDone: close,
  });
  return (
    <Modal opened onClose={close} title={t.leave.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (valid) add.mutate({ body: { from: new Date(start).toISOString(), to: new Date(stop).toISOString(), why } });
        }}
      >
        <Stack>
          <Text size="sm">{t.leave.hint}</Text>
          <Group grow>
            <TextInput
              type="datetime-local"
              label={t.leave.from}
              value={from}
              onChange={(event) => setFrom(event.currentTarget.value)}
              required
            />
            <TextInput
              type="datetime-local"
              label={t.leave.until}
              value={to}
              onChange={(event) => setTo(event.currentTarget.value)}
              error={valid ? undefined : t.leave.invalid}
              required
            />
          </Group>
          <Text size="sm" c="dimmed">
            {t.leave.zone(zone)}
          </Text>
          <TextInput
            label={t.leave.why}
            placeholder={t.leave.whyHint}
            value={why}
            onChange={(event) => setWhy(event.currentTarget.value)}
            maxLength={500}
          />
          <Button type="submit" loading={add.isPending} disabled={!valid}>
            {t.leave.save}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

/** Who is away, and the shifts that nobody else is on for. */
export function Away() {
  const leave = useRead("GET /leave", { query: { limit: 100 } });
  const person = usePersonName();
  const session = useSession();
  const may = useMay();
  const end = useAct("DELETE /leave/{id}", { touches: [...TOUCHES], done: () => t.leave.ended });
  return (
    <Block title={t.leave.list}>
      <Read of={leave}>
        {({ items }) => (
          <Stack gap="sm">
            {items.length === 0 && <Text c="dimmed">{t.leave.none}</Text>}
            {items.map((one) => (
              <div key={one.id}>
                <Group justify="space-between" align="flex-start">
                  <div>
                    <Text>
                      <b>{person(one.user)}</b> <Span from={one.from} until={one.to} />
                    </Text>
                    {one.why && <Text size="sm">{one.why}</Text>}
                  </div>
                  {(one.user === session.user?.id || may("manager")) && (
                    <Button size="compact-md" variant="default" onClick={() => end.mutate({ path: { id: one.id } })}>
                      {t.leave.back}
                    </Button>
                  )}
                </Group>
                {one.shifts
                  .filter((shift) => shift.alone)
                  .map((shift) => (
                    <Group key={`${shift.schedule}${shift.from}`} gap="xs">
                      <Mark tone="danger" icon="warn">
                        {t.leave.open}
                      </Mark>
                      <TextLink to={`/schedules/${shift.schedule}`}>{shift.schedule_name || shift.schedule}</TextLink>
                      <Span from={shift.from} until={shift.until} />
                    </Group>
                  ))}
              </div>
            ))}
          </Stack>
        )}
      </Read>
    </Block>
  );
}
