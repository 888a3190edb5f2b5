import { useState } from "react";
import { useAct } from "../../api/hooks";
import { usePeople, useTargetName, useTeams } from "../../lib/names";
import { t } from "../../text";
import { Button, Icon, Modal, Select, Stack, Text, Textarea } from "../../ui";

/** Paging a person or a team by hand: says who is paged before it happens. */
export function PageSomebody({ to: given, label }: { to?: string; label?: string }) {
  const [opened, setOpened] = useState(false);
  const [to, setTo] = useState<string | null>(given ?? null);
  const [message, setMessage] = useState("");
  const [people, teams] = [usePeople(), useTeams()];
  const name = useTargetName();
  const page = useAct("POST /pages", {
    touches: ["GET /alerts"],
    done: () => t.alerts.page.done(to ? name(to) : ""),
    onDone: () => {
      setOpened(false);
      setMessage("");
    },
  });
  const option = (kind: string) => (row: { id: string; name?: string | null }) => ({
    value: `${kind}:${row.id}`,
    label: row.name || row.id,
  });
  return (
    <>
      <Button variant="default" onClick={() => setOpened(true)} leftSection={<Icon name="bell" size={16} />}>
        {label ?? t.alerts.page.action}
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title={t.alerts.page.title}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (to && message.trim()) page.mutate({ body: { to, message } });
          }}
        >
          <Stack>
            <Select
              label={t.alerts.page.to}
              value={to}
              onChange={setTo}
              searchable
              required
              data={[
                { group: t.alerts.page.whoTeams, items: (teams.data?.items ?? []).map(option("team")) },
                { group: t.alerts.page.whoPeople, items: (people.data?.items ?? []).map(option("user")) },
              ]}
            />
            <Textarea
              label={t.alerts.page.message}
              description={t.alerts.page.messageHint}
              value={message}
              onChange={(event) => setMessage(event.currentTarget.value)}
              required
              autosize
              minRows={2}
              maxLength={500}
            />
            {to && <Text size="sm">{t.alerts.page.warn(name(to))}</Text>}
            <Button type="submit" loading={page.isPending} disabled={!to || !message.trim()}>
              {to ? t.alerts.page.submit(name(to)) : t.alerts.page.submitNobody}
            </Button>
          </Stack>
        </form>
      </Modal>
    </>
  );
}
