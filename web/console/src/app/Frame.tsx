import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useRouter } from '@tanstack/react-router';
import { useCallback, useRef, useState } from 'react';
import { sessionEnded } from '../session/leave';
import { useMe } from '../session/useMe';
import { Icon, type IconName } from '../ui/Icon';
import { LogoMark, Wordmark } from '../ui/Logo';
import { AlarmAnnouncer } from './AlarmAnnouncer';
import { AlarmCounters } from './AlarmCounters';
import { FeedBanner, FeedPill } from './FeedState';
import css from './Frame.module.css';
import { LiveProvider } from './live';
import { UserMenu } from './UserMenu';
import { WallClock } from './WallClock';

const places: { to: '/fleet' | '/alarms' | '/record'; icon: IconName; name: string }[] = [
  { to: '/fleet', icon: 'fleet', name: 'Fleet' },
  { to: '/alarms', icon: 'alarms', name: 'Alarms' },
  { to: '/record', icon: 'record', name: 'Record' },
];

/** The frame around every screen of a signed-in person: where one is, what alarms, and whether it is live. */
export function Frame() {
  const me = useMe();
  const router = useRouter();
  const queries = useQueryClient();
  // A feed ends with its session; when another session took its place, another feed begins.
  const [feed, setFeed] = useState(0);
  const begun = useRef(-Infinity);
  const onSignedOut = useCallback(() => {
    void sessionEnded(queries, router).then((another) => {
      if (!another) return;
      // A server that ends feeds but not the session is not to be stormed.
      const soon = performance.now() - begun.current < 10_000;
      begun.current = performance.now();
      setTimeout(() => setFeed((n) => n + 1), soon ? 5000 : 0);
    });
  }, [queries, router]);
  return (
    <LiveProvider key={`${me.id} ${feed}`} onSignedOut={onSignedOut}>
      <a className="skip" href="#main">Skip to the content</a>
      <div className={css.frame}>
        <header className={css.bar}>
          <Link to="/fleet" search={{}} className={css.brand} aria-label="Cisterna, to the fleet">
            <span className={css.wide}><Wordmark size={24} /></span>
            <span className={css.narrow}><LogoMark size={28} /></span>
          </Link>
          <nav className={css.nav} aria-label="Main">
            {places.map((p) => (
              <Link key={p.to} to={p.to} search={{}} className={css.place} activeOptions={{ includeSearch: false }} activeProps={{ 'aria-current': 'page' }}>
                <Icon name={p.icon} />
                {p.name}
              </Link>
            ))}
          </nav>
          <div className={css.state}>
            <AlarmCounters />
            <FeedPill />
            <WallClock />
            <UserMenu me={me} />
          </div>
        </header>
        <FeedBanner />
        <main id="main" className={css.main} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <AlarmAnnouncer />
    </LiveProvider>
  );
}
