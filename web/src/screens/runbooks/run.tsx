import { useState } from "react";
import { useParams } from "wouter";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { usePersonName } from "../../lib/names";
import { clockSeconds, useZone } from "../../lib/time";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  Grid,
  Group,
  Icon,
  Mark,
  Modal,
  Read,
  Screen,
  Stack,
  Text,
  Textarea,
  TextLink,
  Told,
  useAsk,
  useDisclosure,
  When,
} from "../../ui";
import { CasesOfRun } from "../cases/line";
import { ToolLinks } from "../services/tool-links";
import { Answers } from "./answers";
import { CasePanel, CopyEvidence } from "./evidence";
import style from "./run.module.css";
import { about, RunMark, starter } from "./runs";
import { values } from "./start";

type Run = Answer<"GET /runs/{id}">;
type Step = Run["steps"][number];

/** Ours to look at while something goes on; the stream tells of alerts only. */
const EVERY_MS = 1_500;

/** A run: its steps with what each brought, what it asks, and everything that has happened. */
export default function RunScreen() {
  const { id = "" } = useParams<{ id: string }>();
  const run = useRead("GET /runs/{id}", { path: { id } }, { every: EVERY_MS });
  const person = usePersonName();
  const may = useMay()("responder");
  const open = run.data?.state === "running";
  const goesOn = open || run.data?.state === "watching";
  return (
    <Screen
      title={run.data ? [run.data.title, about(run.data.inputs)].filter(Boolean).join(": ") : t.runbooks.title}
      back={{ to: "/runbooks", text: t.runbooks.all }}
      actions={run.data && <Actions run={run.data} may={may && goesOn} />}
    >
      <Read of={run}>
        {(data) => (
          <Grid>
            <Grid.Col span={{ base: 12, md: 7 }}>
              <Stack>
                <Group gap="sm">
                  <RunMark state={data.state} />
                  {data.reason && (
                    <Text size="sm">
                      <Told text={data.reason} />
                    </Text>
                  )}
                  <Text size="sm" c="dimmed">
                    {t.run.startedBy(starter(data.started_by, person))} <When at={data.started_at} both />
                  </Text>
                  {data.members.length > 0 && <Mark tone="warn">{t.run.others(data.members.length)}</Mark>}
                  {data.alert && <TextLink to={`/alerts/${data.alert}`}>{t.run.open}</TextLink>}
                </Group>
                <ol className={style.steps}>
                  {data.steps.map((step) => (
                    <StepLine key={step.place} run={data} step={step} may={may && open} mayEnd={may} />
                  ))}
                </ol>
              </Stack>
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 5 }}>
              <Log id={id} steps={data.steps} />
            </Grid.Col>
          </Grid>
        )}
      </Read>
    </Screen>
  );
}

const TONES = {
  pending: "quiet",
  asking: "warn",
  confirming: "warn",
  doing: "info",
  waiting: "info",
  done: "ok",
  skipped: "quiet",
} as const;
const TOUCHES = ["GET /runs/{id}", "GET /runs/{id}/log", "GET /runs/{id}/evidence", "GET /runs", "GET /cases"] as const;
/** The action that opens a case at a vendor. */
const CASE = "vendor.case";
/** The action that counts who else fails. */
const BLAST = "logs.blast_radius";

function StepLine({ run, step, may, mayEnd }: { run: Run; step: Step; may: boolean; mayEnd: boolean }) {
  const person = usePersonName();
  const depth = step.place.split(".").length - 1;
  return (
    <li
      className={style.step}
      data-state={step.state}
      style={{ marginInlineStart: `${depth}rem` }}
      aria-label={`${step.place} ${step.do}`}
    >
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <Text fw={700} className={style.place}>
          {step.place}
        </Text>
        <Stack gap={4} style={{ flex: 1, minWidth: 0 }}>
          <Group gap="xs">
            <Text fw={600}>
              {step.do}
              {typeof step.item === "string" && ` (${step.item})`}
            </Text>
            <Mark tone={TONES[step.state]}>{t.run.step[step.state]}</Mark>
            {step.by && (
              <Text size="sm" c="dimmed">
                {t.run.by(person(step.by))}
              </Text>
            )}
          </Group>
          {step.why && <Text size="sm">{t.run.why[step.why]}</Text>}
          {step.text && (
            <Text size="sm" c="dimmed">
              <Told text={step.text} />
            </Text>
          )}
          <Brought output={step.output} />
          {step.sequel && <Sequel run={run.id} step={step} sequel={step.sequel} may={mayEnd} />}
          <ToolLinks links={step.links} />
          {step.uses === BLAST && step.state !== "pending" && (
            <Text size="sm">
              <TextLink to="/failures">{t.failures.link}</TextLink>
            </Text>
          )}
          {step.uses === CASE && step.state === "asking" && <CasePanel run={run.id} />}
          {step.uses === CASE && step.state === "done" && <CasesOfRun run={run.id} />}
          {step.plan && <Plan run={run.id} step={step} may={may} />}
          {step.choices.length > 0 && may && <Choices run={run.id} step={step} />}
          {(step.state === "asking" || (step.state === "waiting" && step.questions.length > 0)) && may && (
            <Answers run={run.id} step={step} touches={[...TOUCHES]} />
          )}
          {may && <Ways run={run.id} step={step} />}
        </Stack>
      </Group>
    </li>
  );
}

