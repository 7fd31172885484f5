/**
 * The colours of the console, in one place and tested for contrast. Paper and ink in light, slate in dark; one teal accent
 * for action and selection; red, yellow and cyan for alarms only, always beside a mark and a word.
 */

export interface Palette {
  /** The page. */
  readonly paper: string;
  /** Sheets that lie on the page: dialogs, menus, the table's head. */
  readonly sheet: string;
  /** A row or control under the pointer, a pressed control. */
  readonly wash: string;
  readonly ink: string;
  /** Secondary text: labels, units, ages. Still 4.5:1. */
  readonly ink2: string;
  /** Marks and the borders of controls, 3:1. Never text. */
  readonly mark: string;
  /** Hairlines between things. Decoration only. */
  readonly hair: string;
  readonly hair2: string;
  readonly accent: string;
  readonly onAccent: string;
  readonly accentWash: string;
  /** What is in a reservoir. */
  readonly fluid: string;
  readonly fluidEdge: string;
  readonly high: string;
  readonly onHigh: string;
  readonly highEdge: string;
  readonly medium: string;
  readonly onMedium: string;
  readonly mediumEdge: string;
  readonly low: string;
  readonly onLow: string;
  readonly lowEdge: string;
}

export const light: Palette = {
  paper: '#f5f4ef', sheet: '#fcfbf8', wash: '#ebeae3',
  ink: '#171c20', ink2: '#4f575e', mark: '#7b8288', hair: '#dedcd3', hair2: '#c5c3b8',
  accent: '#0b6668', onAccent: '#ffffff', accentWash: '#dcebe9',
  fluid: '#b9c6cc', fluidEdge: '#4f6672',
  high: '#b42318', onHigh: '#ffffff', highEdge: '#8f1a12',
  medium: '#ffd43b', onMedium: '#000000', mediumEdge: '#7d6200',
  low: '#3bc9db', onLow: '#000000', lowEdge: '#0b6478',
};

export const dark: Palette = {
  paper: '#0f161b', sheet: '#172027', wash: '#1e2930',
  ink: '#e5eaed', ink2: '#a2b0b9', mark: '#73828c', hair: '#232e36', hair2: '#3a4953',
  accent: '#5fc6be', onAccent: '#04201f', accentWash: '#143233',
  fluid: '#3d535f', fluidEdge: '#9db4c0',
  high: '#b42318', onHigh: '#ffffff', highEdge: '#ff9a8c',
  medium: '#ffd43b', onMedium: '#000000', mediumEdge: '#ffd43b',
  low: '#3bc9db', onLow: '#000000', lowEdge: '#3bc9db',
};

const channel = (c: number) => (c <= 0.040_45 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);

function luminance(hex: string): number {
  const n = Number.parseInt(hex.slice(1), 16);
  const [r, g, b] = [n >> 16, (n >> 8) & 255, n & 255].map((v) => channel(v / 255));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** The WCAG 2 contrast ratio of two #rrggbb colours, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [hi, lo] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (hi! + 0.05) / (lo! + 0.05);
}

const kebab = (name: string) => name.replace(/[A-Z0-9]/g, (c) => `-${c.toLowerCase()}`);

/** The palette as CSS custom properties: `--c-ink`, `--c-on-accent`, `--c-ink-2`. */
export function variables(palette: Palette): Record<string, string> {
  return Object.fromEntries(Object.entries(palette).map(([name, value]) => [`--c-${kebab(name)}`, value as string]));
}
