import css from './SignIn.module.css';

const rings = Array.from({ length: 14 }, (_, i) => i);
const WATER = 520;
const drop = 'M400 276c0 0-80 98-80 166a80 80 0 0 0 160 0C480 374 400 276 400 276z';

/** The mark grown to a picture: a drop at rest, its reflection, and the rings around it, level and ever fainter. */
export function Pool() {
  return (
    <svg className={css.pool} viewBox="0 0 800 900" preserveAspectRatio="xMidYMid slice" focusable="false">
      <path d={drop} className={css.reflection} transform={`matrix(1 0 0 -0.82 0 ${522 * 1.82})`} />
      {rings.map((i) => {
        const rx = 72 + i * 36 + i * i * 3.4;
        return <ellipse key={i} cx="400" cy={WATER + i * 2} rx={rx} ry={rx * 0.3} className={css.ring} style={{ opacity: Math.max(0.14, 1 - i * 0.068) }} />;
      })}
      <path d={drop} className={css.drop} />
      <path d="M346 446c2 26 18 44 42 48" className={css.shine} />
    </svg>
  );
}