function Plan({ run, step, may }: { run: string; step: Step; may: boolean }) {
  const confirm = useAct("POST /runs/{id}/steps/{place}/confirm", { touches: [...TOUCHES] });
  const plan = step.plan;
  if (!plan) return null;
  const path = { id: run, place: step.place };
  return (
    <div className={style.plan}>
      <Text fw={600} size="sm">
        {t.run.confirmTitle}
      </Text>
      {plan.lines.map((line) => (
        <Text key={line} size="sm" className={style.line}>
          <Told text={line} />
        </Text>
      ))}
      <Text size="sm" c="dimmed">
        {t.run.until} <When at={plan.until} both /> {plan.two_person && t.run.twoPerson}
      </Text>
      {may && (
        <Group mt="xs">
          <Button
            size="md"
            h={44}
            leftSection={<Icon name="check" />}
            loading={confirm.isPending}
            onClick={() => confirm.mutate({ path, body: { hash: plan.hash } })}
          >
            {t.run.confirm}
          </Button>
          <Because op="POST /runs/{id}/steps/{place}/decline" label={t.run.decline} title={t.run.decline} path={path} />
        </Group>
      )}
    </div>
  );
}

/** What goes on after a step: it is in nobody's way, and a person may end it. */
function Sequel(props: { run: string; step: Step; sequel: NonNullable<Step["sequel"]>; may: boolean }) {
  const { run, step, sequel, may } = props;
  const going = !sequel.ended_at;
  return (
    <Stack gap={4}>
      <Group gap="xs">
        {going && <Mark tone="info">{t.run.sequel[sequel.kind]}</Mark>}
        {going && sequel.kind === "watch" && (
          <Text size="sm">
            {t.run.watchedUntil} <When at={sequel.until} both />
          </Text>
        )}
        {sequel.text !== step.output.text && (
          <Text size="sm" c="dimmed">
            <Told text={sequel.text} />
          </Text>
        )}
      </Group>
      {going && may && (
        <Group>
          <Because
            op="POST /runs/{id}/steps/{place}/skip"
            label={t.run.endSequel[sequel.kind]}
            title={t.run.endSequelTitle(step.do)}
            path={{ id: run, place: step.place }}
          />
        </Group>
      )}
    </Stack>
  );
}

