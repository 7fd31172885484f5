import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Suspense, useState } from 'react';
import { fleetApi } from '../api/fleet';
import { words } from '../api/problem';
import type { useSites } from '../app/useSites';
import { hasAnyRole, workers } from '../session/session';
import { useMe } from '../session/useMe';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { PopGroup, PopItem, PopMenu } from '../ui/PopMenu';
import { writeValue } from './filter/words';
import css from './Fleet.module.css';
import { useLanguage } from './useFilter';
import { natural } from './natural';

const GroupDialog = part(() => import('../groups/GroupDialog'));

interface Props {
  /** The text of the filter. */
  q: string;
  /** The text and the facets as one filter. */
  whole: string;
  wrong: boolean;
  sites: ReturnType<typeof useSites>;
  side: 'start' | 'end';
  onChange: (q: string) => void;
}

/** Groups and tags as switches of the filter: one press narrows the list to it, another widens it again. */
export default function GroupsMenu({ q, whole, wrong, sites, side, onChange }: Props) {
  const me = useMe();
  const navigate = useNavigate();
  const language = useLanguage();
  const groups = useQuery({ queryKey: ['groups'], queryFn: fleetApi.groups, staleTime: 30_000 });
  const tags = useQuery({ queryKey: ['tags'], queryFn: fleetApi.tags, staleTime: 30_000 });
  const [making, setMaking] = useState(false);
  // Sites may have groups of one name; the filter means all of them.
  const names = [...new Set(groups.data?.map((g) => g.name))].toSorted(natural);
  const item = (close: () => void, term: string, name: string, hint: string) => {
    if (!language || wrong) return <PopItem key={name} disabled onClick={() => {}} hint={hint}>{name}</PopItem>;
    const { hasTerm, parse, print, toggled } = language.language;
    const node = parse(q, language.fields);
    const part = parse(term, language.fields)!;
    return <PopItem key={name} pressed={hasTerm(node, part)} hint={hint} onClick={() => { close(); onChange(print(toggled(node, part))); }}>{name}</PopItem>;
  };
  const problem = groups.error ?? tags.error;
  return (
    <>
      <PopMenu name="Groups and tags" width={280} side={side} opener={<button type="button" className={css.facet}>Groups <Icon name="down" size={12} /></button>}>
        {(close) => (
          <>
            {names.length > 0 && <PopGroup label="Groups">{names.map((n) => item(close, `group:${writeValue(n)}`, n, groups.data!.filter((g) => g.name === n).map((g) => sites.short(g.site)).join(', ')))}</PopGroup>}
            {(tags.data?.length ?? 0) > 0 && <PopGroup label="Tags">{tags.data!.map((t) => item(close, `tag:${writeValue(t.tag)}`, t.tag, `${t.pumps} ${t.pumps === 1 ? 'pump' : 'pumps'}`))}</PopGroup>}
            {groups.data?.length === 0 && tags.data?.length === 0 && <p className="label" style={{ padding: '8px 16px' }}>There are no groups and no tags yet.</p>}
            {problem && <p className="label" style={{ padding: '8px 16px' }} role="alert">The groups could not be read. {words(problem)}</p>}
            <PopGroup>
              {hasAnyRole(me, workers) && <PopItem onClick={() => { close(); setMaking(true); }} disabled={wrong}>{whole === '' ? 'Make a group…' : 'Make a group of this filter…'}</PopItem>}
              <PopItem onClick={() => { close(); void navigate({ to: '/groups', search: {} }); }}>All groups and tags</PopItem>
            </PopGroup>
          </>
        )}
      </PopMenu>
      {making && <Suspense><GroupDialog filter={whole} onClose={() => setMaking(false)} /></Suspense>}
    </>
  );
}
