import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useLocation, useParams } from "wouter";
import { type Answer, type Problem, request } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { ownZone } from "../../lib/time";
import { type Session, useSession } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  Callout,
  CopyButton,
  Grid,
  Group,
  Mark,
  Read,
  Screen,
  Select,
  Stack,
  Text,
  TextInput,
  toast,
  useAsk,
  useDebouncedValue,
  useMediaQuery,
} from "../../ui";
import { ObjectForm, type Schema, useOptions } from "./form";
import style from "./form.module.css";
import { firstTurn } from "./turn";

type Fields = Record<string, unknown>;
type Applied = Answer<"PUT /setup/objects/{kind}/{id}">;
type Diagnostic = Applied["warnings"][number];

/** The server looks over what somebody types when they pause. */
const TYPING_MS = 400;
const SLUG = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** Where objects of a kind are seen. */
const HOME: Record<string, string> = {
  policy: "/policies",
  schedule: "/schedules",
  service: "/services",
  user: "/people",
  team: "/people",
  catch_all: "/policies",
};
const EVERYTHING = [
  "GET /setup/objects",
  "GET /policies",
  "GET /schedules",
  "GET /services",
  "GET /users",
  "GET /teams",
] as const;

/** Makes or changes one object of the setup, checked while one types, with what changes before it is saved. */
export default function Edit() {
  const { kind = "", id } = useParams<{ kind: string; id?: string }>();
  const schema = useRead("GET /setup/schema");
  const objects = useRead("GET /setup/objects", { query: { kind } });
  const name = t.edit.kinds[kind] ?? kind;
  return (
    <Screen title={id ? t.edit.change(name, id) : t.edit.new(name)} back={{ to: HOME[kind] ?? "/now", text: t.common.back }}>
      <Read of={schema}>
        {(root) => (
          <Read of={objects}>
            {({ items }) => {
              const there = items.find((one) => one.id === id);
              return (
                <Editor
                  key={`${kind}:${id}`}
                  root={root as Schema}
                  kind={kind}
                  id={id}
                  start={(there?.value as Fields) ?? {}}
                  files={there?.origin === "files"}
                  taken={items.map((one) => one.id)}
                />
              );
            }}
          </Read>
        )}
      </Read>
    </Screen>
  );
}

