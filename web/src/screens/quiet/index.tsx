import { useState } from "react";
import { useAct, useRead } from "../../api/hooks";
import { useServiceName } from "../../lib/names";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import { Block, Button, Group, Mark, Read, Screen, Stack, Text, useAsk, When } from "../../ui";
import { QuietForm } from "./form";

/** What is held back, by whom and until when; ended with one button. */
export default function Quiet() {
  const silences = useRead("GET /silences", { query: { limit: 500 } });
  const windows = useRead("GET /maintenance", { query: { limit: 500 } });
  const service = useServiceName();
  const may = useMay()("responder");
  const { ask, dialog } = useAsk();
  const [form, setForm] = useState<"silence" | "maintenance" | null>(null);
  const endSilence = useAct("DELETE /silences/{id}", { touches: ["GET /silences"], done: () => t.quiet.ended });
  const endWindow = useAct("DELETE /maintenance/{id}", { touches: ["GET /maintenance"], done: () => t.quiet.ended });
  const end = (run: () => void) => ask({ title: t.quiet.endAsk, hint: t.quiet.endHint, yes: t.quiet.end, run });
  return (
    <Screen
      title={t.quiet.title}
      hint={t.quiet.hint}
      actions={
        <>
          <Button disabled={!may} onClick={() => setForm("silence")}>
            {t.quiet.addSilence}
          </Button>
          <Button variant="default" disabled={!may} onClick={() => setForm("maintenance")}>
            {t.quiet.addWindow}
          </Button>
        </>
      }
    >
      <Block title={t.quiet.silences}>
        <Read of={silences}>
          {({ items }) => (
            <Stack gap="sm">
              {items.length === 0 && <Text c="dimmed">{t.quiet.noSilences}</Text>}
              {items.map((one) => (
                <Line
                  key={one.id}
                  id={one.id}
                  why={one.why}
                  end={one.from_files || !may ? undefined : () => end(() => endSilence.mutate({ path: { id: one.id } }))}
                  files={one.from_files}
                >
                  <b>{one.service ? service(one.service) : t.quiet.anyService}</b>
                  {one.matchers.map((matcher) => (
                    <Mark key={matcher} tone="quiet">
                      {matcher}
                    </Mark>
                  ))}
                  <Text size="sm" c="dimmed">
                    {t.quiet.until} <When at={one.until} both />{" "}
                    {one.created_by && t.quiet.by(one.created_by.replace(/^user:/, ""))}
                  </Text>
                </Line>
              ))}
            </Stack>
          )}
        </Read>
      </Block>
      <Block title={t.quiet.windows}>
        <Read of={windows}>
          {({ items }) => (
            <Stack gap="sm">
              {items.length === 0 && <Text c="dimmed">{t.quiet.noWindows}</Text>}
              {items.map((one) => (
                <Line
                  key={one.id}
                  id={one.id}
                  why={one.why}
                  end={!one.created_by || !may ? undefined : () => end(() => endWindow.mutate({ path: { id: one.id } }))}
                  files={!one.created_by}
                >
                  <b>{one.services.map(service).join(", ")}</b>
                  <Text size="sm" c="dimmed">
                    {one.every ? (
                      <>
                        {t.quiet.every(one.every)}, {one.from} – {one.to} {one.timezone}
                      </>
                    ) : (
                      <>
                        {t.quiet.from} <When at={one.from} /> {t.quiet.until} <When at={one.to} both />
                      </>
                    )}
                  </Text>
                </Line>
              ))}
            </Stack>
          )}
        </Read>
      </Block>
      {form && <QuietForm kind={form} close={() => setForm(null)} />}
      {dialog}
    </Screen>
  );
}

function Line(props: { id: string; why: string; files: boolean; end?: () => void; children: React.ReactNode }) {
  return (
    <Group justify="space-between" align="flex-start">
      <div>
        <Group gap="xs">{props.children}</Group>
        {props.why && <Text size="sm">{props.why}</Text>}
      </div>
      {props.files ? (
        <Mark tone="info" title={t.quiet.fromFiles}>
          {t.quiet.files}
        </Mark>
      ) : (
        <Button size="compact-md" variant="default" disabled={!props.end} onClick={props.end}>
          {t.quiet.end}
        </Button>
      )}
    </Group>
  );
}
