// The look: a calm iron blue for what one may do, the colours of fire only for what burns. Every pair of colours that carries
// text is held to 4.5:1 by theme.test.ts.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";
import { t } from "../text";

const iron: MantineColorsTuple = [
  "#eef4fb",
  "#dbe7f4",
  "#b4cde9",
  "#8bb1dd",
  "#6799d3",
  "#5189cd",
  "#3f7cc4",
  "#2f67a9",
  "#265a97",
  "#174a82",
];

export const theme = createTheme({
  primaryColor: "iron",
  primaryShade: { light: 7, dark: 7 },
  colors: { iron },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", monospace',
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  headings: { fontWeight: "650" },
  components: {
    // 44 px where a thumb has to hit it; the default is 36.
    Button: {
      vars: (_: unknown, { size }: { size?: string }) => ({
        root: size === "compact-md" ? { "--button-fz": "var(--mantine-font-size-sm)" } : {},
      }),
    },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
    Modal: { defaultProps: { centered: true, closeButtonProps: { "aria-label": t.common.close } } },
    Drawer: { defaultProps: { closeButtonProps: { "aria-label": t.common.close } } },
    Badge: { defaultProps: { radius: "sm", tt: "none" } },
  },
});

/** Meaning to colour. `text` stands on the page and on `soft`; `on` stands on `solid`. */
export const tones = {
  light: {
    danger: { text: "#a61b1b", soft: "#fdeaea", solid: "#b42318", on: "#ffffff" },
    warn: { text: "#8a4b00", soft: "#fdf0dc", solid: "#8f4d00", on: "#ffffff" },
    ok: { text: "#14663a", soft: "#e3f5ea", solid: "#17703f", on: "#ffffff" },
    info: { text: "#265a97", soft: "#e6eff9", solid: "#2f67a9", on: "#ffffff" },
    quiet: { text: "#4d5865", soft: "#eceff3", solid: "#56616e", on: "#ffffff" },
    demo: { text: "#6b2fa0", soft: "#f2e8fb", solid: "#6b2fa0", on: "#ffffff" },
  },
  dark: {
    danger: { text: "#ff9c94", soft: "#3a1d1d", solid: "#c0352b", on: "#ffffff" },
    warn: { text: "#f5b95f", soft: "#36290f", solid: "#8f4d00", on: "#ffffff" },
    ok: { text: "#7fd6a4", soft: "#14301f", solid: "#17703f", on: "#ffffff" },
    info: { text: "#93bdec", soft: "#182a3f", solid: "#2f67a9", on: "#ffffff" },
    quiet: { text: "#aab4c0", soft: "#252b33", solid: "#56616e", on: "#ffffff" },
    demo: { text: "#d3adf7", soft: "#2d1d40", solid: "#6b2fa0", on: "#ffffff" },
  },
} as const;

export type Tone = keyof (typeof tones)["light"];

export const surfaces = {
  light: { page: "#f6f7f9", card: "#ffffff", sunk: "#eef1f4", line: "#d9dee5", text: "#1a2027", dim: "#525d69", link: "#265a97" },
  dark: { page: "#14171c", card: "#1b2027", sunk: "#101318", line: "#323a45", text: "#e4e9ef", dim: "#a3adb9", link: "#93bdec" },
} as const;

function variables(scheme: "light" | "dark"): Record<string, string> {
  const s = surfaces[scheme];
  const made: Record<string, string> = {
    "--mantine-color-body": s.page,
    "--mantine-color-text": s.text,
    "--mantine-color-dimmed": s.dim,
    "--mantine-color-anchor": s.link,
    "--mantine-color-placeholder": s.dim,
    "--mantine-color-error": tones[scheme].danger.text,
    "--mantine-color-default": s.card,
    "--mantine-color-default-border": s.line,
    "--fd-card": s.card,
    "--fd-sunk": s.sunk,
    "--fd-line": s.line,
    "--fd-dim": s.dim,
  };
  for (const [tone, colours] of Object.entries(tones[scheme])) {
    for (const [part, colour] of Object.entries(colours) as Array<[string, string]>) made[`--fd-${tone}-${part}`] = colour;
  }
  return made;
}

export const cssVariables: CSSVariablesResolver = () => ({ variables: {}, light: variables("light"), dark: variables("dark") });
