import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';
import { dark, light, type Palette, variables } from './tokens';

const tuple = (color: string) => Array.from({ length: 10 }, () => color) as unknown as MantineColorsTuple;

const close = { closeButtonProps: { 'aria-label': 'Close' } };
export const theme = createTheme({
  colors: { pool: tuple(light.accent), dark: ['#e5eaed', '#c3cdd3', '#a2b0b9', '#73828c', '#3a4953', '#2c3941', '#1e2930', '#172027', '#0f161b', '#0b1115'] },
  primaryColor: 'pool',
  autoContrast: false,
  respectReducedMotion: true,
  cursorType: 'pointer',
  defaultRadius: 2,
  fontFamily: 'var(--font)',
  fontFamilyMonospace: 'var(--mono)',
  fontSizes: { xs: '12px', sm: '14px', md: '14px', lg: '16px', xl: '22px' },
  lineHeights: { xs: '16px', sm: '20px', md: '20px', lg: '24px', xl: '28px' },
  spacing: { xs: '8px', sm: '8px', md: '16px', lg: '24px', xl: '32px' },
  headings: { fontWeight: '600' },
  components: {
    // Named only, so that the first page does not bring what it may not need.
    // Inside the page's main part, so that its head is not another banner of the page.
    Modal: { defaultProps: { ...close, withinPortal: false, centered: false, yOffset: '12vh', transitionProps: { duration: 0 }, overlayProps: { backgroundOpacity: 0.35 } } },
    Popover: { defaultProps: { shadow: undefined, transitionProps: { duration: 0 } } },
    Tabs: { defaultProps: { keepMounted: false } },
  },
});

function scheme(p: Palette): Record<string, string> {
  return {
    ...variables(p),
    '--mantine-color-body': p.paper,
    '--mantine-color-text': p.ink,
    '--mantine-color-dimmed': p.ink2,
    '--mantine-color-placeholder': p.ink2,
    '--mantine-color-anchor': p.accent,
    '--mantine-color-error': p.ink,
    '--mantine-color-default': p.sheet,
    '--mantine-color-default-hover': p.wash,
    '--mantine-color-default-color': p.ink,
    '--mantine-color-default-border': p.mark,
    '--mantine-color-disabled': p.wash,
    '--mantine-color-disabled-color': p.ink2,
    '--mantine-color-disabled-border': p.hair2,
    '--mantine-primary-color-filled': p.accent,
    '--mantine-primary-color-filled-hover': p.accent,
    '--mantine-primary-color-contrast': p.onAccent,
    '--mantine-primary-color-light': p.accentWash,
    '--mantine-primary-color-light-hover': p.accentWash,
    '--mantine-primary-color-light-color': p.accent,
    '--mantine-color-pool-filled': p.accent,
    '--mantine-color-pool-filled-hover': p.accent,
    '--mantine-color-pool-light': p.accentWash,
    '--mantine-color-pool-light-hover': p.accentWash,
    '--mantine-color-pool-light-color': p.accent,
    '--mantine-color-pool-text': p.accent,
    '--mantine-color-pool-outline': p.accent,
  };
}

export const resolver: CSSVariablesResolver = () => ({ variables: {}, light: scheme(light), dark: scheme(dark) });
