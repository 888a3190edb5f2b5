// Where a rotation begins that nobody has thought about yet.
/** This week's turn begins on Monday at nine: somebody is on from the start. */
export function firstTurn(now: Date): { start: string; every: string } {
  const monday = new Date(now.getTime() - ((now.getDay() + 6) % 7) * 86_400_000);
  const two = (n: number) => String(n).padStart(2, "0");
  return { start: `${monday.getFullYear()}-${two(monday.getMonth() + 1)}-${two(monday.getDate())}T09:00`, every: "1w" };
}
