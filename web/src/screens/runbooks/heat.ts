// A row of minutes as the columns of a heat map: as many as fit, the latest last.

export interface Heat {
  /** Index of its first minute. */
  at: number;
  failed: number;
  calls: number;
}

/** How many minutes a column stands for, so that `minutes` fit into at most `columns`: a length people reckon in. */
export function perColumn(minutes: number, columns: number): number {
  const least = minutes / columns;
  return [1, 2, 3, 5, 10, 15, 20, 30, 60].find((length) => length >= least) ?? 60;
}

/** The columns of one row; the first one may be shorter, so that the last ends now. */
export function columns(failed: number[], calls: number[], per: number): Heat[] {
  const all: Heat[] = [];
  for (let end = calls.length; end > 0; end -= per) {
    const at = Math.max(0, end - per);
    const sum = (of: number[]) => of.slice(at, end).reduce((total, one) => total + one, 0);
    all.unshift({ at, failed: sum(failed), calls: sum(calls) });
  }
  return all;
}

/** Where a share of failed calls stands on the legend; nothing: no traffic. */
export function level({ failed, calls }: { failed: number; calls: number }): 0 | 1 | 2 | 3 | undefined {
  if (calls === 0) return undefined;
  const share = failed / calls;
  if (share < 0.05) return 0;
  if (share < 0.25) return 1;
  return share < 0.5 ? 2 : 3;
}
