import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useLayoutEffect } from 'react';
import type { Me } from '../api/types';
import { roleWord } from '../session/session';
import { Wordmark } from '../ui/Logo';
import { isPartMissing } from '../ui/missing';
import { stamp, zone } from '../units/time';
import { doubtsOf } from './doubts';
import { useLive, useNotLiveSince } from './live';
import css from './PaperHead.module.css';
import { usePaper, watchPaper } from './paper';
import { shownSheet } from './useTitle';

/**
 * What stands above a page on paper, and in the margin of each of its sheets: what it is, of which site, when it was printed and
 * by whom, and that it is not current or not complete if so.
 */
export function PaperHead({ me }: { me: Me }) {
  useEffect(watchPaper, []);
  const at = usePaper();
  return at === null ? null : <Head me={me} at={at} />;
}

function Head({ me, at }: { me: Me; at: number }) {
  const queries = useQueryClient();
  const { sync } = useLive();
  const { title, site } = shownSheet();
  const doubts = doubtsOf(
    queries.getQueryCache().getAll(), useNotLiveSince(),
    sync.epoch === null || document.querySelector('main .ghost, main [aria-busy="true"]') !== null, isPartMissing(), location.pathname,
  );
  const sites = [...new Set(me.roles.map((r) => r.site_name))];
  const where = site || (sites.length === 1 ? sites[0]! : `of all sites that are shown to ${me.name}: ${sites.join(', ')}`);
  const roles = [...new Set(me.roles.map((r) => roleWord[r.role] ?? r.role))].join(', ');
  const printed = `Printed ${stamp(at)} by ${me.name} (${me.login})`;
  useMargins(`${title}${site ? `, ${site}` : ''}`, printed, doubts.length > 0 ? 'NOT TO BE RELIED ON, see the first sheet' : '');
  return (
    <div className={css.head} data-paper-head>
      <p className={css.top}><Wordmark size={18} /> <span className={css.where}>{where}</span></p>
      <p className={css.what}>{title}</p>
      <p className={css.who}>{printed}, {roles}. Times in {zone(at)}.</p>
      {doubts.length > 0 && <div className={css.doubts} role="alert">{doubts.map((d) => <p key={d}>{d}</p>)}</div>}
    </div>
  );
}

const quoted = (text: string) => `"${text.replaceAll(/[\\"]/g, '\\$&').replaceAll(/\s+/g, ' ')}"`;

/** Writes into the margins of every sheet, so that sheets that come apart still say whose they are. */
function useMargins(what: string, printed: string, doubt: string): void {
  useLayoutEffect(() => {
    if (!('adoptedStyleSheets' in document)) return undefined;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`@page { @top-left { content: ${quoted(what)}; } @top-right { content: ${quoted(doubt)}; } @bottom-left { content: ${quoted(printed)}; } }`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    return () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== sheet);
    };
  }, [what, printed, doubt]);
}
