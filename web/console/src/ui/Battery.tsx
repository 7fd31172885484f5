/** A battery cell beside its number. */
export function Battery({ percent, old = false }: { percent: number | null; old?: boolean }) {
  const width = percent === null ? 0 : (Math.max(0, Math.min(100, percent)) / 100) * 15;
  return (
    <svg viewBox="0 0 22 12" width="22" height="12" aria-hidden focusable="false" style={{ flex: 'none', display: 'block' }}>
      <rect x="0.5" y="1.5" width="18" height="9" rx="1" fill="none" stroke="var(--c-ink-2)" />
      <path d="M20.5 4v4" stroke="var(--c-ink-2)" strokeWidth="1.5" />
      <rect x="2" y="3" width={width} height="6" fill="var(--c-fluid-edge)" opacity={old ? 0.35 : 1} />
    </svg>
  );
}
