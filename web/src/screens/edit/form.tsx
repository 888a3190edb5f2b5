// A form made from the schema of the setup files: what can be written there can be filled in here, with the same words of help.
import { useState } from "react";
import { useRead } from "../../api/hooks";
import { usePeople, useServices, useTeams } from "../../lib/names";
import { t } from "../../text";
import { Button, Group, Icon, MultiSelect, NumberInput, Select, Stack, Switch, Text, TextInput } from "../../ui";
import style from "./form.module.css";
import { firstTurn } from "./turn";

export interface Schema {
  properties?: Record<string, Schema>;
  required?: string[];
  oneOf?: Array<{ required: string[] }>;
  enum?: string[];
  items?: Schema;
  $ref?: string;
  $defs?: Record<string, Schema>;
  description?: string;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  "x-order"?: string[];
  "x-shape"?: string;
}

export type Value = unknown;
type Fields = Record<string, Value>;

/** What the app does not ask for: files beside the setup, keys (made by the server), overrides (made on the schedule). */
const LEFT_OUT = new Set(["id", "key", "key_file", "key_sha256", "secret_file", "overrides"]);

interface Place {
  root: Schema;
  /** The whole object, for references within it. */
  whole: Fields;
  options: Record<string, Array<{ value: string; label: string }>>;
}

export function useOptions(): Place["options"] {
  const [people, teams, services] = [usePeople(), useTeams(), useServices()];
  const schedules = useRead("GET /schedules", { query: { limit: 500 } });
  const policies = useRead("GET /policies", { query: { limit: 500 } });
  const of = (items: Array<{ id: string; name?: string | null }> | undefined) =>
    (items ?? []).map((one) => ({ value: one.id, label: one.name || one.id }));
  return {
    user: of(people.data?.items),
    team: of(teams.data?.items),
    service: of(services.data?.items),
    schedule: of(schedules.data?.items),
    policy: of(policies.data?.items),
  };
}

function resolve(root: Schema, schema: Schema): Schema {
  const name = schema.$ref?.split("/").at(-1);
  return name ? (root.$defs?.[name] ?? schema) : schema;
}

const label = (key: string) => t.edit.labels[key] ?? key.replaceAll("_", " ");
/** The app's own words where those of the files would not help here. */
const hint = (key: string, schema: Schema) => t.edit.hints[key] ?? schema.description;

/** An empty value is no value: the setup's default applies. */
function without(fields: Fields, key: string, value: Value): Fields {
  const next = { ...fields, [key]: value };
  if (value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)) delete next[key];
  return next;
}

export function ObjectForm(props: {
  schema: Schema;
  value: Fields;
  set: (value: Fields) => void;
  place: Place;
  /** The whole may be left out; what is required in it is so only once something is filled in. */
  optional?: boolean;
}) {
  const { schema, value, set, place } = props;
  const choices = schema.oneOf?.map((one) => one.required[0] ?? "") ?? [];
  const keys = (schema["x-order"] ?? Object.keys(schema.properties ?? {})).filter(
    (key) =>
      !LEFT_OUT.has(key) && !choices.includes(key) && !(choices.includes("webhook") && key === "secret" && !("webhook" in value)),
  );
  return (
    <Stack gap="sm">
      {choices.length > 0 && <Choice {...{ choices, schema, value, set, place }} />}
      {keys.map((key) => {
        const field = schema.properties?.[key];
        if (!field) return null;
        return (
          <Field
            key={key}
            name={key}
            schema={field}
            required={(schema.required?.includes(key) ?? false) && (!props.optional || Object.keys(value).length > 0)}
            value={value[key]}
            set={(next) => set(without(value, key, next))}
            place={place}
          />
        );
      })}
    </Stack>
  );
}

