// What surrounds every screen: navigation, how fresh the data is, the person's own menu; on a phone a bar within the thumb's reach.
import { lazy, type ReactNode, Suspense, useState } from "react";
import { Link, useLocation } from "wouter";
import { STALE_MS, useLive } from "../api/live";
import { length, useNow } from "../lib/time";
import { type Route, routes } from "../routes";
import { t } from "../text";
import { Box, Button, Callout, Drawer, Group, Icon, Mark, Stack, Text, Tooltip, useMediaQuery } from "../ui";
import { loadNewVersion, useNewVersion } from "../worker/register";
import style from "./frame.module.css";
import { useOpened } from "./opened";
import { useSession } from "./session";

// Neither is needed before somebody asks for it.
const OwnMenu = lazy(() => import("./own-menu"));
const Palette = lazy(() => import("./palette"));
const PageMe = lazy(() => import("./page-me"));

export function Frame({ children }: { children: ReactNode }) {
  const phone = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const [menu, setMenu] = useState(false);
  const palette = useOpened("mod+K");
  const stale = useStale();
  const session = useSession();
  return (
    <div className={style.frame}>
      <a className="fd-skip" href="#content">
        {t.shell.skip}
      </a>
      {/* No banner of its own: dialogs bring theirs. */}
      <section className={style.header} aria-label={t.shell.top}>
        <Group justify="space-between" wrap="nowrap" h="100%" px="md">
          <Link href="/" className={style.brand}>
            <img src="./icon.svg" alt="" width={26} height={26} />
            <span>Firedog</span>
          </Link>
          <Group gap="xs" wrap="nowrap">
            <Freshness />
            {!phone && (
              <Button variant="default" size="compact-md" leftSection={<Icon name="search" size={14} />} onClick={palette.open}>
                {t.shell.palette} <kbd className={style.kbd}>Ctrl K</kbd>
              </Button>
            )}
            <Suspense fallback={<Box w={34} />}>
              <OwnMenu />
            </Suspense>
          </Group>
        </Group>
      </section>
      {!phone && (
        <nav className={style.side} aria-label={t.shell.menu}>
          <Navigation />
        </nav>
      )}
      <main id="content" tabIndex={-1} className={style.main} data-stale={stale || undefined}>
        {session.demo && (
          <Callout mb="md" p="xs" style={{ background: "var(--fd-demo-solid)", color: "var(--fd-demo-on)" }} role="note">
            <Group justify="space-between" gap="xs">
              <Text size="sm" fw={600} style={{ color: "var(--fd-demo-on)" }}>
                {t.shell.demo}
              </Text>
              <Suspense>
                <PageMe />
              </Suspense>
            </Group>
          </Callout>
        )}
        <NewVersion />
        {children}
      </main>
      {phone && (
        <nav className={style.bar} aria-label={t.shell.menu}>
          {routes
            .filter((route) => route.nav?.bar)
            .map((route) => (
              <BarItem key={route.path} route={route} />
            ))}
          <button type="button" className={style.barItem} onClick={() => setMenu(true)} aria-haspopup="dialog">
            <Icon name="dots" size={22} />
            {t.shell.nav.more}
          </button>
        </nav>
      )}
      <Drawer opened={menu} onClose={() => setMenu(false)} title={t.shell.menu} position="right" size="80%">
        <Box onClick={() => setMenu(false)}>
          <Navigation />
          <Button mt="md" variant="default" fullWidth leftSection={<Icon name="search" />} onClick={palette.open}>
            {t.shell.palette}
          </Button>
        </Box>
      </Drawer>
      {palette.ever && (
        <Suspense>
          <Palette {...palette} />
        </Suspense>
      )}
    </div>
  );
}

function NewVersion() {
  if (!useNewVersion()) return null;
  return (
    <Callout mb="md" color="iron" role="status" title={t.shell.update}>
      <Button size="compact-md" onClick={() => void loadNewVersion()}>
        {t.shell.updateDo}
      </Button>
    </Callout>
  );
}

function Navigation() {
  return (
    <Stack gap="lg">
      {(["desk", "setup", "ahead", "look"] as const).map((group) => (
        <Stack key={group} gap={2}>
          <Text size="xs" fw={700} c="dimmed" px="sm">
            {t.shell.groups[group]}
          </Text>
          {routes
            .filter((route) => route.nav?.group === group)
            .map((route) => (
              <NavItem key={route.path} route={route} />
            ))}
        </Stack>
      ))}
    </Stack>
  );
}

function useHere(path: string): boolean {
  const [at] = useLocation();
  return at === path || at.startsWith(`${path}/`);
}

function NavItem({ route }: { route: Route }) {
  const here = useHere(route.path);
  return (
    <Link href={route.path} className={style.item} aria-current={here ? "page" : undefined}>
      <Icon name={route.nav?.icon ?? "dot"} />
      {route.nav?.text}
    </Link>
  );
}

function BarItem({ route }: { route: Route }) {
  const here = useHere(route.path);
  return (
    <Link href={route.path} className={style.barItem} aria-current={here ? "page" : undefined}>
      <Icon name={route.nav?.icon ?? "dot"} size={22} />
      {typeof route.nav?.bar === "string" ? route.nav.bar : route.nav?.text}
    </Link>
  );
}

function useStale(): boolean {
  const { heardAt } = useLive();
  return useNow() - heardAt > STALE_MS;
}

/** Always there: how old what you see may be. A page that is frozen and does not say so is the worst bug this app can have. */
function Freshness() {
  const { state, heardAt } = useLive();
  const now = useNow();
  const age = Math.max(0, now - heardAt);
  const stale = age > STALE_MS;
  const text = stale
    ? t.shell.age(length(age / 1000))
    : state === "live"
      ? t.shell.live
      : t.shell[state === "lost" ? "reconnecting" : "connecting"];
  return (
    <Tooltip label={stale ? t.shell.stale : t.shell.age(length(age / 1000))}>
      <span role="status">
        <Mark tone={stale ? "danger" : state === "live" ? "ok" : "warn"} icon="dot">
          {text}
        </Mark>
      </span>
    </Tooltip>
  );
}
