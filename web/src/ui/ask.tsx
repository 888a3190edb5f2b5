// Asking before something that cannot be taken back, or that wakes people.
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { t } from "../text";

interface Question {
  title: string;
  hint?: string;
  yes: string;
  danger?: boolean;
  run: () => void;
}

/** `ask(question)` shows it; put `dialog` somewhere into the screen. */
export function useAsk() {
  const [question, setQuestion] = useState<Question | null>(null);
  const close = () => setQuestion(null);
  const dialog = (
    <Modal opened={question !== null} onClose={close} title={question?.title}>
      <Stack>
        {question?.hint && <Text>{question.hint}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {t.common.cancel}
          </Button>
          <Button
            data-autofocus
            style={question?.danger ? { background: "var(--fd-danger-solid)", color: "var(--fd-danger-on)" } : undefined}
            onClick={() => {
              close();
              question?.run();
            }}
          >
            {question?.yes}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
  return { ask: setQuestion, dialog };
}
