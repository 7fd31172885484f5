import { Link } from '@tanstack/react-router';
import type { Me } from '../api/types';
import { Stamp } from '../ui/Time';
import { useNews } from './notices';
import css from './session.module.css';

/** Says on every page that somebody may be getting into this account by a one-time code, and where to object. */
export function AccountBanner({ me }: { me: Me }) {
  const { code } = useNews(me);
  return (
    <div role="alert">
      {code && (
        <div className={css.visit}>
          <p><strong>About your account:</strong> {code.words} <span className="label"><Stamp at={code.at} full /></span></p>
          <Link to="/me" search={{}} className="link">Look at it, or object</Link>
        </div>
      )}
    </div>
  );
}
