// The command palette, Ctrl-K on every screen: go anywhere, do what may be done.
import { useEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useRead } from "../api/hooks";
import { routes } from "../routes";
import { t } from "../text";
import { Icon, type IconName, Modal, Stack, Text, TextInput, UnstyledButton } from "../ui";
import style from "./palette.module.css";

interface Entry {
  text: string;
  hint?: string;
  icon: IconName;
  run: () => void;
}

/** Shown at a time; more is a search that says too little. */
const SHOWN = 12;

export default function Palette(props: { opened: boolean; close: () => void }) {
  return (
    <Modal opened={props.opened} onClose={props.close} title={t.shell.palette} size="lg" yOffset="10vh" centered={false}>
      {props.opened && <Search close={props.close} />}
    </Modal>
  );
}

function Search({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const entries = useEntries();
  const list = useRef<HTMLDivElement>(null);
  const found = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (entry: Entry) => words.every((word) => `${entry.text} ${entry.hint ?? ""}`.toLowerCase().includes(word));
    return entries.filter(fits).slice(0, SHOWN);
  }, [text, entries]);
  const chosen = Math.min(at, found.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  });
  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    entry.run();
  };
  return (
    <Stack gap="xs">
      <TextInput
        data-autofocus
        aria-label={t.shell.palette}
        placeholder={t.shell.paletteHint}
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={found[chosen] ? `palette-${chosen}` : undefined}
        value={text}
        leftSection={<Icon name="search" />}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, found.length - 1));
          else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
          else if (event.key === "Enter") run(found[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      <div role="listbox" id="palette-list" ref={list} aria-label={t.shell.palette}>
        {found.map((entry, index) => (
          <UnstyledButton
            key={`${entry.text}${entry.hint}`}
            id={`palette-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className={style.entry}
            onClick={() => run(entry)}
          >
            <Icon name={entry.icon} />
            <span>{entry.text}</span>
            {entry.hint && <span className={style.hint}>{entry.hint}</span>}
          </UnstyledButton>
        ))}
        {found.length === 0 && <Text c="dimmed">{t.shell.paletteNothing}</Text>}
      </div>
    </Stack>
  );
}

function useEntries(): Entry[] {
  const [, go] = useLocation();
  const services = useRead("GET /services", { query: { limit: 500 } });
  const schedules = useRead("GET /schedules", { query: { limit: 500 } });
  const people = useRead("GET /users", { query: { limit: 500 } });
  return useMemo(() => {
    const screens = routes.flatMap(({ path, nav }) => (nav ? [{ text: nav.text, icon: nav.icon, run: () => go(path) }] : []));
    const named = (rows: Array<{ id: string; name?: string | null }> | undefined, hint: string, icon: IconName, path: string) =>
      (rows ?? []).map((row) => ({
        text: row.name || row.id,
        hint: `${hint} · ${row.id}`,
        icon,
        run: () => go(`${path}/${row.id}`),
      }));
    return [
      ...screens,
      ...named(services.data?.items, t.shell.nav.services, "box", "/services"),
      ...named(schedules.data?.items, t.shell.nav.schedules, "calendar", "/schedules"),
      ...named(people.data?.items, t.shell.nav.people, "person", "/people"),
    ];
  }, [go, services.data, schedules.data, people.data]);
}
