import { useMantineColorScheme } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { api } from '../api/client';
import type { DemoPerson, Me } from '../api/types';
import { becomeKey, leave } from '../session/leave';
import { useNews } from '../session/notices';
import { roleWord, sessionQuery } from '../session/session';
import { Icon, type IconName } from '../ui/Icon';
import { PopGroup, PopItem, PopMenu } from '../ui/PopMenu';
import { setShortcuts, useShortcuts } from './shortcuts';
import css from './Frame.module.css';

const schemes: { value: 'light' | 'dark' | 'auto'; name: string; icon: IconName }[] = [
  { value: 'light', name: 'Light', icon: 'sun' },
  { value: 'dark', name: 'Dark', icon: 'moon' },
  { value: 'auto', name: 'As the system', icon: 'system' },
];

const noticesText = (n: number) => `${n} new ${n === 1 ? 'notice' : 'notices'}`;

/** Who is here, the look of the page, and the way out; in the demo also everyone else. */
export function UserMenu({ me }: { me: Me }) {
  const router = useRouter();
  const queries = useQueryClient();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const shortcuts = useShortcuts();
  const people = useQuery({ queryKey: ['demo'], queryFn: api.demoPeople, enabled: me.demo, staleTime: Infinity, retry: false });
  const signOut = useMutation({
    mutationFn: api.signOut,
    onSettled: () => leave(queries, router, 'asked'),
  });
  const become = useMutation({
    mutationKey: becomeKey,
    mutationFn: (p: DemoPerson) => api.signIn(p.login, p.password),
    onSuccess: async (other) => {
      queries.removeQueries({ predicate: (q) => q.queryKey[0] !== 'session' && q.queryKey[0] !== 'demo' });
      queries.setQueryData(sessionQuery.queryKey, other);
      await router.invalidate();
    },
  });
  const news = useNews(me);
  const roles = [...new Set(me.roles.map((r) => roleWord[r.role] ?? r.role))].join(', ');
  return (
    <PopMenu
      name="Menu" width={296}
      opener={
        // Its name is what it shows and what a reader needs besides, in this order: who speaks to a computer says what they see.
        <button type="button" className={css.user}>
          <Icon name="person" />
          {news.unseen > 0 && <><span className={css.badge}>{news.unseen}</span><span className="sr-only"> new {news.unseen === 1 ? 'notice' : 'notices'}, </span></>}
          <span className={css.userName}>{me.name}</span>
          <span className="sr-only">, {roles}. Menu</span>
          <Icon name="down" size={12} />
        </button>
      }
    >
      {(close) => (
        <>
          <PopGroup label={`${me.name}, ${roles}`}>
            {schemes.map((s) => <PopItem key={s.value} icon={<Icon name={s.icon} />} pressed={colorScheme === s.value} onClick={() => setColorScheme(s.value)}>{s.name}</PopItem>)}
          </PopGroup>
          <PopGroup>
            <PopItem pressed={shortcuts} hint="/ to filter" onClick={() => setShortcuts(!shortcuts)}>Single-key shortcuts</PopItem>
          </PopGroup>
          {me.demo && people.data && people.data.people.length > 1 && (
            <PopGroup label="Be someone else in this demo">
              {people.data.people.filter((p) => p.login !== me.login).map((p) => (
                <PopItem key={p.login} hint={[p.role, p.site].filter(Boolean).join(' · ')} disabled={become.isPending} onClick={() => { close(); become.mutate(p); }}>{p.name}</PopItem>
              ))}
            </PopGroup>
          )}
          <PopGroup>
            <PopItem onClick={() => { close(); void router.navigate({ to: '/me', search: {} }); }} {...(news.unseen > 0 ? { hint: noticesText(news.unseen) } : {})}>Your security</PopItem>
            <PopItem disabled={signOut.isPending} onClick={() => { close(); signOut.mutate(); }}>Sign out</PopItem>
          </PopGroup>
        </>
      )}
    </PopMenu>
  );
}
