import { useEffect, useRef, useState } from "react";
import { useParams } from "wouter";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { t } from "../../text";
import {
  Block,
  Button,
  Code,
  CopyButton,
  Empty,
  Grid,
  Group,
  Icon,
  List,
  Mark,
  ProblemNote,
  Read,
  Screen,
  Stack,
  Text,
  Textarea,
  UnstyledButton,
  useDebouncedValue,
} from "../../ui";
import { lineSpan } from "./lines";
import { Outline } from "./outline";

type Checked = Answer<"POST /runbooks/check">;

/** Somebody who types is not interrupted; somebody who has stopped does not wait. */
const PAUSE_MS = 500;

/** A runbook as text, checked as one types. It never leaves the browser but to be checked: files of the setup are for their keepers. */
export default function Write() {
  const { id } = useParams<{ id: string }>();
  return (
    <Screen
      title={id ? t.write.proposeTitle(id) : t.write.title}
      hint={t.write.hint}
      back={id ? { to: `/runbooks/${id}`, text: id } : { to: "/runbooks", text: t.runbooks.all }}
    >
      {id ? <Present key={id} id={id} /> : <Editor text={t.write.example} />}
    </Screen>
  );
}

function Present({ id }: { id: string }) {
  const file = useRead("GET /runbooks/{id}/file", { path: { id } });
  return <Read of={file}>{({ text }) => <Editor text={text} />}</Read>;
}

function Editor({ text: given }: { text: string }) {
  const [text, setText] = useState(given);
  const [still] = useDebouncedValue(text, PAUSE_MS);
  const [told, setTold] = useState<{ text: string; found: Checked }>();
  const asked = useRef("");
  const check = useAct("POST /runbooks/check", {
    quiet: true,
    // An answer about an older text must not come after that about a newer one.
    onDone: (found, { body: { text } }) => text === asked.current && setTold({ text, found }),
  });
  const area = useRef<HTMLTextAreaElement>(null);
  const { mutate } = check;
  useEffect(() => {
    asked.current = still;
    mutate({ body: { text: still } });
  }, [mutate, still]);
  const jump = (line: number, column: number) => {
    const field = area.current;
    if (!field) return;
    const { from, to } = lineSpan(field.value, line);
    field.focus();
    field.setSelectionRange(Math.min(from + Math.max(0, column - 1), to), to);
    // No browser scrolls to a selection by itself.
    field.scrollTop = (field.scrollHeight / field.value.split("\n").length) * Math.max(0, line - 4);
  };
  // What was found last stays until something newer is known.
  const found = told?.found;
  const busy = check.isPending || still !== text;
  return (
    <Grid>
      <Grid.Col span={{ base: 12, md: 7 }}>
        <Textarea
          ref={area}
          label={t.write.label}
          description={t.write.labelHint}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          autosize
          minRows={16}
          maxRows={32}
          spellCheck={false}
          autoCapitalize="off"
          autoCorrect="off"
          styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", whiteSpace: "pre", overflowX: "auto" } }}
        />
        <div role="status">
          <Text size="sm" c="dimmed" mt="xs">
            {busy ? t.write.checking : found && <Verdict of={found} />}
          </Text>
        </div>
        {check.error && !busy && <ProblemNote problem={check.error} retry={() => mutate({ body: { text: still } })} />}
        {found && found.diagnostics.length > 0 && <Mistakes of={found} jump={jump} />}
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 5 }}>{told?.found.runbook && <Clean of={told.found} text={told.text} />}</Grid.Col>
    </Grid>
  );
}

function Verdict({ of }: { of: Checked }) {
  const errors = of.diagnostics.filter((one) => one.level === "error").length;
  const warnings = of.diagnostics.length - errors;
  return (
    <>
      {errors > 0 ? <Mark tone="danger">{t.write.mistakes(errors)}</Mark> : <Mark tone="ok">{t.write.clean}</Mark>}{" "}
      {warnings > 0 && <Mark tone="warn">{t.write.warnings(warnings)}</Mark>}
    </>
  );
}

function Mistakes({ of, jump }: { of: Checked; jump: (line: number, column: number) => void }) {
  return (
    <List listStyleType="none" spacing="xs" mt="xs">
      {of.diagnostics.map((one) => (
        <List.Item key={`${one.line}:${one.column}:${one.message}`}>
          <UnstyledButton onClick={() => jump(one.line, one.column)} style={{ textDecoration: "underline" }}>
            <Text span size="sm" fw={600}>
              {one.line > 0 ? t.write.line(one.line) : t.write.whole}
            </Text>
          </UnstyledButton>{" "}
          <Text span size="sm" c={one.level === "error" ? "var(--fd-danger-text)" : "var(--fd-warn-text)"}>
            {one.message}
          </Text>
          {one.help && (
            <Text size="sm" c="dimmed">
              {one.help}
            </Text>
          )}
        </List.Item>
      ))}
    </List>
  );
}

/** What it would be, what would change, and how to take it along. */
function Clean({ of, text }: { of: Checked; text: string }) {
  if (!of.runbook) return null;
  const same = of.replaces && of.changes.length === 0;
  return (
    <Stack>
      <Block title={t.write.reads}>
        <Stack gap="sm">
          <Text fw={650}>{of.runbook.title}</Text>
          {of.runbook.steps.length === 0 ? <Empty title={t.runbooks.steps(0)} /> : <Outline of={of.runbook} />}
        </Stack>
      </Block>
      <Block title={t.write.changes}>
        {of.changes.length > 0 ? (
          <List size="sm">
            {of.changes.map((line) => (
              <List.Item key={line} style={{ overflowWrap: "anywhere" }}>
                {line}
              </List.Item>
            ))}
          </List>
        ) : (
          <Text size="sm">{same ? t.write.same : t.write.isNew}</Text>
        )}
      </Block>
      <Block title={t.write.take}>
        <Stack gap="xs">
          <Text size="sm">{of.replaces ? t.write.replace : t.write.put(of.name)}</Text>
          <Code block>{t.write.apply}</Code>
          <Group>
            <Button variant="default" leftSection={<Icon name="note" size={14} />} onClick={() => download(of.name, text)}>
              {t.write.download}
            </Button>
            <CopyButton value={text}>
              {({ copied, copy }) => (
                <Button variant="default" leftSection={<Icon name={copied ? "check" : "copy"} size={14} />} onClick={copy}>
                  {copied ? t.common.copied : t.write.copy}
                </Button>
              )}
            </CopyButton>
          </Group>
        </Stack>
      </Block>
    </Stack>
  );
}

function download(name: string, text: string) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
