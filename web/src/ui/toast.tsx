// What just happened, for a few seconds; a problem stays until it is closed.
import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { Problem } from "../api/client";
import { explain } from "../api/hooks";
import { t } from "../text";

const DONE_MS = 6_000;

export const toast = {
  done(text: string, undo?: () => void) {
    const id = notifications.show({
      autoClose: DONE_MS,
      withBorder: true,
      closeButtonProps: { "aria-label": t.common.close },
      color: "var(--fd-ok-solid)",
      message: (
        <Group justify="space-between" wrap="nowrap">
          <Text size="sm">{text}</Text>
          {undo && (
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => {
                notifications.hide(id);
                undo();
              }}
            >
              {t.common.undo}
            </Button>
          )}
        </Group>
      ),
    });
  },
  problem(problem: Problem) {
    const { title, detail, next } = explain(problem);
    toast.failed(title, [detail, next].filter(Boolean).join(" · "));
  },
  failed(title: string, message = "") {
    notifications.show({
      autoClose: false,
      withBorder: true,
      closeButtonProps: { "aria-label": t.common.close },
      color: "var(--fd-danger-solid)",
      title,
      message,
    });
  },
};
