import { useState } from "react";
import type { Answer } from "../../api/client";
import { useRead } from "../../api/hooks";
import { clock, useZone } from "../../lib/time";
import { t } from "../../text";
import {
  Block,
  Button,
  Empty,
  Group,
  Mark,
  ProblemNote,
  Read,
  Screen,
  SegmentedControl,
  Stack,
  Text,
  useMediaQuery,
} from "../../ui";
import style from "./failures.module.css";
import { columns, level, perColumn } from "./heat";

type Failures = Answer<"GET /institutions/failures">;
type Institution = Failures["institutions"][number];
type Last = keyof typeof t.failures.lasts;

const EVERY_MS = 30_000;
/** Columns that can be told apart, in the width that there is. */
const WIDE = 30;
const NARROW = 6;
/** Rows at first; whoever fails is among them. */
const ROWS = 60;

/** The blast radius over time: every institution, minute by minute. */
export default function Failing() {
  const [last, setLast] = useState<Last>("1h");
  const failures = useRead("GET /institutions/failures", { query: { last } }, { every: EVERY_MS, keep: true });
  return (
    <Screen
      title={t.failures.title}
      hint={t.failures.hint}
      actions={
        <SegmentedControl
          aria-label={t.failures.last}
          value={last}
          onChange={(value) => setLast(value as Last)}
          data={Object.entries(t.failures.lasts).map(([value, label]) => ({ value, label }))}
        />
      }
    >
      {/* What was counted before stays to be seen, but never as if it were new. */}
      {failures.data && failures.error && <ProblemNote problem={failures.error} retry={() => void failures.refetch()} />}
      <Read of={failures}>
        {(found) =>
          found.institutions.length === 0 ? (
            <Empty icon="people" title={t.failures.none} hint={t.failures.noneHint} />
          ) : (
            <Stack>
              <Stack gap={0}>
                <Text fw={650} size="lg" role="status" c={found.failing > 0 ? "var(--fd-danger-text)" : undefined}>
                  {t.failures.now(found.failing, found.total)}
                </Text>
                <Text size="sm" c="dimmed">
                  {t.failures.nowHint}
                </Text>
              </Stack>
              {found.partial.length > 0 && (
                <Stack gap={2} role="note" align="flex-start">
                  <Mark tone="warn" icon="warn">
                    {t.failures.partial}
                  </Mark>
                  {found.partial.map((note) => (
                    <Text key={note} size="sm">
                      {note}
                    </Text>
                  ))}
                </Stack>
              )}
              <Heat of={found} />
            </Stack>
          )
        }
      </Read>
    </Screen>
  );
}

function Heat({ of }: { of: Failures }) {
  const phone = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const zone = useZone();
  const [all, setAll] = useState(false);
  const per = perColumn(of.minutes, phone ? NARROW : WIDE);
  const from = Date.parse(of.from);
  const ends = columns(
    [],
    Array.from({ length: of.minutes }, () => 0),
    per,
  );
  const shown = all ? of.institutions : of.institutions.slice(0, ROWS);
  return (
    <Block>
      <Stack gap="sm">
        <Legend />
        <div className={style.scroll}>
          <table className={style.heat}>
            <caption className={style.hidden}>{t.failures.caption(t.failures.per(per))}</caption>
            <thead>
              <tr>
                <th scope="col" className={style.name}>
                  {t.failures.institution}
                </th>
                {ends.map(({ at }) => {
                  const begin = new Date(from + at * 60_000);
                  return (
                    <th key={at} scope="col" className={style.at}>
                      <time dateTime={begin.toISOString()}>{clock(begin, zone)}</time>
                    </th>
                  );
                })}
              </tr>
            </thead>
            <tbody>
              {shown.map((one) => (
                <Row key={one.id} of={one} per={per} />
              ))}
            </tbody>
          </table>
        </div>
        {shown.length < of.institutions.length && (
          <Group>
            <Button variant="default" onClick={() => setAll(true)}>
              {t.failures.all(of.institutions.length)}
            </Button>
          </Group>
        )}
      </Stack>
    </Block>
  );
}

function Row({ of, per }: { of: Institution; per: number }) {
  return (
    <tr>
      <th scope="row">
        <b>{of.code}</b> {of.name !== of.code && of.name} {of.fails_now && <Mark tone="danger">{t.failures.fails}</Mark>}
      </th>
      {columns(of.failed, of.calls, per).map((one) => {
        const percent = one.calls === 0 ? 0 : Math.round((100 * one.failed) / one.calls);
        const label = one.calls === 0 ? t.failures.noTraffic : t.failures.cell(percent, one.failed, one.calls);
        return (
          <td key={one.at} data-level={level(one)} title={label}>
            {/* The number is there for the eyes too: colour alone tells nobody who cannot tell these colours apart. */}
            <span aria-hidden="true">{one.calls > 0 && percent}</span>
            <span className={style.hidden}>{label}</span>
          </td>
        );
      })}
    </tr>
  );
}

function Legend() {
  return (
    <Group gap="md" role="group" aria-label={t.failures.legend}>
      <Text size="sm" fw={600}>
        {t.failures.legend}
      </Text>
      {t.failures.levels.map((text, n) => (
        <Text key={text} size="sm">
          <span className={style.swatch} data-level={n} aria-hidden="true" /> {text}
        </Text>
      ))}
      <Text size="sm">
        <span className={style.swatch} aria-hidden="true" /> {t.failures.noTraffic}
      </Text>
    </Group>
  );
}
