// Reading and acting. A query's key is the operation and its arguments, so that the live stream knows what to refresh.
import {
  type QueryClient,
  type UseQueryResult,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { t } from "../text";
import { toast } from "../ui/toast";
import { type Answer, type Args, type Call, type Op, type Problem, request } from "./client";

type ReadOp = Extract<Op, `GET ${string}`>;
type ActOp = Exclude<Op, ReadOp>;

export interface ReadOptions {
  /** False: not yet (something that the call needs is not known). */
  enabled?: boolean;
  /** Ask again so often, ms, for what the live stream does not tell. */
  every?: number;
  /** Keep showing the answer to the former arguments while the new one is on its way. */
  keep?: boolean;
}

/** Reads; refreshes by the live stream, on focus, and by `every`. */
export function useRead<O extends ReadOp>(op: O, call?: Call<O>, options: ReadOptions = {}): UseQueryResult<Answer<O>, Problem> {
  return useQuery<Answer<O>, Problem>({
    queryKey: [op, call ?? {}],
    queryFn: () => request(op, ...([call] as unknown as Args<O>)),
    enabled: options.enabled ?? true,
    refetchInterval: options.every,
    placeholderData: options.keep ? (before: Answer<O> | undefined) => before as never : undefined,
  } as never) as UseQueryResult<Answer<O>, Problem>;
}

/** A list in pages of the server: `items` so far, `more()` for the next. */
export function useList<O extends ReadOp>(op: O, call?: Call<O>, options: ReadOptions = {}) {
  type Page = Answer<O> & { items: unknown[]; next: string | null };
  type Item = Answer<O> extends { items: Array<infer I> } ? I : never;
  const query = useInfiniteQuery<Page, Problem>({
    queryKey: [op, call ?? {}, "pages"],
    queryFn: ({ pageParam }: { pageParam: string | null }) => {
      const given = (call ?? {}) as { query?: Record<string, unknown> };
      const whole = { ...given, query: { ...given.query, cursor: pageParam ?? undefined } };
      return request(op, ...([whole] as unknown as Args<O>)) as Promise<Page>;
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last: Page) => last.next,
    enabled: options.enabled ?? true,
    refetchInterval: options.every,
  } as never);
  const pages = (query.data as { pages: Page[] } | undefined)?.pages;
  return {
    ...query,
    items: pages?.flatMap((page) => page.items as Item[]),
    more: query.hasNextPage ? () => void query.fetchNextPage() : undefined,
  };
}

export interface ActOptions<O extends ActOp> {
  /** Operations whose answers this changes: read again. */
  touches?: ReadOp[];
  /** Said when it is done; nothing: not said. */
  done?: (answer: Answer<O>, call: Call<O>) => string;
  onDone?: (answer: Answer<O>, call: Call<O>) => void;
  /** Offers to take it back. */
  undo?: (answer: Answer<O>, call: Call<O>) => void;
  /** The screen shows the problem itself. */
  quiet?: boolean;
}

/** Acts, tells how it went, and refreshes what it touched. */
export function useAct<O extends ActOp>(op: O, options: ActOptions<O> = {}) {
  const client = useQueryClient();
  return useMutation<Answer<O>, Problem, Call<O>>({
    mutationFn: (call) => request(op, ...([call] as unknown as Args<O>)),
    onSuccess: async (answer, call) => {
      const said = options.done?.(answer, call);
      const undo = options.undo;
      if (said) toast.done(said, undo && (() => undo(answer, call)));
      options.onDone?.(answer, call);
      await refresh(client, options.touches ?? []);
    },
    onError: (problem) => {
      if (!options.quiet) toast.problem(problem);
    },
  });
}

export async function refresh(client: QueryClient, ops: ReadOp[]): Promise<void> {
  await Promise.all(ops.map((op) => client.invalidateQueries({ queryKey: [op] })));
}

/** A problem in words for people. */
export function explain(problem: Problem): { title: string; detail?: string; next?: string } {
  if (problem.status === 0) return { title: t.problem[problem.title as "unreachable" | "timeout"], next: t.problem.again };
  return { title: problem.title, detail: problem.detail, next: problem.next };
}
