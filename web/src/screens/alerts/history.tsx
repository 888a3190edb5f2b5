import { usePersonName } from "../../lib/names";
import { clockSeconds, day, dayKey, useZone, zoneName } from "../../lib/time";
import { t } from "../../text";
import { Icon, type IconName, Mark, Text } from "../../ui";
import type { Card } from "./alert";
import style from "./history.module.css";

type Entry = Card["timeline"][number];

const ICONS: Record<string, IconName> = {
  triggered: "flame",
  paged: "bell",
  notified: "mail",
  acknowledged: "hand",
  resolved: "check",
  note: "note",
  held: "mute",
  snoozed: "snooze",
  escalated: "up",
  skipped: "warn",
  catch_all: "shield",
};

/** Everything that happened, in order, each with its reason in words. */
export function History({ entries }: { entries: Entry[] }) {
  const person = usePersonName();
  const zone = useZone();
  if (entries.length === 0) return <Text c="dimmed">{t.alert.timelineEmpty}</Text>;
  return (
    <ol className={style.list}>
      {entries.map((entry, index) => {
        const at = new Date(entry.at);
        const before = entries[index - 1];
        const newDay = !before || dayKey(new Date(before.at), zone) !== dayKey(at, zone);
        return (
          <li key={`${entry.at}${entry.kind}${entry.user}${entry.contact}${index}`} className={style.entry}>
            {newDay && (
              <Text size="sm" fw={700} c="dimmed" className={style.day}>
                {day(at, zone)} ({zoneName(zone, at)})
              </Text>
            )}
            <time dateTime={entry.at} className={style.time}>
              {clockSeconds(at, zone)}
            </time>
            <span className={style.icon}>
              <Icon name={ICONS[entry.kind] ?? "dot"} size={16} />
            </span>
            <div className={style.what}>
              <b>
                {entry.kind === "notified" && entry.outcome !== "sent"
                  ? t.alert.kinds.notTold
                  : (t.alert.kinds[entry.kind] ?? entry.kind)}
              </b>{" "}
              {entry.user && person(entry.user)}{" "}
              {entry.contact && (
                <Text span c="dimmed" size="sm">
                  {t.channels[entry.channel ?? ""] ?? entry.channel} ({entry.contact})
                </Text>
              )}{" "}
              {entry.outcome && (
                <Mark tone={entry.outcome === "sent" ? "ok" : entry.outcome === "retry_after" ? "warn" : "danger"}>
                  {t.alert.outcomes[entry.outcome] ?? entry.outcome}
                </Mark>
              )}
              {entry.reason && (
                <Text size="sm" c={entry.kind === "note" ? undefined : "dimmed"}>
                  {entry.reason}
                </Text>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