/** Exactly one of several: a person, a schedule or a team. */
function Choice(props: { choices: string[]; schema: Schema; value: Fields; set: (value: Fields) => void; place: Place }) {
  const { choices, schema, value, set, place } = props;
  const chosen = choices.find((key) => key in value) ?? choices[0] ?? "";
  const field = schema.properties?.[chosen];
  const rest = () => Object.fromEntries(Object.entries(value).filter(([key]) => !choices.includes(key)));
  return (
    <Group grow align="flex-start">
      <Select
        label={t.edit.choose}
        data={choices.map((key) => ({ value: key, label: label(key) }))}
        value={chosen}
        onChange={(key) => key && set({ ...rest(), [key]: "" })}
        allowDeselect={false}
      />
      {field && (
        <Field
          name={chosen}
          schema={field}
          required
          value={value[chosen]}
          set={(next) => set({ ...rest(), [chosen]: next ?? "" })}
          place={place}
        />
      )}
    </Group>
  );
}

interface FieldProps {
  name: string;
  schema: Schema;
  required: boolean;
  value: Value;
  set: (value: Value) => void;
  place: Place;
}

function Field(props: FieldProps) {
  const { name, schema, required, value, set, place } = props;
  const [touched, setTouched] = useState(false);
  const shape = schema["x-shape"] ?? "text";
  const empty = value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
  const common = {
    label: label(name),
    description: hint(name, schema),
    required,
    onBlur: () => setTouched(true),
    error: touched && required && empty ? t.edit.needed : undefined,
  };
  if (shape.startsWith("list:map:")) return <Items {...props} />;
  if (shape.startsWith("map:")) {
    return (
      <fieldset className={style.group}>
        <legend>{label(name)}</legend>
        <Text size="sm" c="dimmed" mb="xs">
          {hint(name, schema)}
        </Text>
        <ObjectForm
          schema={resolve(place.root, schema)}
          value={(value as Fields) ?? {}}
          set={(next) => set(Object.keys(next).length > 0 ? next : undefined)}
          place={place}
          optional={!required}
        />
      </fieldset>
    );
  }
  if (shape.startsWith("list:some:ref:")) return <Turns {...props} kind={shape.slice(14)} />;
  if (shape.startsWith("list:ref:")) {
    return (
      <MultiSelect
        {...common}
        data={place.options[shape.slice(9)] ?? []}
        value={(value as string[]) ?? []}
        onChange={set}
        searchable
        selectFirstOptionOnChange
        hidePickedOptions
      />
    );
  }
  if (shape.startsWith("ref:")) {
    const kind = shape.slice(4);
    const own = (place.whole.contact as Array<{ id: string }> | undefined)?.map(({ id }) => ({ value: id, label: id }));
    const data = kind === "contact" ? (own ?? [{ value: "email", label: "email" }]) : (place.options[kind] ?? []);
    return (
      <Select
        {...common}
        data={data}
        value={(value as string) || null}
        onChange={(next) => set(next ?? undefined)}
        placeholder={required ? undefined : t.edit.unset}
        searchable
        selectFirstOptionOnChange
        clearable={!required}
      />
    );
  }
  if ((shape === "length" || shape === "every") && (empty || LENGTH.test(String(value)))) {
    return <Length {...common} shape={shape} value={String(value ?? "")} set={set} />;
  }
  if (shape === "bool") {
    return (
      <Switch
        label={label(name)}
        description={hint(name, schema)}
        checked={value === true}
        onChange={(event) => set(event.currentTarget.checked || undefined)}
      />
    );
  }
  if (shape === "word") {
    return (
      <Select
        {...common}
        data={schema.enum ?? []}
        value={(value as string) ?? null}
        onChange={(next) => set(next ?? undefined)}
        placeholder={t.edit.unset}
        clearable={!required}
      />
    );
  }
  if (shape === "count") {
    return (
      <NumberInput
        {...common}
        value={(value as number) ?? ""}
        onChange={(next) => set(typeof next === "number" ? next : undefined)}
        min={schema.minimum}
        max={schema.maximum}
        hideControls
      />
    );
  }
  if (shape === "zone") return <Zone {...common} value={(value as string) ?? ""} set={set} />;
  if (shape.startsWith("list:")) {
    const shown = ((value as string[]) ?? []).join(", ");
    return (
      <TextInput
        {...common}
        value={shown}
        onChange={(event) => {
          const words = event.currentTarget.value.split(",").map((word) => word.trimStart());
          set(event.currentTarget.value ? words : undefined);
        }}
      />
    );
  }
  const types: Record<string, string> = { local: "datetime-local", clock: "time" };
  return (
    <TextInput
      {...common}
      type={types[shape] ?? "text"}
      value={String(value ?? "").slice(0, shape === "local" ? 16 : undefined)}
      placeholder={types[shape] ? undefined : String(schema.examples?.[0] ?? "")}
      onChange={(event) => set(event.currentTarget.value || undefined)}
    />
  );
}

