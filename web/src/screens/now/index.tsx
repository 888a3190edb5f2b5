import { useRead } from "../../api/hooks";
import { usePersonName, useScheduleName } from "../../lib/names";
import { useMay, useSession } from "../../shell/session";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, Stack, Text, TextLink, Until, useMediaQuery } from "../../ui";
import { useActions } from "../alerts/act";
import { byUrgency } from "../alerts/filters";
import { AlertLine, ROW_HEIGHT } from "../alerts/row";
import { DueCases, useDueCases } from "../cases/line";
import { about } from "../runbooks/runs";
import { Covers, useCovers } from "../shifts/covers";

/** What the landing page shows of each kind; the inbox has all. */
const SHOWN = 20;

/** The landing page: what needs a human, in order of urgency, each with its action in place. */
export default function Now() {
  const triggered = useRead("GET /alerts", { query: { state: "triggered", limit: 100 } });
  const acknowledged = useRead("GET /alerts", { query: { state: "acknowledged", limit: 100 } });
  const actions = useActions();
  const session = useSession();
  const { toMe: asked } = useCovers();
  const may = useMay();
  const runs = useRead("GET /runs", { query: { open: true, limit: 100 } }, { every: 5_000 });
  const asking = runs.data?.items.filter((run) => run.waits_for.length > 0) ?? [];
  const due = useDueCases();
  const phone = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false }) ?? false;
  const mine = (acknowledged.data?.items ?? []).filter((alert) => session.user && alert.acknowledged_by === session.user.id);
  return (
    <Screen title={t.now.title}>
      <Read of={triggered}>
        {({ items }) => {
          const waiting = [...items].sort(byUrgency).slice(0, SHOWN);
          return (
            <Stack>
              {waiting.length === 0 && mine.length === 0 && asked.length === 0 && asking.length === 0 && due.length === 0 && (
                <Empty
                  icon="check"
                  title={t.now.calm}
                  hint={t.now.calmHint}
                  action={<TextLink to="/start">{t.now.first}</TextLink>}
                />
              )}
              {waiting.length > 0 && (
                <section aria-label={t.now.waiting(items.length)}>
                  <Group justify="space-between" mb="xs">
                    <Mark tone="danger" icon="flame" solid>
                      {t.now.waiting(items.length)}
                    </Mark>
                    <TextLink to="/alerts">{t.now.all}</TextLink>
                  </Group>
                  {[...waiting].map((alert) => (
                    <div key={alert.id} style={{ height: phone ? ROW_HEIGHT.phone : ROW_HEIGHT.desk }}>
                      <AlertLine
                        alert={alert}
                        phone={phone}
                        current={false}
                        mayAct={may("responder")}
                        onAcknowledge={() => void actions.many("acknowledge", [alert.id])}
                      />
                    </div>
                  ))}
                </section>
              )}
              {mine.length > 0 && (
                <section aria-label={t.now.held}>
                  <Text fw={600} mb="xs">
                    {t.now.held}
                  </Text>
                  {mine.slice(0, SHOWN).map((alert) => (
                    <div key={alert.id} style={{ height: phone ? ROW_HEIGHT.phone : ROW_HEIGHT.desk }}>
                      <AlertLine
                        alert={alert}
                        phone={phone}
                        current={false}
                        mayAct={may("responder")}
                        onAcknowledge={() => undefined}
                        onResolve={() => void actions.many("resolve", [alert.id])}
                      />
                    </div>
                  ))}
                </section>
              )}
              {asking.length > 0 && (
                <Block title={t.run.waits}>
                  <Stack gap="xs">
                    {asking.map((run) => (
                      <Group key={run.id} gap="sm">
                        <Mark tone="warn" icon="hand">
                          {t.run.waiting(run.waits_for.length)}
                        </Mark>
                        <TextLink to={`/runs/${run.id}`}>{[run.title, about(run.inputs)].filter(Boolean).join(": ")}</TextLink>
                        <Text size="sm" c="dimmed">
                          {run.steps.find((step) => step.place === run.waits_for[0])?.do}
                        </Text>
                      </Group>
                    ))}
                  </Stack>
                </Block>
              )}
              <DueCases of={due} />
              <Covers />
              <OnCall />
            </Stack>
          );
        }}
      </Read>
    </Screen>
  );
}

function OnCall() {
  const rows = useRead("GET /oncall", { query: { limit: 100 } });
  const [person, schedule] = [usePersonName(), useScheduleName()];
  if (!rows.data || rows.data.items.length === 0) return null;
  return (
    <Block title={t.now.oncall}>
      <Stack gap="xs">
        {rows.data.items.map((row) => (
          <Group key={`${row.schedule}${row.user}`} gap="sm">
            {row.user ? <Text fw={600}>{person(row.user)}</Text> : <Mark tone="danger">{t.common.nobody}</Mark>}
            {row.schedule && <TextLink to={`/schedules/${row.schedule}`}>{schedule(row.schedule)}</TextLink>}
            <Text size="sm" c="dimmed">
              <Until at={row.until} />
            </Text>
          </Group>
        ))}
      </Stack>
    </Block>
  );
}
