import { Tabs } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';
import { useAddress } from '../app/useAddress';
import { useChange } from '../app/useChange';
import { useTitle } from '../app/useTitle';
import { oversees } from '../session/session';
import { useMe } from '../session/useMe';
import { PeopleList } from './PeopleList';
import css from './people.module.css';
import { type PeopleView, readPeopleSearch } from './search';
import { Sites } from './Sites';
import { Tokens } from './Tokens';

const route = getRouteApi('/frame/people');

/** What one tab keeps in the address means nothing to another. */
const nothing = { text: undefined, site: undefined, role: undefined, state: undefined, person: undefined, whose: undefined };

/** Who works here and may do what; for those who neither administer nor audit, their own API tokens. */
export default function PeoplePage() {
  const me = useMe();
  const all = oversees(me);
  const search = useAddress(route.useSearch(), readPeopleSearch);
  const change = useChange(readPeopleSearch);
  const title = all ? 'People' : 'API tokens';
  useTitle(title);
  if (!all) {
    return (
      <div className={css.page}>
        <h1 className="h1">{title}</h1>
        <Tokens search={search} all={false} />
      </div>
    );
  }
  const tab: PeopleView = search.tab ?? 'people';
  return (
    <div className={css.page}>
      <h1 className="h1">{title}</h1>
      <Tabs value={tab} onChange={(v) => change({ ...nothing, tab: v === 'people' ? undefined : v ?? undefined })}>
        <Tabs.List aria-label="Administration">
          <Tabs.Tab value="people">People</Tabs.Tab>
          <Tabs.Tab value="roles">Roles and sites</Tabs.Tab>
          <Tabs.Tab value="tokens">API tokens</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="people"><PeopleList search={search} /></Tabs.Panel>
        <Tabs.Panel value="roles"><Sites /></Tabs.Panel>
        <Tabs.Panel value="tokens"><Tokens search={search} all /></Tabs.Panel>
      </Tabs>
    </div>
  );
}
