import css from './SignIn.module.css';

/** The mark grown to a picture: a drop at rest, and the rings it left, which are level and getting fainter. */
export function Pool() {
  const rings = Array.from({ length: 15 }, (_, i) => i);
  return (
    <svg className={css.pool} viewBox="0 0 800 900" preserveAspectRatio="xMidYMid slice" focusable="false">
      {rings.map((i) => {
        const rx = 62 + i * 34 + i * i * 3.2;
        return <ellipse key={i} cx="400" cy="560" rx={rx} ry={rx * 0.3} className={css.ring} style={{ opacity: Math.max(0.12, 1 - i * 0.066) }} />;
      })}
      <path d="M400 330c0 0-74 90-74 152a74 74 0 0 0 148 0C474 420 400 330 400 330z" className={css.drop} />
      <path d="M352 492a48 48 0 0 0 34 40" className={css.shine} />
    </svg>
  );
}
