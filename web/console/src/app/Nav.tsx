import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Me } from '../api/types';
import { Icon } from '../ui/Icon';
import { Dialog } from '../ui/Dialog';
import { LogoMark } from '../ui/Logo';
import { groups, type Place, placesOf, thumbsOf } from './nav';
import css from './Nav.module.css';
import { stored } from './stored';

const rail = stored('cisterna-rail', ['wide', 'narrow'], 'wide');

export const toggleRail = () => rail.set(rail.get() === 'wide' ? 'narrow' : 'wide');

function PlaceLink({ place, className, onClick }: { place: Place; className: string | undefined; onClick?: () => void }) {
  return (
    <Link
      to={place.to} search={{}} className={className} title={place.name} onClick={onClick} activeProps={{ 'aria-current': 'page' }}
      activeOptions={{ includeSearch: false, exact: place.to === '/' }}
    >
      <Icon name={place.icon} />
      <span className={css.word}>{place.name}</span>
    </Link>
  );
}

/** The places at the left. Narrow, it keeps the icons; the words stay for readers and as titles. */
export function Rail({ me }: { me: Me }) {
  const width = rail.use();
  const all = placesOf(me);
  return (
    <nav className={css.rail} data-width={width} aria-label="Main">
      <Link to="/" search={{}} className={css.brand} aria-label="Cisterna, to the start" activeProps={{ 'aria-current': undefined }}>
        <LogoMark size={24} />
        <span className={css.word} aria-hidden>Cisterna</span>
      </Link>
      <div className={css.places}>
        {groups.map((g) => {
          const of = all.filter((p) => p.group === g.id);
          return of.length > 0 && (
            <div key={g.id} role="group" aria-label={g.name} className={css.group}>
              {of.map((p) => <PlaceLink key={p.to} place={p} className={css.place} />)}
            </div>
          );
        })}
      </div>
      <button type="button" className={css.fold} aria-expanded={width === 'wide'} title={width === 'wide' ? 'Narrow' : 'Widen'} onClick={toggleRail}>
        <Icon name={width === 'wide' ? 'left' : 'right'} />
        <span className={css.word}>{width === 'wide' ? 'Narrow' : 'Widen'}<span className="sr-only"> the navigation</span></span>
      </button>
    </nav>
  );
}

/** The places at the bottom of a narrow screen: four, and the others in a sheet. */
export function ThumbBar({ me }: { me: Me }) {
  const [open, setOpen] = useState(false);
  const all = placesOf(me);
  const first = thumbsOf(me);
  const more = all.filter((p) => !first.includes(p));
  return (
    <>
      <nav className={css.thumbs} aria-label="Main">
        {first.map((p) => <PlaceLink key={p.to} place={p} className={css.thumb} />)}
        {more.length > 0 && <button type="button" className={css.thumb} aria-haspopup="dialog" onClick={() => setOpen(true)}><Icon name="more" /><span>More</span></button>}
      </nav>
      {open && (
        <Dialog title="Where to" fullScreen onClose={() => setOpen(false)}>
          {groups.map((g) => {
            const of = all.filter((p) => p.group === g.id);
            return of.length > 0 && (
              <section key={g.id} className={css.sheetGroup} aria-label={g.name}>
                <h3 className="label">{g.name}</h3>
                {of.map((p) => <PlaceLink key={p.to} place={p} className={css.sheetPlace} onClick={() => setOpen(false)} />)}
              </section>
            );
          })}
        </Dialog>
      )}
    </>
  );
}
