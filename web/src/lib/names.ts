// What ids are called. One read of each list serves all screens.
import { useRead } from "../api/hooks";
import { t } from "../text";

type Names = (id: string | null | undefined) => string;

function named(rows: Array<{ id: string; name?: string | null }> | undefined): Names {
  return (id) => (id ? rows?.find((row) => row.id === id)?.name || id : t.common.nobody);
}

export const usePeople = () => useRead("GET /users", { query: { limit: 500 } });
export const useServices = () => useRead("GET /services", { query: { limit: 500 } });
export const useTeams = () => useRead("GET /teams", { query: { limit: 500 } });
export const useSchedules = () => useRead("GET /schedules", { query: { limit: 500 } });
export const usePolicies = () => useRead("GET /policies", { query: { limit: 500 } });

export const useInstitutions = () => useRead("GET /institutions", { query: { limit: 500 } });
export const useVendors = () => useRead("GET /vendors", { query: { limit: 500 } });

export const usePersonName = (): Names => named(usePeople().data?.items);
export const useServiceName = (): Names => named(useServices().data?.items);
export const useTeamName = (): Names => named(useTeams().data?.items);
export const useScheduleName = (): Names => named(useSchedules().data?.items);
export const useInstitutionName = (): Names => named(useInstitutions().data?.items);
export const useVendorName = (): Names => named(useVendors().data?.items);

/** `user:ada`, `schedule:primary`, `team:web` as their names. */
export function useTargetName(): (target: string) => string {
  const [person, schedule, team] = [usePersonName(), useScheduleName(), useTeamName()];
  return (target) => {
    const [kind, id = ""] = target.split(":");
    return kind === "user" ? person(id) : kind === "schedule" ? schedule(id) : team(id);
  };
}
