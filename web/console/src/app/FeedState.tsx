import { words } from '../api/problem';
import { Button } from '../ui/Button';
import { useClock } from '../units/clock';
import { age, clock, stamp } from '../units/time';
import css from './FeedState.module.css';
import { useFeed, useLive, useNotLiveSince } from './live';

/** The state of the feed in two words, always in the same place. */
export function FeedPill() {
  const { link } = useLive();
  const status = useFeed();
  const text = useClock(() => {
    const { phase, attempt, lastFrameAt } = link.status();
    switch (phase) {
      case 'live': {
        const silent = lastFrameAt === null ? 0 : Date.now() - lastFrameAt;
        return silent > 5000 ? `Live, silent ${age(silent)}` : 'Live';
      }
      case 'connecting': return attempt > 1 ? `Connecting (${attempt})` : 'Connecting';
      case 'reconnecting': return `Reconnecting (${attempt})`;
      case 'stale': return 'Stale';
      case 'signed-out': return 'Signed out';
    }
  });
  return (
    <span className={css.pill} data-phase={status.phase} title={status.lastFrameAt === null ? 'Nothing received yet' : `Last frame ${stamp(status.lastFrameAt)}`}>
      <span className={css.dot} aria-hidden />
      <span className={css.word}>{text}</span>
      <span className={css.short} aria-hidden>{status.phase === 'live' ? 'Live' : 'Not live'}</span>
    </span>
  );
}

/** Says across the whole page that it is not live. It cannot be dismissed; it goes when the feed is back. */
export function FeedBanner() {
  const { link } = useLive();
  const since = useNotLiveSince();
  const status = useFeed();
  const never = status.lastFrameAt === null;
  return (
    <div role="status" aria-live="polite">
      {since !== null && (never ? status.trouble !== null : true) && (
        <div className={css.banner} data-feed-banner>
          <span className={css.hatch} aria-hidden />
          <span className={css.say}>
            <strong>{never ? 'Not connected yet.' : `Not live since ${clock(since)}.`}</strong>{' '}
            {never
              ? `${words(status.trouble)} Trying again.`
              : 'What you see is the last that was received; counts are not current. The pumps go on by themselves.'}
          </span>
          <Button size="compact-sm" variant="default" onClick={() => link.wake()}>Try now</Button>
        </div>
      )}
    </div>
  );
}
