import { useState } from "react";
import type { Answer } from "../../api/client";
import { useAct } from "../../api/hooks";
import { t } from "../../text";
import { Button, Group, Icon, NumberInput, SegmentedControl, Select, Stack, Text, TextInput } from "../../ui";

type Step = Answer<"GET /runs/{id}">["steps"][number];
type Touches = NonNullable<Parameters<typeof useAct>[1]>["touches"];

/** What a person has found, each answer of the kind that was asked for. */
export function Answers({ run, step, touches }: { run: string; step: Step; touches: Touches }) {
  const [given, setGiven] = useState<Record<string, unknown>>({});
  const [more, setMore] = useState(false);
  const answer = useAct("POST /runs/{id}/steps/{place}/answer", { touches });
  const put = (name: string, value: unknown) => setGiven({ ...given, [name]: value });
  const missing = step.questions.some((question) => question.required && (given[question.name] ?? "") === "");
  const shown = step.questions.filter((question) => question.required || more);
  const hidden = step.questions.length - shown.length;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const values = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
        if (!missing) answer.mutate({ path: { id: run, place: step.place }, body: { values } });
      }}
    >
      <Stack gap="xs">
        {shown.map((question) => {
          const label = question.about || question.name.replaceAll("_", " ");
          const value = given[question.name];
          if (question.kind === "bool") {
            return (
              <div key={question.name}>
                <Text size="sm" fw={600} id={`${step.place}-${question.name}`}>
                  {label}
                </Text>
                <SegmentedControl
                  aria-labelledby={`${step.place}-${question.name}`}
                  value={value === undefined ? "" : String(value)}
                  onChange={(next) => put(question.name, next === "true")}
                  data={[
                    { value: "true", label: t.run.yes },
                    { value: "false", label: t.run.no },
                  ]}
                />
              </div>
            );
          }
          if (question.kind === "words") {
            return (
              <Select
                key={question.name}
                label={label}
                required={question.required}
                data={question.words.map((word) => ({ value: word, label: word.replaceAll("_", " ") }))}
                value={(value as string) ?? null}
                onChange={(next) => put(question.name, next ?? "")}
                searchable
                selectFirstOptionOnChange
              />
            );
          }
          if (question.kind === "number") {
            return (
              <NumberInput
                key={question.name}
                label={label}
                required={question.required}
                value={(value as number) ?? ""}
                onChange={(next) => put(question.name, next)}
                hideControls
              />
            );
          }
          return (
            <TextInput
              key={question.name}
              label={label}
              required={question.required}
              value={(value as string) ?? ""}
              onChange={(event) => put(question.name, event.currentTarget.value)}
            />
          );
        })}
        <TextInput
          label={t.run.note}
          value={(given.note as string) ?? ""}
          onChange={(event) => put("note", event.currentTarget.value)}
        />
        <Group>
          <Button
            type="submit"
            size="md"
            h={44}
            disabled={missing}
            loading={answer.isPending}
            leftSection={<Icon name="check" />}
          >
            {step.questions.length > 0 ? t.run.answer : t.run.done}
          </Button>
          {hidden > 0 && (
            <Button variant="subtle" size="compact-md" onClick={() => setMore(true)}>
              {t.common.more}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
