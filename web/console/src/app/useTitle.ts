import { useEffect } from 'react';

/** What a page is: for the tab, for a reader, and for its head on paper. */
export interface Sheet {
  readonly title: string;
  /** The site that it is about; empty if it is about more than one. */
  readonly site: string;
}

let sheet: Sheet = { title: '', site: '' };

/** The page that is shown. */
export const shownSheet = (): Sheet => sheet;

/** Names the page. On paper it may have a longer name, which says what part of it is shown, and a site. */
export function useTitle(title: string, paper: { title?: string; site?: string } = {}): void {
  const { title: long = title, site = '' } = paper;
  useEffect(() => {
    document.title = `${title} · Cisterna`;
    sheet = { title: long, site };
  }, [title, long, site]);
}
