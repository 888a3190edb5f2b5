import { type PointerEvent as ReactPointerEvent, useRef, useState } from "react";
import { useAct } from "../../api/hooks";
import { usePersonName } from "../../lib/names";
import { absolute, clock, day } from "../../lib/time";
import { t } from "../../text";
import { Text } from "../../ui";
import type { Draft } from "./editor";
import { colour, days, HOUR, instant, place, type Range } from "./geometry";
import style from "./lanes.module.css";
import { label, type TimelineAnswer } from "./schedule";

/** Presses of a key are one change until somebody pauses for so long. */
const PAUSE_MS = 700;

type Override = TimelineAnswer["overrides"][number];

interface LanesProps {
  timeline: TimelineAnswer;
  range: Range;
  zone: string;
  now: number;
  schedule: string;
  /** Opens the form; without it nothing can be changed. */
  edit?: (draft: Draft) => void;
}

/** Lanes over time. A week fits the screen; what the server says is drawn, nothing is computed here. */
export function Lanes(props: LanesProps) {
  const { timeline, range, zone, now } = props;
  const name = usePersonName();
  const starts = days(range, zone);
  return (
    <div className={style.lanes}>
      <div className={style.head}>
        <div className={style.name} />
        <div className={style.lane} data-head>
          {starts.map((at) => (
            <span key={at} className={style.day} style={{ insetInlineStart: `${place(at, range)}%` }}>
              {day(new Date(at), zone)}
            </span>
          ))}
        </div>
      </div>
      <Lane title={t.schedules.lanes.final} {...props} strong>
        {timeline.final.map((span) => (
          <Span
            key={span.from}
            from={span.from}
            until={span.until}
            range={range}
            text={label(span, name)}
            tint={span.users[0]}
            gap={span.users.length === 0}
            zone={zone}
          />
        ))}
      </Lane>
      <Overrides {...props} />
      {timeline.leave.length > 0 && (
        <Lane title={t.leave.lane} {...props}>
          {timeline.leave.map((one) => (
            <Span
              key={one.id}
              from={one.from}
              until={one.until}
              range={range}
              text={name(one.user)}
              tint={one.user}
              zone={zone}
              quiet
            />
          ))}
        </Lane>
      )}
      {[...timeline.layers].reverse().map((layer) => (
        <Lane key={layer.id} title={t.schedules.lanes.layer(layer.id)} {...props}>
          {layer.spans.map((span) => (
            <Span
              key={`${span.from}${span.users}`}
              from={span.from}
              until={span.until}
              range={range}
              text={label(span, name)}
              tint={span.users[0]}
              zone={zone}
              quiet
            />
          ))}
        </Lane>
      ))}
      {now > range.from && now < range.to && (
        <span
          className={style.now}
          style={{ "--at": `${place(now, range) / 100}` } as React.CSSProperties}
          title={t.schedules.now}
        />
      )}
    </div>
  );
}

function Lane(props: {
  title: string;
  range: Range;
  zone: string;
  timeline: TimelineAnswer;
  strong?: boolean;
  children: React.ReactNode;
}) {
  return (
    <div className={style.row}>
      <Text className={style.name} fw={props.strong ? 700 : 400} size="sm">
        {props.title}
      </Text>
      <div className={style.lane} data-strong={props.strong || undefined}>
        <Grid {...props} />
        {props.children}
      </div>
    </div>
  );
}

function Grid({ range, zone, timeline }: { range: Range; zone: string; timeline: TimelineAnswer }) {
  return (
    <>
      {days(range, zone).map((at) => (
        <span key={at} className={style.line} style={{ insetInlineStart: `${place(at, range)}%` }} />
      ))}
      {timeline.transitions.map((one) => (
        <span
          key={one.at}
          className={style.transition}
          style={{ insetInlineStart: `${place(Date.parse(one.at), range)}%` }}
          title={`${t.schedules.clock}: ${absolute(new Date(one.at), zone)}`}
        />
      ))}
    </>
  );
}

function Span(props: {
  from: string;
  until: string;
  range: Range;
  text: string;
  tint?: string;
  gap?: boolean;
  quiet?: boolean;
  zone: string;
}) {
  const [from, until] = [Date.parse(props.from), Date.parse(props.until)];
  const left = place(from, props.range);
  return (
    <span
      className={style.span}
      data-gap={props.gap || undefined}
      data-quiet={props.quiet || undefined}
      title={`${props.text}: ${absolute(new Date(from), props.zone)} – ${absolute(new Date(until), props.zone)}`}
      style={{
        insetInlineStart: `${left}%`,
        width: `calc(${place(until, props.range) - left}% - 2px)`,
        background: props.gap ? undefined : colour(props.tint ?? ""),
      }}
    >
      {props.text}
    </span>
  );
}

