/** The mark: a drop at rest in a pool. Drawn in the colour of its text. */
export function LogoMark({ size = 24 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden focusable="false" style={{ flex: 'none', display: 'block' }}>
      <path d="M16 1.6c0 0-6.3 7.6-6.3 13a6.3 6.3 0 0 0 12.6 0C22.3 9.2 16 1.6 16 1.6z" fill="currentColor" />
      <g fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round">
        <path d="M7.7 20.2c-.7.5-1 1-1 1.6 0 1.8 4.2 3.2 9.3 3.2s9.3-1.4 9.3-3.2c0-.6-.3-1.1-1-1.6" />
        <path d="M5.2 17.4c-2.5 1.1-4 2.6-4 4.3 0 3.9 6.6 7 14.8 7s14.8-3.1 14.8-7c0-1.7-1.5-3.2-4-4.3" />
      </g>
    </svg>
  );
}

export function Wordmark({ size = 24 }: { size?: number }) {
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: size / 3, fontSize: size * 0.75, fontWeight: 600, letterSpacing: '-0.015em', lineHeight: 1 }}>
      <LogoMark size={size} />
      Cisterna
    </span>
  );
}
