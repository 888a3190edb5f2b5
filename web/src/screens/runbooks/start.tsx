import { useState } from "react";
import { useLocation } from "wouter";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { useServices } from "../../lib/names";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import { Button, Group, Modal, ProblemNote, Select, Stack, Text, TextInput, useDisclosure } from "../../ui";

type Runbook = Answer<"GET /runbooks">["items"][number];

/** Starting a runbook: what it is told, or what it would do with that. */
export function StartButton({ runbook, alert, full }: { runbook: Runbook; alert?: string; full?: boolean }) {
  const [opened, { open, close }] = useDisclosure(false);
  const may = useMay();
  if (!may("responder", runbook.team)) return null;
  return (
    <>
      <Button onClick={open} size={full ? "md" : "compact-md"} aria-label={`${t.runbooks.start}: ${runbook.title}`}>
        {t.runbooks.start}
      </Button>
      <Modal
        opened={opened}
        onClose={close}
        title={t.runbooks.startTitle(runbook.title)}
        closeButtonProps={{ "aria-label": t.common.close }}
      >
        {opened && <Form runbook={runbook} alert={alert} />}
      </Modal>
    </>
  );
}

function Form({ runbook, alert }: { runbook: Runbook; alert?: string }) {
  const [given, setGiven] = useState<Record<string, string>>({});
  const [, go] = useLocation();
  const institutions = useRead("GET /institutions", { query: { limit: 500 } });
  const services = useServices();
  const start = useAct("POST /runs", { touches: ["GET /runs"], onDone: (run) => go(`/runs/${run.id}`), quiet: true });
  const foresee = useAct("POST /runbooks/{id}/dry-run", { quiet: true });
  const of = (name: string) => {
    const rows = name === "institution" ? institutions.data?.items : name === "service" ? services.data?.items : undefined;
    return rows?.map((one) => ({ value: one.id, label: one.name || one.id }));
  };
  const put = (name: string, value: string | null) => setGiven({ ...given, [name]: value ?? "" });
  // What is not given is taken from the alert.
  const missing = !alert && runbook.inputs.some((input) => input.required && !given[input.name]);
  const inputs = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  const problem = start.error ?? foresee.error;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!missing) start.mutate({ body: { runbook: runbook.id, inputs, alert } });
      }}
    >
      <Stack>
        {runbook.inputs.map(({ name, required }) => {
          const label = t.runbooks.inputs[name] ?? name;
          const choices = of(name);
          const common = { label, required: required && !alert };
          return choices ? (
            <Select
              key={name}
              {...common}
              data={choices}
              value={given[name] || null}
              onChange={(one) => put(name, one)}
              searchable
              selectFirstOptionOnChange
            />
          ) : (
            <TextInput
              key={name}
              {...common}
              value={given[name] ?? ""}
              onChange={(event) => put(name, event.currentTarget.value)}
            />
          );
        })}
        {problem && <ProblemNote problem={problem} />}
        <Group>
          <Button type="submit" disabled={missing} loading={start.isPending}>
            {t.runbooks.start}
          </Button>
          <Button
            variant="default"
            disabled={missing || alert !== undefined}
            loading={foresee.isPending}
            onClick={() => foresee.mutate({ path: { id: runbook.id }, body: { inputs } })}
          >
            {t.runbooks.dryRun}
          </Button>
        </Group>
        {foresee.data && (
          <Stack gap={4}>
            <Text size="sm" c="dimmed">
              {t.runbooks.dryHint}
            </Text>
            {foresee.data.map((step) => (
              <div key={step.place}>
                <Text size="sm" fw={600}>
                  {step.place} {step.do}
                </Text>
                {step.when && <Text size="sm">{t.runbooks.when(step.when)}</Text>}
                {Object.keys(step.args).length > 0 && <Text size="sm">{t.runbooks.with(values(step.args))}</Text>}
                {step.by_hand && (
                  <Text size="sm" c="dimmed">
                    {t.runbooks.byHand(step.by_hand)}
                  </Text>
                )}
              </div>
            ))}
          </Stack>
        )}
      </Stack>
    </form>
  );
}

export const values = (map: Record<string, unknown>): string =>
  Object.entries(map)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
