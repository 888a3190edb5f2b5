import { expect, test } from "vitest";
import { surfaces, tones } from "./theme";

function luminance(hex: string): number {
  const channel = (at: number) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

test.each(["light", "dark"] as const)("texts in the %s theme are readable on whatever they stand on", (scheme) => {
  const { page, card, sunk, text, dim, link } = surfaces[scheme];
  for (const on of [page, card, sunk]) {
    for (const colour of [text, dim, link]) expect(contrast(colour, on), `${colour} on ${on}`).toBeGreaterThanOrEqual(4.5);
    for (const [name, tone] of Object.entries(tones[scheme])) {
      expect(contrast(tone.text, on), `${name} text on ${on}`).toBeGreaterThanOrEqual(4.5);
    }
  }
  for (const [name, tone] of Object.entries(tones[scheme])) {
    expect(contrast(tone.text, tone.soft), `${name} text on its soft ground`).toBeGreaterThanOrEqual(4.5);
    expect(contrast(tone.on, tone.solid), `${name} on its solid ground`).toBeGreaterThanOrEqual(4.5);
  }
});
