import { t } from "../../text";
import { Group, Kbd, Modal, Stack, Text, useHotkeys } from "../../ui";

export interface InboxKeys {
  move: (by: number) => void;
  open: () => void;
  select: () => void;
  act: (verb: "acknowledge" | "resolve" | "escalate") => void;
  snooze: () => void;
  search: () => void;
  help: () => void;
}

/** The inbox by keyboard; never while somebody types. */
export function useInboxKeys(keys: InboxKeys) {
  useHotkeys([
    ["j", () => keys.move(1)],
    ["k", () => keys.move(-1)],
    ["ArrowDown", () => keys.move(1)],
    ["ArrowUp", () => keys.move(-1)],
    ["Enter", () => keys.open(), { preventDefault: false }],
    ["x", () => keys.select()],
    ["a", () => keys.act("acknowledge")],
    ["r", () => keys.act("resolve")],
    ["e", () => keys.act("escalate")],
    ["s", () => keys.snooze()],
    ["/", () => keys.search()],
    ["shift+?", () => keys.help()],
  ]);
}

export function KeysHelp({ opened, close }: { opened: boolean; close: () => void }) {
  const help = t.alerts.help;
  const rows: Array<[string, string]> = [
    ["j", help.j],
    ["k", help.k],
    ["Enter", help.enter],
    ["x", help.x],
    ["a", help.a],
    ["r", help.r],
    ["s", help.s],
    ["e", help.e],
    ["/", help.slash],
    ["?", help.question],
  ];
  return (
    <Modal opened={opened} onClose={close} title={help.title}>
      <Stack gap="xs">
        {rows.map(([key, text]) => (
          <Group key={key}>
            <Kbd w={64} ta="center">
              {key}
            </Kbd>
            <Text>{text}</Text>
          </Group>
        ))}
      </Stack>
    </Modal>
  );
}
