const paths = {
  fleet: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  alarms: 'M8 2.5a3.8 3.8 0 0 1 3.8 3.8c0 3.5 1.2 4.7 1.2 4.7H3s1.2-1.2 1.2-4.7A3.8 3.8 0 0 1 8 2.5zM6.7 13.3a1.4 1.4 0 0 0 2.6 0',
  record: 'M4 2.5h6l2.5 2.5v8.5H4zM6.2 7.5h4M6.2 10h4',
  orders: 'M4 2.5h8v11H4zM6.2 5.5h3.600M6.2 8h3.600M7.300 10.400l1 1 1.800-2',
  library: 'M3.500 13.500v-10a1 1 0 0 1 1-1h8v9h-8a1 1 0 0 0 0 2h8M6 5.500h4M6 8h4',
  key: 'M5.500 7.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM7.300 8.200l5.700-5.700M10.500 5l2 2M9 6.500l1 1',
  clock: 'M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM8 5v3.200l2.200 1.300',
  home: 'M2.5 7.8L8 3l5.5 4.8M4.2 6.6v6.4h7.6V6.6',
  rail: 'M2.5 3h11v10h-11zM6.2 3v10M9 6.5L10.5 8 9 9.5',
  print: 'M4.5 6V2.5h7V6M4.5 11.5h-2V6h11v5.5h-2M4.5 9.5h7v4h-7z',
  keys: 'M2 4h12v8H2zM4.5 6.8h.01M7 6.8h.01M9.5 6.8h.01M12 6.8h.01M5 9.5h6',
  help: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM6.2 6.3A1.9 1.9 0 1 1 8 8.2v1.2M8 11.6h.01',
  status: 'M2 8.5h2.6l1.6-4.5 3 8 1.7-3.5H14',
  site: 'M3 13.5v-9l5-2 5 2v9M1.8 13.5h12.4M8 5.2v3.4M6.3 6.9h3.4',
  shield: 'M8 2l5 1.8v4c0 3.1-2.2 5-5 6.2-2.8-1.2-5-3.1-5-6.2v-4zM5.8 8l1.6 1.6 2.9-3.1',
  people: 'M5.8 3.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM2 12.8c.3-2.2 1.8-3.3 3.8-3.3s3.5 1.1 3.8 3.3M10.3 3.8a1.8 1.8 0 0 1 0 3.5M11.4 9.8c1.5.3 2.4 1.3 2.6 3',
  tool: 'M9.6 6.400L3.200 12.800M9.300 3.200a3 3 0 0 1 3.600 3.900L10.400 6.600 9.300 3.200zM9.300 3.200a3 3 0 0 0 .300 4.400',
  device: 'M4.5 2h7v12h-7zM7 11.8h2M6.5 4.5h3',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3l3.2 3.2',
  down: 'M4 6.2l4 4 4-4',
  left: 'M9.8 4l-4 4 4 4',
  right: 'M6.2 4l4 4-4 4',
  up: 'M8 12.5v-9M4.5 7L8 3.5 11.5 7',
  sortDown: 'M8 3.5v9M4.5 9L8 12.5 11.5 9',
  close: 'M4 4l8 8M12 4l-8 8',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M12.8 9.6A5.3 5.3 0 0 1 6.4 3.2a5.3 5.3 0 1 0 6.4 6.4z',
  system: 'M2.5 3.5h11v7.5h-11zM6 13.5h4',
  person: 'M8 2.8a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM3.2 13.3c.4-2.5 2.3-3.9 4.8-3.9s4.4 1.4 4.8 3.9',
  filter: 'M2.5 4h11M4.5 8h7M6.5 12h3',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  check: 'M3.5 8.5l3 3 6-7',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 6.5v6',
  dense: 'M2.5 3.5h11M2.5 6.5h11M2.5 9.5h11M2.5 12.5h11',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  link: 'M6.5 9.5l3-3M5 7.5L3.5 9a2.5 2.5 0 0 0 3.5 3.5L8.5 11M7.5 5L9 3.5A2.5 2.5 0 0 1 12.5 7L11 8.5',
} as const;

export type IconName = keyof typeof paths;

/** Line icons on a 16-pixel grid. They only repeat a word that stands beside them or in the control's name. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} fill="none" stroke="currentColor" strokeWidth={name === 'more' ? 2.4 : 1.35} strokeLinecap="round" strokeLinejoin="round" aria-hidden focusable="false" style={{ flex: 'none' }}>
      <path d={paths[name]} />
    </svg>
  );
}