/** What a step has brought: its sentence, and the rest for whoever wants to know. */
function Brought({ output }: { output: Step["output"] }) {
  const { text, ...rest } = output;
  const more = Object.entries(rest).filter(([, value]) => value !== "" && value !== null);
  const short = typeof text !== "string" && more.length <= 3 && more.every(([, value]) => typeof value !== "object");
  if (short) return more.length > 0 ? <Text size="sm">{values(Object.fromEntries(more))}</Text> : null;
  return (
    <>
      {typeof text === "string" && text !== "" && (
        <Text size="sm">
          <Told text={text} />
        </Text>
      )}
      {more.length > 0 && (
        <details className={style.more}>
          <summary>{t.run.details}</summary>
          <dl>
            {more.map(([name, value]) => (
              <div key={name}>
                <dt>{name.replaceAll("_", " ")}</dt>
                <dd>{typeof value === "object" ? pairs(value) : String(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}

/** Of a record or a list, a line each. */
const pairs = (value: object | null): string =>
  Object.entries(value ?? {})
    .map(([name, part]) => {
      const told = typeof part === "object" ? Object.values(part ?? {}).join("\n") : String(part);
      return Array.isArray(value) ? told : `${name}: ${told}`;
    })
    .join("\n");

/** What a step that is under way can be told. */
function Choices({ run, step }: { run: string; step: Step }) {
  const choose = useAct("POST /runs/{id}/steps/{place}/choose", { touches: [...TOUCHES] });
  return (
    <Group gap="xs" mt="xs">
      {step.choices.map(({ id, text }) => (
        <Button
          key={id}
          h={44}
          variant="default"
          loading={choose.isPending}
          onClick={() => choose.mutate({ path: { id: run, place: step.place }, body: { choice: id } })}
        >
          {text}
        </Button>
      ))}
    </Group>
  );
}

/** Leaving out, and beginning again. */
function Ways({ run, step }: { run: string; step: Step }) {
  const { ask, dialog } = useAsk();
  const retry = useAct("POST /runs/{id}/steps/{place}/retry", { touches: [...TOUCHES] });
  const path = { id: run, place: step.place };
  const over = step.state === "done" || step.state === "skipped";
  const stuck = step.state === "asking" && step.why !== "instruction" && step.why !== "not_connected";
  return (
    <Group gap="xs">
      {step.state === "asking" && (
        <Because op="POST /runs/{id}/steps/{place}/skip" label={t.run.skip} title={t.run.skipTitle(step.do)} path={path} />
      )}
      {(over || stuck) && (
        <Button
          size="compact-sm"
          variant="subtle"
          aria-label={`${t.run.retry}: ${step.do}`}
          onClick={() =>
            ask({ title: t.run.retryTitle(step.do), hint: t.run.retryHint, yes: t.run.retry, run: () => retry.mutate({ path }) })
          }
        >
          {t.run.retry}
        </Button>
      )}
      {dialog}
    </Group>
  );
}

/** Something that needs a reason. */
function Because(props: {
  op: "POST /runs/{id}/steps/{place}/skip" | "POST /runs/{id}/steps/{place}/decline" | "POST /runs/{id}/cancel";
  label: string;
  title: string;
  path: { id: string; place: string };
  danger?: boolean;
}) {
  const [opened, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState("");
  const act = useAct(props.op, { touches: [...TOUCHES], onDone: close });
  return (
    <>
      <Button size={props.danger ? "compact-md" : "compact-sm"} variant="default" onClick={open}>
        {props.label}
      </Button>
      <Modal opened={opened} onClose={close} title={props.title} closeButtonProps={{ "aria-label": t.common.close }}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (reason.trim()) act.mutate({ path: props.path, body: { reason } } as never);
          }}
        >
          <Stack>
            <Textarea
              label={t.run.reason}
              description={t.run.reasonHint}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
              required
              data-autofocus
            />
            <Group>
              <Button type="submit" disabled={!reason.trim()} loading={act.isPending}>
                {props.label}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
}

function Actions({ run, may }: { run: Run; may: boolean }) {
  return (
    <>
      <CopyEvidence run={run.id} open={run.state === "running"} />
      {may && (
        <Because
          op="POST /runs/{id}/cancel"
          label={t.run.cancel}
          title={t.run.cancelTitle}
          path={{ id: run.id, place: "" }}
          danger
        />
      )}
    </>
  );
}

function Log({ id, steps }: { id: string; steps: Step[] }) {
  const log = useRead("GET /runs/{id}/log", { path: { id } }, { every: EVERY_MS });
  const person = usePersonName();
  const zone = useZone();
  const name = (place: string) => steps.find((step) => step.place === place)?.do ?? "";
  return (
    <Block title={t.run.log}>
      <Read of={log}>
        {(lines) => (
          <ol className={style.log} aria-live="polite" aria-label={t.run.log}>
            {lines.map((line) => (
              <li key={line.seq}>
                <time dateTime={line.at}>{clockSeconds(new Date(line.at), zone)}</time>
                <div>
                  <b>{t.run.lines[line.kind]}</b> {line.by && t.run.by(starter(line.by, person))} {line.place} {name(line.place)}
                  {line.text && (
                    <Text size="sm" c="dimmed">
                      <Told text={line.text} />
                    </Text>
                  )}
                </div>
              </li>
            ))}
          </ol>
        )}
      </Read>
    </Block>
  );
}
