import { type ReactNode, Suspense, useState } from 'react';
import type { useSites } from '../app/useSites';
import type { View } from '../api/fleet';
import { Icon } from '../ui/Icon';
import css from './Fleet.module.css';
import type { SortKey } from './search';
import { type Look, ViewsMenu } from './ViewsMenu';
import { part } from '../ui/part';
import { Download } from '../ui/Download';

const FieldsSheet = part(() => import('./FieldsSheet'));

interface Props {
  look: Look;
  wrong: boolean;
  sites: ReturnType<typeof useSites>;
  onOpen: (v: View) => void;
  /** The columns that the address names; null for the usual ones. */
  chosen: readonly SortKey[] | null;
  onColumns: (keys: readonly SortKey[] | undefined) => void;
  /** Where the list is as a file; null while the filter is none. */
  file: string | null;
  /** Whether pumps are being selected; null for a person who can do nothing with a selection. */
  selecting: boolean | null;
  onSelecting: (on: boolean) => void;
  groups: ReactNode;
}

/** What a wide screen has beside the filter, on a narrow one: views, fields, the file, and a mode in which a tap selects. */
export default function NarrowTools({ look, wrong, sites, onOpen, chosen, onColumns, file, selecting, onSelecting, groups }: Props) {
  const [fields, setFields] = useState(false);
  return (
    <div className={css.narrowTools}>
      <ViewsMenu look={look} wrong={wrong} sites={sites} onOpen={onOpen} side="start" />
      <button type="button" className={css.facet} onClick={() => setFields(true)}>Fields <Icon name="down" size={12} /></button>
      {groups}
      {file && <Download className={css.facet} title="What is shown, as a file" href={file}>CSV</Download>}
      {selecting !== null && <button type="button" className={css.facet} data-end aria-pressed={selecting} data-on={selecting || undefined} onClick={() => onSelecting(!selecting)}>Select</button>}
      {fields && <Suspense><FieldsSheet chosen={chosen} onChange={onColumns} onClose={() => setFields(false)} /></Suspense>}
    </div>
  );
}
