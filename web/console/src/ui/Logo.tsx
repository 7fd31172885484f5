/** The mark: a drop at rest in a pool. Drawn in the colour of its text. */
export function LogoMark({ size = 24 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden focusable="false" style={{ flex: 'none', display: 'block' }}>
      <path d="M16 2.6c0 0-6.4 7.5-6.4 12.9a6.4 6.4 0 0 0 12.8 0C22.4 10.1 16 2.6 16 2.6z" fill="currentColor" />
      <path d="M7.2 18.3C3.7 19.3 1.5 20.8 1.5 22.6c0 3.2 6.5 5.7 14.5 5.7s14.5-2.5 14.5-5.7c0-1.8-2.2-3.3-5.7-4.3" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" />
      <path d="M7.8 21.7c0 1.5 3.7 2.7 8.2 2.7s8.2-1.2 8.2-2.7" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" />
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
