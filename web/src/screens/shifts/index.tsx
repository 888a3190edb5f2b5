import { useRead } from "../../api/hooks";
import { usePersonName } from "../../lib/names";
import { useSession } from "../../shell/session";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, Span, Stack, Text, TextLink, Until, When } from "../../ui";
import { Away, AwayButton, HelpButton } from "./away";
import { CalendarButton } from "./calendar";
import { AskButton, Covers } from "./covers";

/** How far ahead. */
const DAYS = 60;

/** One page over all schedules: the shift that runs, the next hand-over, and all that come. */
export default function Shifts() {
  const shifts = useRead("GET /me/shifts", { query: { days: DAYS } });
  const person = usePersonName();
  const session = useSession();
  return (
    <Screen title={t.shifts.title} hint={t.shifts.hint} actions={session.user && <Actions />}>
      <Read of={shifts}>
        {({ items }) => {
          if (items.length === 0) return <Empty icon="calendar" title={t.shifts.none} hint={t.shifts.noneHint} />;
          const running = items.filter((shift) => shift.now);
          const next = items.find((shift) => !shift.now);
          return (
            <Stack>
              {running.map((shift) => (
                <Block key={shift.schedule}>
                  <Group>
                    <Mark tone="ok" icon="phone">
                      {t.shifts.now}
                    </Mark>
                    <TextLink to={`/schedules/${shift.schedule}`}>{shift.schedule_name || shift.schedule}</TextLink>
                    <Text>
                      <Until at={shift.until} zone={shift.timezone} within={DAYS * 86_400_000} />
                    </Text>
                  </Group>
                </Block>
              ))}
              {next && (
                <Block>
                  <Group>
                    <Mark tone="info" icon="clock">
                      {t.shifts.next}
                    </Mark>
                    <TextLink to={`/schedules/${next.schedule}`}>{next.schedule_name || next.schedule}</TextLink>
                    <Text>
                      <When at={next.from} zone={next.timezone} both />
                    </Text>
                  </Group>
                </Block>
              )}
              <Block title={t.shifts.all}>
                <Stack gap="xs">
                  {items.map((shift) => (
                    <Group key={`${shift.schedule}${shift.from}`} gap="sm">
                      <TextLink to={`/schedules/${shift.schedule}`}>{shift.schedule_name || shift.schedule}</TextLink>
                      {Date.parse(shift.until) - Date.now() < (DAYS - 1) * 86_400_000 ? (
                        <Span from={shift.from} until={shift.until} zone={shift.timezone} />
                      ) : (
                        <span>
                          {t.shifts.since} <When at={shift.from} zone={shift.timezone} />, <Until at={shift.until} within={0} />
                        </span>
                      )}
                      {shift.with.length > 0 && (
                        <Text size="sm" c="dimmed">
                          {t.shifts.with(shift.with.map(person).join(", "))}
                        </Text>
                      )}
                      {session.user && <AskButton shift={shift} />}
                    </Group>
                  ))}
                </Stack>
              </Block>
            </Stack>
          );
        }}
      </Read>
      <Covers mine />
      <Away />
    </Screen>
  );
}

function Actions() {
  return (
    <>
      <HelpButton />
      <AwayButton />
      <CalendarButton />
    </>
  );
}