function Editor(props: { root: Schema; kind: string; id?: string; start: Fields; files: boolean; taken: string[] }) {
  const { root, kind, files } = props;
  const name = t.edit.kinds[kind] ?? kind;
  const session = useSession();
  const start = useMemo(
    () => (props.id || kind === "catch_all" ? props.start : beginning(kind, session)),
    [props.id, props.start, kind, session],
  );
  const [value, setValue] = useState<Fields>(start);
  const [typedId, setOwn] = useState<string | null>(kind === "catch_all" ? kind : (props.id ?? null));
  const [team, setTeam] = useState<string | null>(session.teams[0] ?? null);
  const own = typedId ?? slug(String(value.name ?? ""));
  const teams = useRead("GET /setup/objects", { query: { kind: "team" } }, { enabled: kind === "user" && !props.id });
  const phone = useMediaQuery("(max-width: 62em)", false, { getInitialValueInEffect: false });
  const options = useOptions();
  const [, go] = useLocation();
  const { ask, dialog } = useAsk();
  const [typed] = useDebouncedValue(value, TYPING_MS);
  const schema = root.$defs?.[kind] ?? {};
  const different = JSON.stringify(value) !== JSON.stringify(start);
  const wrongId = !SLUG.test(own) || (!props.id && props.taken.includes(own));
  const place = useMemo(() => ({ root, whole: value, options }), [root, value, options]);
  const path = { kind, id: own };
  const check = useQuery<Applied, Problem>({
    queryKey: ["check", kind, own, typed],
    queryFn: () => request("PUT /setup/objects/{kind}/{id}", { path, body: { value: typed, dry_run: true } }),
    enabled: !files && !wrongId && different,
    retry: false,
  });
  const proposal = useQuery<Answer<"POST /setup/objects/{kind}/{id}/proposal">, Problem>({
    queryKey: ["propose", kind, own, typed],
    queryFn: () => request("POST /setup/objects/{kind}/{id}/proposal", { path, body: { value: typed } }),
    enabled: files && different,
    retry: false,
  });
  const home = () => go(HOME[kind] ?? "/now");
  const save = useAct("PUT /setup/objects/{kind}/{id}", {
    touches: [...EVERYTHING],
    done: () => t.edit.saved(kind === "catch_all" ? name : `${name} ${(value.name as string) || own}`),
    onDone: async () => {
      const there = teams.data?.items.find((one) => one.id === team && one.origin === "app");
      if (kind === "user" && !props.id && there) {
        const fields = there.value as { members?: string[] };
        const members = [...(fields.members ?? []), own];
        await request("PUT /setup/objects/{kind}/{id}", {
          path: { kind: "team", id: there.id },
          body: { value: { ...fields, members } },
        }).catch(toast.problem);
      }
      home();
    },
  });
  const remove = useAct("DELETE /setup/objects/{kind}/{id}", {
    touches: [...EVERYTHING],
    done: () => t.edit.removed_,
    onDone: home,
  });
  const touched = check.data?.open_alerts.length ?? 0;
  const panel = files ? (
    <Block title={t.edit.proposal}>
      {!different && <Text c="dimmed">{t.edit.nothing}</Text>}
      {proposal.error && <Mistakes problem={proposal.error} />}
      {proposal.data && different && <Diff text={proposal.data.diff} />}
    </Block>
  ) : (
    <Block title={check.error ? t.edit.mistakes : t.edit.preview}>
      {(!different || wrongId) && <Text c="dimmed">{t.edit.nothing}</Text>}
      {check.error && different && <Mistakes problem={check.error} />}
      {check.data && different && <Changes applied={check.data} />}
    </Block>
  );
  return (
    <Grid>
      <Grid.Col span={{ base: 12, md: 7 }}>
        <Block>
          {/* The server checks: what is required in a part that is left out is not missing. */}
          <form
            noValidate
            onSubmit={(event) => {
              event.preventDefault();
              if (!files && !wrongId) save.mutate({ path, body: { value, yes: touched > 0 } });
            }}
          >
            <Stack>
              {files && (
                <Callout color="iron" title={t.edit.files}>
                  {t.edit.filesHint}
                </Callout>
              )}
              <ObjectForm schema={schema} value={value} set={setValue} place={place} />
              {kind === "user" && !props.id && (teams.data?.items.some((one) => one.origin === "app") ?? false) && (
                <Select
                  label={t.edit.team}
                  description={t.edit.teamHint}
                  data={teams.data?.items
                    .filter((one) => one.origin === "app")
                    .map((one) => ({ value: one.id, label: String((one.value as Fields).name || one.id) }))}
                  value={team}
                  onChange={setTeam}
                  clearable
                />
              )}
              {!props.id && kind !== "catch_all" && (
                <TextInput
                  label={t.edit.id}
                  description={t.edit.idHint}
                  value={own}
                  onChange={(event) => setOwn(event.currentTarget.value)}
                  error={own && wrongId ? (SLUG.test(own) ? t.edit.idTaken : t.edit.idWrong) : undefined}
                  required
                />
              )}
              {phone && panel}
              {!files && (
                <Group justify="space-between">
                  <Button type="submit" disabled={wrongId || !different || check.isError} loading={save.isPending}>
                    {touched > 0 ? t.edit.saveAnyway : t.edit.save}
                  </Button>
                  {props.id && (
                    <Button
                      variant="default"
                      onClick={() =>
                        ask({
                          title: t.edit.removeAsk(`${t.edit.kinds[kind]} ${own}`),
                          hint: t.edit.removeHint,
                          yes: t.edit.remove,
                          danger: true,
                          run: () => remove.mutate({ path, query: { yes: true } }),
                        })
                      }
                    >
                      {t.edit.remove}
                    </Button>
                  )}
                </Group>
              )}
            </Stack>
          </form>
        </Block>
      </Grid.Col>
      {!phone && (
        <Grid.Col span={5}>
          <div style={{ position: "sticky", top: 72 }} aria-live="polite">
            {panel}
          </div>
        </Grid.Col>
      )}
      {dialog}
    </Grid>
  );
}

