// Views of the inbox that somebody keeps under names of their own.
import { useState } from "react";
import { useLocation } from "wouter";
import { useAct, useRead } from "../../api/hooks";
import { useSession } from "../../shell/session";
import { t } from "../../text";
import { Button, Icon, Menu, Modal, Stack, Text, TextInput } from "../../ui";

export function Views() {
  const session = useSession();
  const kept = useRead("GET /me/filters", {}, { enabled: session.user != null });
  const [, go] = useLocation();
  const [saving, setSaving] = useState(false);
  const remove = useAct("DELETE /me/filters/{name}", { touches: ["GET /me/filters"], done: () => t.alerts.views.removed });
  if (!session.user) return null;
  const items = kept.data?.items ?? [];
  return (
    <>
      <Menu>
        <Menu.Target>
          <Button variant="default" leftSection={<Icon name="list" size={16} />}>
            {t.alerts.views.title}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {items.length === 0 && <Menu.Label>{t.alerts.views.none}</Menu.Label>}
          {items.map((view) => (
            <Menu.Item key={view.name} onClick={() => go(`/alerts?${view.query}`)}>
              {view.name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => setSaving(true)}>{t.alerts.views.save}</Menu.Item>
          {items.map((view) => (
            <Menu.Item key={`-${view.name}`} onClick={() => remove.mutate({ path: { name: view.name } })}>
              {t.alerts.views.remove(view.name)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {saving && <Save close={() => setSaving(false)} />}
    </>
  );
}

function Save({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const put = useAct("PUT /me/filters/{name}", {
    touches: ["GET /me/filters"],
    done: (kept) => t.alerts.views.saved(kept.name),
    onDone: close,
  });
  return (
    <Modal opened onClose={close} title={t.alerts.views.save}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) put.mutate({ path: { name: name.trim() }, body: { query: location.search.slice(1) } });
        }}
      >
        <Stack>
          <Text size="sm">{t.alerts.views.hint}</Text>
          <TextInput
            label={t.alerts.views.name}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={60}
            data-autofocus
            required
          />
          <Button type="submit" disabled={!name.trim()} loading={put.isPending}>
            {t.common.save}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
