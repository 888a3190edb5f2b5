// Who is signed in. Without a session the server's own sign-in page takes over: it needs no JavaScript.
import { createContext, type ReactNode, useContext, useEffect } from "react";
import type { Answer } from "../api/client";
import { base, Problem } from "../api/client";
import { useRead } from "../api/hooks";
import { browserZone, ownZone, setOwnZone } from "../lib/time";
import { t } from "../text";
import { Center, Loader, ProblemNote, toast } from "../ui";

export type Session = Answer<"GET /session">;

const Context = createContext<Session | null>(null);

/** The session; screens are only shown inside of one. */
export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("there is no session here");
  return session;
}

const RANK = { viewer: 0, responder: 1, manager: 2, admin: 3 } as const;
export type Role = keyof typeof RANK;

/** Whether to offer something; the server decides again. `team`: what it belongs to. */
export function useMay(): (role: Role, team?: string | null) => boolean {
  const session = useSession();
  return (role, team) => {
    const own = RANK[session.role as Role] ?? 0;
    if (own >= RANK.admin) return true;
    const inTeam = !team || session.user === null || session.teams.includes(team);
    return own >= RANK[role] && inTeam;
  };
}

const KNOWN_ZONE = "firedog.browser-zone";

/** Somebody who has travelled is told in which zone times are shown, once per move; looks whenever the page comes to the front. */
function announceMoves() {
  const look = () => {
    const [known, here] = [localStorage.getItem(KNOWN_ZONE), browserZone()];
    if (known === here) return;
    localStorage.setItem(KNOWN_ZONE, here);
    if (known) toast.done(t.shell.zone.moved(here, ownZone()));
  };
  look();
  document.addEventListener("visibilitychange", look);
  return () => document.removeEventListener("visibilitychange", look);
}

export function SignedIn({ children }: { children: ReactNode }) {
  const session = useRead("GET /session", undefined, { every: 60_000 });
  const out = session.error?.status === 401;
  useEffect(() => {
    if (out) location.assign(`${base}sign-in?to=${encodeURIComponent(location.pathname + location.search)}`);
  }, [out]);
  const zone = session.data?.user?.timezone ?? null;
  useEffect(() => setOwnZone(zone), [zone]);
  useEffect(() => announceMoves(), []);
  if (session.data && !out) return <Context.Provider value={session.data}>{children}</Context.Provider>;
  return (
    <Center mih="100vh" p="md">
      {session.error instanceof Problem && !out ? (
        <ProblemNote problem={session.error} retry={() => void session.refetch()} />
      ) : (
        <Loader />
      )}
    </Center>
  );
}