/** The lane that one drags on. */
function Overrides(props: LanesProps) {
  const { timeline, range, edit } = props;
  const lane = useRef<HTMLDivElement>(null);
  const [drawn, setDrawn] = useState<{ from: number; to: number } | null>(null);
  const at = (event: { clientX: number }) => {
    const box = lane.current?.getBoundingClientRect();
    return box ? instant(event.clientX - box.left, box.width, range) : range.from;
  };
  const begin = (event: ReactPointerEvent) => {
    if (!edit || event.target !== event.currentTarget || event.button !== 0) return;
    const start = at(event);
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrawn({ from: start, to: start });
  };
  return (
    <div className={style.row}>
      <Text className={style.name} size="sm">
        {t.schedules.lanes.overrides}
      </Text>
      <div
        ref={lane}
        className={style.lane}
        data-draw={edit ? "" : undefined}
        data-testid="overrides-lane"
        title={edit && t.schedules.lane}
        onPointerDown={begin}
        onPointerMove={(event) => drawn && setDrawn({ ...drawn, to: at(event) })}
        onPointerUp={() => {
          if (!drawn) return;
          const [from, to] = [Math.min(drawn.from, drawn.to), Math.max(drawn.from, drawn.to)];
          setDrawn(null);
          if (to > from) edit?.({ from, to, user: null, change: "replace" });
        }}
        onPointerCancel={() => setDrawn(null)}
      >
        <Grid {...props} />
        {drawn && (
          <span
            className={style.drawn}
            style={{
              insetInlineStart: `${place(Math.min(drawn.from, drawn.to), range)}%`,
              width: `${Math.abs(place(drawn.to, range) - place(drawn.from, range))}%`,
            }}
          />
        )}
        {timeline.overrides.map((one) => (
          <OverrideBlock key={one.id} one={one} at={at} {...props} />
        ))}
      </div>
    </div>
  );
}

function OverrideBlock(props: LanesProps & { one: Override; at: (event: { clientX: number }) => number }) {
  const { one, range, zone, edit, at } = props;
  const name = usePersonName();
  const [moved, setMoved] = useState<{ from: number; to: number } | null>(null);
  const grip = useRef<{ kind: "move" | "from" | "to"; start: number } | null>(null);
  const saving = useRef<ReturnType<typeof setTimeout>>(undefined);
  const replace = useReplace(props.schedule);
  const [from, until] = [moved?.from ?? Date.parse(one.from), moved?.to ?? Date.parse(one.until)];
  const fixed = one.origin === "files" || !edit;
  const draft: Draft = { id: one.id, from, to: until, user: one.user, change: one.change as Draft["change"] };
  const text = `${one.change === "remove" ? "− " : one.change === "add" ? "+ " : ""}${name(one.user)}`;
  const left = place(from, range);

  const drag = (event: ReactPointerEvent) => {
    if (!grip.current) return;
    const delta = at(event) - grip.current.start;
    const [a, b] = [Date.parse(one.from), Date.parse(one.until)];
    const next =
      grip.current.kind === "move"
        ? { from: a + delta, to: b + delta }
        : grip.current.kind === "from"
          ? { from: Math.min(a + delta, b - HOUR / 4), to: b }
          : { from: a, to: Math.max(b + delta, a + HOUR / 4) };
    setMoved(next);
  };
  const key = (event: React.KeyboardEvent) => {
    if (fixed) return;
    const step = event.key === "ArrowRight" ? HOUR : event.key === "ArrowLeft" ? -HOUR : 0;
    if (step !== 0) {
      event.preventDefault();
      const next = event.shiftKey
        ? { from, to: Math.max(until + step, from + HOUR / 4) }
        : { from: from + step, to: until + step };
      setMoved(next);
      clearTimeout(saving.current);
      saving.current = setTimeout(() => replace({ ...draft, ...next }), PAUSE_MS);
    } else if (event.key === "Delete") edit?.({ ...draft, ending: true });
  };
  return (
    <button
      type="button"
      className={style.override}
      aria-label={t.schedules.block(text, absolute(new Date(from), zone), absolute(new Date(until), zone))}
      title={fixed ? t.schedules.fromFiles : `${clock(new Date(from), zone)} – ${clock(new Date(until), zone)}`}
      disabled={fixed}
      style={{ insetInlineStart: `${left}%`, width: `calc(${place(until, range) - left}% - 2px)`, background: colour(one.user) }}
      onClick={() => !moved && edit?.(draft)}
      onKeyDown={key}
      onPointerDown={(event) => {
        if (fixed) return;
        const box = event.currentTarget.getBoundingClientRect();
        const edge = Math.min(8, box.width / 4);
        const kind = event.clientX - box.left < edge ? "from" : box.right - event.clientX < edge ? "to" : "move";
        grip.current = { kind, start: at(event) };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={drag}
      onPointerUp={() => {
        grip.current = null;
        // The form shows what would change before anything is saved.
        if (moved && (moved.from !== Date.parse(one.from) || moved.to !== Date.parse(one.until))) edit?.({ ...draft, ...moved });
        setTimeout(() => setMoved(null), 0);
      }}
    >
      {text}
    </button>
  );
}

/** An override moved by the keyboard: the new one is made before the old one ends, so that nobody is missing in between. */
export function useReplace(schedule: string): (draft: Draft) => void {
  const touches = ["GET /schedules/{id}/timeline", "GET /oncall", "GET /me/shifts"] as const;
  const add = useAct("POST /overrides", {});
  const end = useAct("DELETE /overrides/{id}", { touches: [...touches], done: () => t.schedules.editor.saved });
  return (draft) => {
    const [from, to] = [new Date(draft.from).toISOString(), new Date(draft.to).toISOString()];
    const who = draft.change === "remove" ? { remove: draft.user } : { user: draft.user, add: draft.change === "add" };
    add.mutate({ body: { schedule, from, to, ...who } }, { onSuccess: () => draft.id && end.mutate({ path: { id: draft.id } }) });
  };
}
