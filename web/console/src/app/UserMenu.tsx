import { Menu, useMantineColorScheme } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { api } from '../api/client';
import type { DemoPerson, Me } from '../api/types';
import { leave } from '../session/leave';
import { roleWord, sessionQuery } from '../session/session';
import { Icon, type IconName } from '../ui/Icon';
import { setShortcuts, useShortcuts } from './shortcuts';
import css from './Frame.module.css';

const schemes: { value: 'light' | 'dark' | 'auto'; name: string; icon: IconName }[] = [
  { value: 'light', name: 'Light', icon: 'sun' },
  { value: 'dark', name: 'Dark', icon: 'moon' },
  { value: 'auto', name: 'As the system', icon: 'system' },
];

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
    mutationFn: (p: DemoPerson) => api.signIn(p.login, p.password),
    onSuccess: async (other) => {
      queries.removeQueries({ predicate: (q) => q.queryKey[0] !== 'session' && q.queryKey[0] !== 'demo' });
      queries.setQueryData(sessionQuery.queryKey, other);
      await router.invalidate();
    },
  });
  const roles = [...new Set(me.roles.map((r) => roleWord[r.role] ?? r.role))].join(', ');
  return (
    <Menu position="bottom-end" width={296} offset={4}>
      <Menu.Target>
        <button type="button" className={css.user} aria-label={`${me.name}, ${roles}. Menu`}>
          <Icon name="person" />
          <span className={css.userName}>{me.name}</span>
          <Icon name="down" size={12} />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.name} · {roles}</Menu.Label>
        {schemes.map((s) => (
          <Menu.Item key={s.value} leftSection={<Icon name={s.icon} />} rightSection={colorScheme === s.value ? <Icon name="check" /> : null} onClick={() => setColorScheme(s.value)} closeMenuOnClick={false} aria-label={`${s.name}${colorScheme === s.value ? ', chosen' : ''}`}>
            {s.name}
          </Menu.Item>
        ))}
        <Menu.Item rightSection={shortcuts ? <Icon name="check" /> : null} onClick={() => setShortcuts(!shortcuts)} closeMenuOnClick={false} aria-label={`Single-key shortcuts, ${shortcuts ? 'on' : 'off'}`}>
          Single-key shortcuts <span className="label">/ filters</span>
        </Menu.Item>
        {me.demo && people.data && people.data.people.length > 1 && (
          <>
            <Menu.Divider />
            <Menu.Label>Be someone else (demo)</Menu.Label>
            {people.data.people.filter((p) => p.login !== me.login).map((p) => (
              <Menu.Item key={p.login} onClick={() => become.mutate(p)} disabled={become.isPending}>
                {p.name} <span className="label">{p.role} · {p.site}</span>
              </Menu.Item>
            ))}
          </>
        )}
        <Menu.Divider />
        <Menu.Item onClick={() => signOut.mutate()} disabled={signOut.isPending}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