/** One number with one unit; what is written otherwise (`1h30m`) stays a text. */
const LENGTH = /^([0-9]+)(s|m|h|d|w|mo)$/;
const UNITS: Record<string, string[]> = { length: ["s", "m", "h", "d", "w"], every: ["h", "d", "w", "mo"] };

function Length(props: {
  label: string;
  description?: string;
  required: boolean;
  error?: string;
  onBlur: () => void;
  shape: "length" | "every";
  value: string;
  set: (value: Value) => void;
}) {
  const { shape, value, set, ...common } = props;
  const [, number, found] = LENGTH.exec(value) ?? [];
  const [unit, setUnit] = useState(found ?? (shape === "every" ? "w" : "m"));
  return (
    <Group align="flex-end" gap="xs" wrap="nowrap">
      <NumberInput
        {...common}
        style={{ flex: 1 }}
        value={number ? Number(number) : ""}
        onChange={(next) => set(typeof next === "number" && next > 0 ? `${next}${unit}` : undefined)}
        min={1}
        allowDecimal={false}
        hideControls
      />
      <Select
        aria-label={t.edit.unit(common.label)}
        w={120}
        data={UNITS[shape]?.map((one) => ({ value: one, label: t.edit.units[one] ?? one }))}
        value={unit}
        onChange={(next) => {
          if (!next) return;
          setUnit(next);
          if (number) set(`${number}${next}`);
        }}
        allowDeselect={false}
      />
    </Group>
  );
}

