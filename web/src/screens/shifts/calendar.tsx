import { useState } from "react";
import { useAct } from "../../api/hooks";
import { t } from "../../text";
import { Button, CopyButton, Group, Icon, Modal, Stack, Text, TextInput } from "../../ui";

/** The address of a feed for any calendar program. */
export function CalendarButton({ schedule, name }: { schedule?: string; name?: string }) {
  const [url, setUrl] = useState<string | null>(null);
  const make = useAct("POST /me/calendar", { onDone: (made) => setUrl(made.url) });
  return (
    <>
      <Button
        variant="default"
        leftSection={<Icon name="calendar" size={16} />}
        loading={make.isPending}
        onClick={() => make.mutate({ body: { schedule } })}
      >
        {t.calendar.action}
      </Button>
      <Modal
        opened={url !== null}
        onClose={() => setUrl(null)}
        title={schedule ? t.calendar.all(name || schedule) : t.calendar.title}
        size="lg"
      >
        <Stack>
          <Text size="sm">{t.calendar.hint}</Text>
          <Group wrap="nowrap">
            <TextInput
              aria-label={t.calendar.action}
              readOnly
              value={url ?? ""}
              style={{ flex: 1 }}
              onFocus={(event) => event.currentTarget.select()}
            />
            <CopyButton value={url ?? ""}>
              {({ copied, copy }) => <Button onClick={copy}>{copied ? t.common.copied : t.common.copy}</Button>}
            </CopyButton>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
