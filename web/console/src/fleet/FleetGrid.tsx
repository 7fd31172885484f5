import { useNavigate } from '@tanstack/react-router';
import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { usePump } from '../app/live';
import type { useSites } from '../app/useSites';
import { Icon } from '../ui/Icon';
import { useClock } from '../units/clock';
import { freshness as judge } from '../units/freshness';
import { type Column, leastWidth, PICK, ReservoirOf } from './columns';
import css from './Fleet.module.css';
import type { Sort, SortKey } from './search';

interface Props {
  ids: readonly string[];
  sort: Sort;
  dense: boolean;
  sites: ReturnType<typeof useSites>;
  onSort: (key: SortKey) => void;
  columns: readonly Column[];
  /** Rows can be picked; null where nobody may do anything with them. */
  pick: Pick | null;
}

export interface Pick {
  readonly has: (id: string) => boolean;
  readonly toggle: (id: string) => void;
  /** All rows given at once. */
  readonly set: (ids: readonly string[], on: boolean) => void;
}

const HEAD = 32;

/**
 * The fleet as one grid of which only the visible rows exist. One tab stop; the arrows move a focus that belongs to a pump,
 * not to a place, so it stays on its pump when the order changes. Arrow up from the first row leads to the headers.
 */
export function FleetGrid({ ids, sort, dense, sites, onSort, columns, pick }: Props) {
  const template = `${pick ? '24px ' : ''}${columns.map((c) => c.width).join(' ')}`;
  const before = pick ? 1 : 0;
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const height = dense ? 32 : 48;
  const [active, setActive] = useState<string | null>(null);
  const [head, setHead] = useState<number | null>(null);
  const wantFocus = useRef(false);

  const activeIndex = useMemo(() => Math.max(0, active === null ? 0 : ids.indexOf(active)), [ids, active]);
  const activeId = ids[activeIndex];

  const rows = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: (i) => ids[i]!,
    overscan: 6,
    scrollMargin: HEAD,
    scrollPaddingStart: HEAD,
    // The row that holds the tab stop always exists, or the focus would fall out of the page.
    rangeExtractor: useCallback((range: Range) => [...new Set([...defaultRangeExtractor(range), activeIndex])].toSorted((a, b) => a - b), [activeIndex]),
  });
  useEffect(() => rows.measure(), [rows, height]);

  const open = useCallback((id: string) => void navigate({ to: '/pumps/$id', params: { id }, search: {} }), [navigate]);

  const focusRow = (index: number) => {
    const i = Math.max(0, Math.min(ids.length - 1, index));
    if (ids[i] === undefined) return;
    setHead(null);
    setActive(ids[i]);
    wantFocus.current = true;
    rows.scrollToIndex(i);
  };

  useEffect(() => {
    if (!wantFocus.current) return;
    wantFocus.current = false;
    const selector = head === null ? '[role="row"][tabindex="0"]' : 'button[data-head][tabindex="0"]';
    scroller.current?.querySelector<HTMLElement>(selector)?.focus({ preventScroll: head === null });
  }, [active, head]);

  const page = () => Math.max(1, Math.floor((scroller.current!.clientHeight - HEAD) / height) - 1);

  const keys = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (head !== null && (e.target as HTMLElement).dataset.head !== undefined) {
      const to = e.key === 'ArrowLeft' ? head - 1 : e.key === 'ArrowRight' ? head + 1 : e.key === 'Home' ? 0 : e.key === 'End' ? columns.length - 1 : null;
      if (to !== null) {
        e.preventDefault();
        wantFocus.current = true;
        setHead(Math.max(0, Math.min(columns.length - 1, to)));
      } else if (e.key === 'ArrowDown') {
        e.preventDefault();
        focusRow(activeIndex);
      }
      return;
    }
    const to = e.key === 'ArrowDown' ? activeIndex + 1 : e.key === 'ArrowUp' ? activeIndex - 1 : e.key === 'PageDown' ? activeIndex + page()
      : e.key === 'PageUp' ? activeIndex - page() : e.key === 'Home' ? 0 : e.key === 'End' ? ids.length - 1 : null;
    if (to !== null) {
      e.preventDefault();
      if (to < 0 && e.key === 'ArrowUp') {
        wantFocus.current = true;
        setHead(0);
      } else focusRow(to);
    } else if (e.key === ' ' && pick && activeId !== undefined && (e.target as HTMLElement).getAttribute('role') === 'row') {
      e.preventDefault();
      pick.toggle(activeId);
    } else if (e.key === 'Enter' && activeId !== undefined && (e.target as HTMLElement).tagName !== 'INPUT') {
      e.preventDefault();
      open(activeId);
    }
  };

  return (
    // The grid takes its keys from the row or header that has the focus.
    <div
      ref={scroller} className={css.scroller} role="grid" aria-label="Pumps" aria-rowcount={ids.length + 1} aria-colcount={columns.length + before} aria-multiselectable={pick ? true : undefined}
      tabIndex={-1} onKeyDown={keys} data-dense={dense || undefined} style={{ '--least': `${leastWidth(columns) + before * PICK}px` } as React.CSSProperties}
    >
      <div role="rowgroup" className={css.head} style={{ height: HEAD }}>
        <div role="row" aria-rowindex={1} className={css.headRow} style={{ gridTemplateColumns: template }}>
          {pick && <PickAll ids={rows.getVirtualItems().filter((v) => v.end > (rows.scrollOffset ?? 0) && v.start < (rows.scrollOffset ?? 0) + (rows.scrollRect?.height ?? 0)).map((v) => ids[v.index]!)} pick={pick} />}
          {columns.map((c, i) => {
            const on = sort.key === c.key;
            return (
              <div key={c.key} role="columnheader" aria-colindex={i + 1 + before} aria-sort={on ? (sort.descending ? 'descending' : 'ascending') : 'none'} className={css.th} data-numeric={c.numeric || undefined} data-key={c.key}>
                <button type="button" data-head tabIndex={head === i ? 0 : -1} className={css.thButton} data-on={on || undefined} onFocus={() => setHead(i)} onClick={() => onSort(c.key)}>
                  {c.title}
                  <span className={css.arrow}>{on && <Icon name={sort.descending ? 'sortDown' : 'up'} size={12} />}</span>
                </button>
              </div>
            );
          })}
        </div>
      </div>
      <div role="rowgroup" className={css.rows} style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((v) => {
          const id = ids[v.index]!;
          return (
            <Row
              key={id} id={id} index={v.index} top={v.start - HEAD} height={height} dense={dense} sites={sites}
              tab={head === null && id === activeId} onOpen={open} onFocus={setActive} onLeaveHead={setHead} columns={columns} template={template}
              picked={pick ? pick.has(id) : null} onPick={pick?.toggle}
            />
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  id: string;
  index: number;
  top: number;
  height: number;
  dense: boolean;
  tab: boolean;
  sites: ReturnType<typeof useSites>;
  onOpen: (id: string) => void;
  onFocus: (id: string) => void;
  onLeaveHead: (head: null) => void;
  columns: readonly Column[];
  template: string;
  picked: boolean | null;
  onPick: ((id: string) => void) | undefined;
}

/** Picks the rows that are on the screen, or lets them go. */
function PickAll({ ids, pick }: { ids: readonly string[]; pick: Pick }) {
  const some = ids.some(pick.has);
  const all = ids.length > 0 && ids.every(pick.has);
  return (
    <div role="columnheader" aria-colindex={1} className={css.th}>
      <input
        type="checkbox" className={css.check} tabIndex={-1} checked={all} aria-label="Select the rows on the screen"
        ref={(el) => { if (el) el.indeterminate = some && !all; }} onChange={() => pick.set(ids, !all)}
      />
    </div>
  );
}

const Row = memo(function Row({ id, index, top, height, dense, tab, sites, onOpen, onFocus, onLeaveHead, columns, template, picked, onPick }: RowProps) {
  const before = picked === null ? 0 : 1;
  const row = usePump(id);
  const freshness = useClock((now) => (row ? judge(row, now) : 'none'));
  if (!row) return null;
  const c = { row, freshness, dense, siteShort: sites.short(row.site), siteName: sites.name(row.site) };
  return (
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the grid around it has the keys
    <div
      role="row" aria-rowindex={index + 2} tabIndex={tab ? 0 : -1} className={css.row} data-pump={id} data-presence={row.presence} aria-selected={picked ?? undefined}
      style={{ height, transform: `translateY(${top}px)`, gridTemplateColumns: template }}
      onFocus={() => { onLeaveHead(null); onFocus(id); }}
      onClick={() => { if (!window.getSelection()?.toString()) onOpen(id); }}
    >
      {picked !== null && (
        <div role="gridcell" aria-colindex={1} className={css.td}>
          <input type="checkbox" className={css.check} tabIndex={-1} checked={picked} aria-label={`Select ${row.serial}`} onClick={(e) => e.stopPropagation()} onChange={() => onPick?.(id)} />
        </div>
      )}
      {columns.map((col, i) => (
        <div key={col.key} role="gridcell" aria-colindex={i + 1 + before} className={css.td} data-numeric={col.numeric || undefined} data-key={col.key}>
          {col.key === 'reservoir' && <span className={css.vessel}><ReservoirOf row={row} freshness={freshness} /></span>}
          <span className={css.lines}>
            <span className={css.line}>{col.main(c)}</span>
            {!dense && <span className={css.subline}>{col.sub?.(c)}</span>}
          </span>
        </div>
      ))}
    </div>
  );
});
