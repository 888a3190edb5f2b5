import type { Answer } from "../../api/client";
import { day, length, useZone } from "../../lib/time";
import { t } from "../../text";
import { Text } from "../../ui";
import { type Finding, useFailure } from "./index";
import style from "./picture.module.css";

/** Each policy and failure a line over the time ahead; a hole is red where nobody is ever reached, amber where it takes too long. */
export function Picture({ proof }: { proof: Answer<"POST /prove"> }) {
  const failure = useFailure();
  const zone = useZone();
  const [from, to] = [Date.parse(proof.from), Date.parse(proof.to)];
  const lines = new Map<string, { policy: string; urgency: Finding["urgency"]; failure: Finding["failure"]; holes: Finding[] }>();
  for (const hole of proof.findings) {
    const key = `${hole.policy} ${hole.urgency} ${hole.failure.kind} ${hole.failure.id}`;
    const line = lines.get(key) ?? { policy: hole.policy, urgency: hole.urgency, failure: hole.failure, holes: [] };
    line.holes.push(hole);
    lines.set(key, line);
  }
  const at = (instant: string) => ((Date.parse(instant) - from) / (to - from)) * 100;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => new Date(from + part * (to - from)));
  return (
    <div>
      {[...lines].map(([key, line]) => {
        const seconds = line.holes.reduce((sum, hole) => sum + (Date.parse(hole.until) - Date.parse(hole.from)) / 1000, 0);
        return (
          <div key={key} className={style.line}>
            <Text size="sm" className={style.name}>
              <b>{line.policy}</b> ({t.urgency[line.urgency]}) · {failure(line.failure)}
            </Text>
            <div
              className={style.time}
              role="img"
              aria-label={t.proof.pictureText(line.policy, failure(line.failure), length(seconds))}
            >
              {line.holes.map((hole) => (
                <span
                  key={hole.from}
                  className={style.hole}
                  data-never={hole.reached_after_s == null || undefined}
                  style={{ insetInlineStart: `${at(hole.from)}%`, width: `max(3px, ${at(hole.until) - at(hole.from)}%)` }}
                  title={`${day(new Date(hole.from), zone)}: ${hole.reason}`}
                />
              ))}
            </div>
          </div>
        );
      })}
      <div className={style.axis} aria-hidden="true">
        {marks.map((mark) => (
          <span key={mark.getTime()}>{day(mark, zone)}</span>
        ))}
      </div>
    </div>
  );
}
