/** Where a line of a text (from 1) begins and ends; of a line that is not there, the end of the text. */
export function lineSpan(text: string, line: number): { from: number; to: number } {
  let from = 0;
  for (let n = 1; n < line; n++) {
    const end = text.indexOf("\n", from);
    if (end < 0) return { from: text.length, to: text.length };
    from = end + 1;
  }
  const end = text.indexOf("\n", from);
  return { from, to: end < 0 ? text.length : end };
}
