import { useState } from "react";
import { useList } from "../../api/hooks";
import { t } from "../../text";
import {
  Block,
  Button,
  Code,
  Empty,
  Group,
  ProblemNote,
  Screen,
  Stack,
  Text,
  TextInput,
  useDebouncedValue,
  Waiting,
  When,
} from "../../ui";

/** Who did what, in sentences, with what it changed. */
export default function Audit() {
  const [subject, setSubject] = useState("");
  const [wanted] = useDebouncedValue(subject.trim(), 300);
  const list = useList("GET /audit", { query: { subject: wanted || undefined, limit: 50 } }, { every: 15_000 });
  const download = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(list.items, null, 1)], { type: "application/json" }));
    link.download = "firedog-audit.json";
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <Screen
      title={t.audit.title}
      hint={t.audit.hint}
      actions={
        <Button variant="default" onClick={download} disabled={!list.items?.length}>
          {t.audit.export}
        </Button>
      }
    >
      <TextInput
        label={t.audit.subject}
        placeholder={t.audit.subjectHint}
        value={subject}
        onChange={(event) => setSubject(event.currentTarget.value)}
        maw={420}
      />
      {list.error && <ProblemNote problem={list.error} retry={() => void list.refetch()} />}
      {!list.items && !list.error && <Waiting />}
      {list.items?.length === 0 && <Empty icon="list" title={t.audit.empty} hint={t.audit.emptyHint} />}
      {list.items && list.items.length > 0 && (
        <Block>
          <Stack gap="sm">
            {list.items.map((row) => (
              <div key={row.id}>
                <Group gap="xs">
                  <Text size="sm" c="dimmed">
                    <When at={row.at} />
                  </Text>
                  <Text>
                    <b>{row.actor.replace(/^(user|token|source):/, "")}</b> {t.audit.actions[row.action] ?? row.action}{" "}
                    <button
                      type="button"
                      onClick={() => setSubject(row.subject)}
                      style={{
                        all: "unset",
                        cursor: "pointer",
                        textDecoration: "underline",
                        color: "var(--mantine-color-anchor)",
                      }}
                    >
                      {row.subject}
                    </button>
                  </Text>
                  {row.detail && (
                    <Text size="sm" c="dimmed">
                      {row.detail}
                    </Text>
                  )}
                </Group>
                <Diff before={row.before} after={row.after} />
              </div>
            ))}
            {list.more && (
              <Button variant="default" onClick={list.more} loading={list.isFetchingNextPage}>
                {t.common.more}
              </Button>
            )}
          </Stack>
        </Block>
      )}
    </Screen>
  );
}

function Diff({ before, after }: { before: unknown; after: unknown }) {
  if (before == null && after == null) return null;
  const line = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return (
    <Code block mt={4} tabIndex={0} style={{ whiteSpace: "pre-wrap" }}>
      {before != null && `− ${line(before)}\n`}
      {after != null && `+ ${line(after)}`}
    </Code>
  );
}
