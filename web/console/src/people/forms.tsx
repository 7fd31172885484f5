import { NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { api } from '../api/client';
import { Problem, words } from '../api/problem';
import type { Person, Role, RoleAt, RolesInfo, Site } from '../api/types';
import { roleWord } from '../session/session';
import { useSites } from '../app/useSites';
import { Button } from '../ui/Button';
import css from './people.module.css';

/** One line: the record takes no control characters. */
export const oneLine = (s: string) => s.trim().replaceAll(/\s+/g, ' ');

/** What the server found wrong with one input. */
export function fieldError(err: unknown, field: string): string | undefined {
  return err instanceof Problem ? err.fields.find((f) => f.location.split('.').at(-1) === field)?.message : undefined;
}

interface FormProps {
  /** Whether everything is there; nothing is sent before. */
  ready: boolean;
  pending: boolean;
  error: unknown;
  button: string;
  onSubmit: () => void;
  onClose: () => void;
  children: (tried: boolean) => ReactNode;
}

/** A form in a dialog: it shows what is missing only once it was tried, and keeps what was typed when the server refuses. */
export function Form({ ready, pending, error, button, onSubmit, onClose, children }: FormProps) {
  const [tried, setTried] = useState(false);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (ready && !pending) onSubmit();
  };
  return (
    <form onSubmit={submit} noValidate className={css.form}>
      {children(tried)}
      {error ? <p role="alert" className={css.problem}>{words(error)}</p> : null}
      <div className={css.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={pending}>{button}</Button>
      </div>
    </form>
  );
}

export function Reason({ value, onChange, tried, first = false }: { value: string; onChange: (v: string) => void; tried: boolean; first?: boolean }) {
  return <Textarea label="Reason" description="It goes into the record." value={value} onChange={(e) => onChange(e.currentTarget.value)} rows={2} maxLength={300} error={tried && value.trim() === '' ? 'Say why.' : undefined} {...(first ? { 'data-autofocus': true } : {})} />;
}

/** A person was changed: what was read of them and of the lists is read again. */
export function usePersonChanged() {
  const queries = useQueryClient();
  return (p: Person) => {
    queries.setQueryData(['person', p.id], p);
    void queries.invalidateQueries({ queryKey: ['people'] });
    void queries.invalidateQueries({ queryKey: ['roles'] });
  };
}

export function useRoles() {
  return useQuery({ queryKey: ['roles'], queryFn: api.roles, staleTime: 30_000 });
}

/** Why a role does not go with those that somebody has; the server has the last word. */
export function excluded(info: RolesInfo | undefined, held: readonly RoleAt[], site: string, role: Role): string | null {
  for (const e of info?.exclusions ?? []) {
    const other = e.one === role ? e.other : e.other === role ? e.one : null;
    const at = held.find((h) => h.role === other && (e.anywhere || h.site === site));
    if (other && at) return `${roleWord[other]} and ${roleWord[role]} are not one person's ${e.anywhere ? 'at any site' : 'at the same site'}. ${e.why}`;
  }
  return null;
}

/** A role at a site, with the reason why it cannot be under it. */
export function RoleChoice({ sites, site, role, held, tried, onChange }: { sites: readonly Site[]; site: string; role: Role | ''; held: readonly RoleAt[]; tried: boolean; onChange: (v: { site: string; role: Role | '' }) => void }) {
  const roles = useRoles();
  const why = role === '' ? (tried ? 'Choose a role.' : null) : excluded(roles.data, held, site, role);
  return (
    <div className={css.both}>
      <NativeSelect label="Site" value={site} onChange={(e) => onChange({ site: e.currentTarget.value, role })} data={sites.map((s) => ({ value: s.id, label: s.name }))} />
      <NativeSelect label="Role" value={role} onChange={(e) => onChange({ site, role: e.currentTarget.value as Role | '' })} data={[{ value: '', label: 'Choose' }, ...Object.entries(roleWord).map(([value, label]) => ({ value, label }))]} error={why ?? undefined} />
    </div>
  );
}

export function GrantForm({ person, sites, onClose }: { person: Person; sites: readonly Site[]; onClose: () => void }) {
  const [at, setAt] = useState<{ site: string; role: Role | '' }>({ site: sites[0]?.id ?? '', role: '' });
  const [reason, setReason] = useState('');
  const roles = useRoles();
  const changed = usePersonChanged();
  const run = useMutation({
    mutationFn: () => api.grantRole(person.id, { site: at.site, role: at.role as Role, reason: oneLine(reason) }),
    onSuccess: (p) => { changed(p); onClose(); },
  });
  const ready = at.role !== '' && reason.trim() !== '' && !excluded(roles.data, person.roles, at.site, at.role);
  return (
    <Form ready={ready} pending={run.isPending} error={run.error} button="Give the role" onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <p>It holds from the person’s next request on.</p>
          <RoleChoice sites={sites} {...at} held={person.roles} tried={tried} onChange={setAt} />
          <Reason value={reason} onChange={setReason} tried={tried} />
        </>
      )}
    </Form>
  );
}

export function WithdrawForm({ person, role, onClose }: { person: Person; role: RoleAt; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const sites = useSites();
  const changed = usePersonChanged();
  const run = useMutation({
    mutationFn: () => api.withdrawRole(person.id, { site: role.site, role: role.role, reason: oneLine(reason) }),
    onSuccess: (p) => { changed(p); onClose(); },
  });
  return (
    <Form ready={reason.trim() !== ''} pending={run.isPending} error={run.error} button="Take the role away" onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <p><strong>{roleWord[role.role]}</strong> at {sites.name(role.site)}. {person.name} can do nothing there in this role from their next request on; what they did stays on the record under their name.</p>
          <Reason value={reason} onChange={setReason} tried={tried} first />
        </>
      )}
    </Form>
  );
}

const effects = {
  disable: { button: 'Shut the account', effect: 'All sessions and API tokens end at once. What the person did stays on the record under their name. The account can be opened again.' },
  enable: { button: 'Open the account', effect: 'The person may sign in again with the roles that they still have. Sessions and API tokens that ended stay ended.' },
  'end-sessions': { button: 'End sessions', effect: 'The person is signed out everywhere within seconds, and may sign in again.' },
} as const;

export function AccountForm({ person, act, onClose }: { person: Person; act: keyof typeof effects; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const changed = usePersonChanged();
  const run = useMutation({
    mutationFn: () => api.personAct(person.id, act, oneLine(reason)),
    onSuccess: (p) => { changed(p); onClose(); },
  });
  const confirmed = act !== 'disable' || typed.trim() === person.login;
  return (
    <Form ready={reason.trim() !== '' && confirmed} pending={run.isPending} error={run.error} button={effects[act].button} onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <p>{effects[act].effect}</p>
          <Reason value={reason} onChange={setReason} tried={tried} first />
          {act === 'disable' && <TextInput label={`Type the login ${person.login} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} spellCheck={false} autoComplete="off" error={tried && !confirmed ? `Type ${person.login} to confirm.` : undefined} />}
        </>
      )}
    </Form>
  );
}
