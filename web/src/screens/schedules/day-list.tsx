import { usePersonName } from "../../lib/names";
import { absolute, clock, day, dayKey } from "../../lib/time";
import { t } from "../../text";
import { Button, Group, Mark, Stack, Text } from "../../ui";
import type { Draft } from "./editor";
import { dayStart, HOUR } from "./geometry";
import { label, type TimelineAnswer } from "./schedule";

/** The phone's form of a schedule: who is on, stretch by stretch, under the day it begins. */
export function DayList({ timeline, zone, edit }: { timeline: TimelineAnswer; zone: string; edit?: (draft: Draft) => void }) {
  const name = usePersonName();
  let before = "";
  return (
    <Stack gap="xs">
      {timeline.final.map((span) => {
        const from = new Date(span.from);
        const key = dayKey(from, zone);
        const newDay = key !== before;
        before = key;
        return (
          <div key={span.from}>
            {newDay && (
              <Text fw={700} size="sm" c="dimmed">
                {day(from, zone)}
              </Text>
            )}
            <Group justify="space-between" wrap="nowrap">
              <div>
                {span.users.length === 0 ? (
                  <Mark tone="danger">{t.schedules.gap}</Mark>
                ) : (
                  <Text fw={600}>{label(span, name)}</Text>
                )}
                <Text size="sm" c="dimmed">
                  {clock(from, zone)} – {absolute(new Date(span.until), zone, from)}
                </Text>
              </div>
              {edit && (
                <Button
                  variant="default"
                  h={44}
                  aria-label={`${t.common.edit}: ${day(from, zone)}`}
                  onClick={() =>
                    edit({
                      from: Math.max(from.getTime(), dayStart(Date.now(), zone)),
                      to: Math.min(Date.parse(span.until), from.getTime() + 12 * HOUR),
                      user: null,
                      change: "replace",
                    })
                  }
                >
                  {t.common.edit}
                </Button>
              )}
            </Group>
          </div>
        );
      })}
      {timeline.overrides
        .filter((one) => one.origin === "app")
        .map((one) => (
          <Group key={one.id} justify="space-between" wrap="nowrap">
            <Text size="sm">
              {t.schedules.lanes.overrides}: {name(one.user)}, {absolute(new Date(one.from), zone)} –{" "}
              {absolute(new Date(one.until), zone)}
            </Text>
            {edit && (
              <Button
                variant="default"
                h={44}
                onClick={() =>
                  edit({
                    id: one.id,
                    from: Date.parse(one.from),
                    to: Date.parse(one.until),
                    user: one.user,
                    change: one.change as Draft["change"],
                  })
                }
              >
                {t.common.edit}
              </Button>
            )}
          </Group>
        ))}
    </Stack>
  );
}
