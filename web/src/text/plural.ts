const rules = new Intl.PluralRules("en");

/** `1 alert`, `3 alerts`. */
export function count(n: number, forms: { one: string; other: string }): string {
  return `${n.toLocaleString()} ${rules.select(n) === "one" ? forms.one : forms.other}`;
}