function Zone(props: {
  label: string;
  description?: string;
  required: boolean;
  error?: string;
  onBlur: () => void;
  value: string;
  set: (value: Value) => void;
}) {
  const zones = Intl.supportedValuesOf("timeZone");
  return (
    <>
      <TextInput
        label={props.label}
        description={props.description}
        required={props.required}
        error={props.error}
        onBlur={props.onBlur}
        list="zones"
        value={props.value}
        onChange={(event) => props.set(event.currentTarget.value || undefined)}
      />
      <datalist id="zones">
        {["UTC", ...zones].map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}

/** Things in an order that can be changed: steps, rotations, contact methods. */
function Items({ name, schema, value, set, place }: FieldProps) {
  const items = (value as Fields[]) ?? [];
  const item = resolve(place.root, schema.items ?? {});
  const own = "id" in (item.properties ?? {});
  const replace = (at: number, next: Fields) => set(items.map((one, index) => (index === at ? next : one)));
  const fresh = (): Fields => {
    const [choice] = item.oneOf ?? [];
    const made: Fields = choice ? { [choice.required[0] ?? ""]: "" } : {};
    if (own) made.id = nextId(name, items);
    if (name === "contact") made.email = place.whole.email ?? "";
    if (name === "layers") Object.assign(made, firstTurn(new Date()));
    for (const key of item.required ?? []) {
      const shape = item.properties?.[key]?.["x-shape"] ?? "";
      if (shape.startsWith("list:")) made[key] = shape === "list:map:target" ? [{ user: "" }] : [];
    }
    return made;
  };
  return (
    <fieldset className={style.group}>
      <legend>{label(name)}</legend>
      <Text size="sm" c="dimmed" mb="xs">
        {hint(name, schema)}
      </Text>
      {name === "contact" && items.length === 0 && typeof place.whole.email === "string" && (
        <Text size="sm" mb="xs">
          {t.edit.implied(place.whole.email)}
        </Text>
      )}
      <Stack gap="xs">
        {items.map((one, at) => (
          <div key={at} className={style.item}>
            <Group justify="space-between" mb="xs">
              {own ? (
                <TextInput
                  aria-label={`${t.edit.id} ${at + 1}`}
                  value={String(one.id ?? "")}
                  onChange={(event) => replace(at, { ...one, id: event.currentTarget.value })}
                  size="xs"
                />
              ) : (
                <Text size="sm" fw={600}>
                  {at + 1}
                </Text>
              )}
              <Mover
                at={at}
                count={items.length}
                move={(to) => set(moved(items, at, to))}
                take={() => set(items.filter((_, i) => i !== at))}
              />
            </Group>
            <ObjectForm schema={item} value={one} set={(next) => replace(at, next)} place={place} />
          </div>
        ))}
        <Group>
          <Button size="compact-md" variant="default" onClick={() => set([...items, fresh()])}>
            {t.edit.add(t.edit.one[name] ?? label(name))}
          </Button>
        </Group>
      </Stack>
    </fieldset>
  );
}

function nextId(name: string, items: Fields[]): string {
  const base = name === "layers" ? "rotation" : name === "contact" ? "contact" : "one";
  const taken = new Set(items.map((one) => one.id));
  for (let n = items.length + 1; ; n++) if (!taken.has(`${base}-${n}`)) return `${base}-${n}`;
}

function moved<T>(items: T[], from: number, to: number): T[] {
  const next = [...items];
  const [one] = next.splice(from, 1);
  if (one !== undefined) next.splice(to, 0, one);
  return next;
}

function Mover(props: { at: number; count: number; move: (to: number) => void; take: () => void }) {
  const { at, count } = props;
  return (
    <Group gap={4}>
      <Button
        size="compact-sm"
        variant="default"
        disabled={at === 0}
        aria-label={`${t.edit.up} ${at + 1}`}
        onClick={() => props.move(at - 1)}
      >
        <Icon name="up" size={14} />
      </Button>
      <Button
        size="compact-sm"
        variant="default"
        disabled={at === count - 1}
        aria-label={`${t.edit.down} ${at + 1}`}
        onClick={() => props.move(at + 1)}
      >
        <span style={{ display: "inline-flex", transform: "rotate(180deg)" }}>
          <Icon name="up" size={14} />
        </span>
      </Button>
      <Button size="compact-sm" variant="default" aria-label={`${t.edit.takeAway} ${at + 1}`} onClick={props.take}>
        {t.edit.takeAway}
      </Button>
    </Group>
  );
}

/** The turns of a rotation: one person each, or several together. */
function Turns({ name, schema, value, set, place, kind }: FieldProps & { kind: string }) {
  const turns = ((value as Array<string | string[]>) ?? []).map((turn) => (Array.isArray(turn) ? turn : turn ? [turn] : []));
  const write = (next: string[][]) => set(next.map((turn) => (turn.length === 1 ? turn[0] : turn)));
  return (
    <fieldset className={style.group}>
      <legend>{label(name)}</legend>
      <Text size="sm" c="dimmed" mb="xs">
        {hint(name, schema)}
      </Text>
      <Stack gap="xs">
        {turns.map((turn, at) => (
          <Group key={at} align="flex-end" wrap="nowrap">
            <MultiSelect
              style={{ flex: 1 }}
              label={t.edit.turn(at + 1)}
              data={place.options[kind] ?? []}
              value={turn}
              onChange={(next) => write(turns.map((one, index) => (index === at ? next : one)))}
              searchable
              selectFirstOptionOnChange
              hidePickedOptions
            />
            <Mover
              at={at}
              count={turns.length}
              move={(to) => write(moved(turns, at, to))}
              take={() => write(turns.filter((_, i) => i !== at))}
            />
          </Group>
        ))}
        <Group>
          <Button size="compact-md" variant="default" onClick={() => write([...turns, []])}>
            {t.edit.add(t.edit.one[name] ?? label(name))}
          </Button>
        </Group>
      </Stack>
    </fieldset>
  );
}