/** What somebody who begins would have written in any case. */
function beginning(kind: string, session: Session): Fields {
  const team = session.teams[0];
  const own = team ? { team } : {};
  if (kind === "schedule")
    return {
      ...own,
      timezone: ownZone(),
      layers: [{ id: "weekly", users: session.user ? [session.user.id] : [], ...firstTurn(new Date()) }],
    };
  if (kind === "policy") return { ...own, steps: [{ page: [{ schedule: "" }], wait: "5m" }] };
  if (kind === "service") return own;
  return {};
}

/** `Ada Lovelace` is `ada-lovelace`, as the server does it. */
function slug(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replaceAll("ß", "ss");
  return plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
}

function Mistakes({ problem }: { problem: Problem }) {
  const found = (problem.body?.diagnostics as Diagnostic[] | undefined)?.filter((one) => one.level === "error") ?? [];
  if (found.length === 0) return <Text>{problem.detail ?? problem.title}</Text>;
  return (
    <Stack gap="xs">
      {found.map((one) => (
        <div key={`${one.line}${one.message}`}>
          <Text size="sm" fw={600}>
            {one.message}
          </Text>
          {one.help && (
            <Text size="sm" c="dimmed">
              {one.help}
            </Text>
          )}
        </div>
      ))}
    </Stack>
  );
}

function Changes({ applied }: { applied: Applied }) {
  const { plan } = applied;
  const groups = [
    ["added", "ok", plan.added],
    ["changed", "info", plan.changed],
    ["removed", "danger", plan.removed],
  ] as const;
  return (
    <Stack gap="sm">
      {groups.flatMap(([word, tone, changes]) =>
        changes.map((change) => (
          <div key={`${change.kind}${change.id}`}>
            <Group gap={6}>
              <Mark tone={tone}>{t.edit[word]}</Mark>
              <Text size="sm" fw={600}>
                {t.edit.kinds[change.kind] ?? change.kind} {change.id}
              </Text>
            </Group>
            {change.detail?.map((line) => (
              <Text key={line} size="sm">
                {line}
              </Text>
            ))}
          </div>
        )),
      )}
      {applied.open_alerts.length > 0 && (
        <div>
          <Mark tone="warn" icon="warn">
            {t.edit.touched}
          </Mark>
          {applied.open_alerts.slice(0, 5).map((one) => (
            <Text key={one.id} size="sm">
              {one.summary}: {one.how}
            </Text>
          ))}
        </div>
      )}
      {applied.warnings.length > 0 && (
        <div>
          <Text size="sm" fw={600}>
            {t.edit.warnings}
          </Text>
          {applied.warnings.slice(0, 5).map((one) => (
            <Text key={one.message} size="sm" c="dimmed">
              {one.message}
            </Text>
          ))}
        </div>
      )}
    </Stack>
  );
}

function Diff({ text }: { text: string }) {
  if (!text.trim()) return <Text c="dimmed">{t.edit.nothing}</Text>;
  const look = (line: string) => (line.startsWith("+") ? style.in : line.startsWith("-") ? style.out : undefined);
  return (
    <Stack gap="xs">
      <section className={style.diff} aria-label={t.edit.proposal}>
        {text.split("\n").map((line, at) => (
          <div key={at} className={look(line)}>
            {line || " "}
          </div>
        ))}
      </section>
      <Group>
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button size="compact-md" onClick={copy}>
              {copied ? t.common.copied : t.edit.copy}
            </Button>
          )}
        </CopyButton>
      </Group>
    </Stack>
  );
}
