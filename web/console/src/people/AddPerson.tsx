import { PasswordInput, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { Person, Role } from '../api/types';
import { useSites } from '../app/useSites';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Dialog } from '../ui/Dialog';
import { fieldError, Form, oneLine, Reason, RoleChoice, usePersonChanged } from './forms';
import css from './people.module.css';

/** Somebody new with a first role, or somebody who has an account at another site. */
export function AddPerson({ onClose, onDone }: { onClose: () => void; onDone: (p: Person) => void }) {
  return <Dialog title="Add a person" onClose={onClose}><AddForm onClose={onClose} onDone={onDone} /></Dialog>;
}

function AddForm({ onClose, onDone }: { onClose: () => void; onDone: (p: Person) => void }) {
  const me = useMe();
  const sites = useSites().list.filter((s) => hasRole(me, s.id, ['admin']));
  const [kind, setKind] = useState<'new' | 'known'>('new');
  const [login, setLogin] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [at, setAt] = useState<{ site: string; role: Role | '' }>({ site: '', role: '' });
  const [reason, setReason] = useState('');
  const site = at.site || (sites[0]?.id ?? '');
  const changed = usePersonChanged();
  const run = useMutation({
    mutationFn: () => {
      const what = { login: login.trim(), site, role: at.role as Role, reason: oneLine(reason) };
      return kind === 'known' ? api.invitePerson(what) : api.addPerson({ ...what, name: oneLine(name), ...(password === '' ? {} : { password }) });
    },
    onSuccess: (p) => { changed(p); onDone(p); },
  });
  const fresh = kind === 'new';
  const ready = login.trim() !== '' && at.role !== '' && reason.trim() !== '' && (!fresh || name.trim() !== '');
  return (
    <Form ready={ready} pending={run.isPending} error={run.error} button={fresh ? 'Add' : 'Give the role'} onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <div role="group" aria-label="Who" className={css.pair}>
            {([['new', 'Somebody new'], ['known', 'Has an account already']] as const).map(([v, label]) => (
              <button key={v} type="button" className={css.switch} aria-pressed={kind === v} onClick={() => { setKind(v); run.reset(); }}>{label}</button>
            ))}
          </div>
          {!fresh && <p className="label">Ask the person for their login: you see only the people of your own sites.</p>}
          <TextInput label="Login" value={login} onChange={(e) => setLogin(e.currentTarget.value)} maxLength={64} spellCheck={false} autoComplete="off" data-autofocus error={fieldError(run.error, 'login') ?? (tried && login.trim() === '' ? 'What they sign in with.' : undefined)} />
          {fresh && <TextInput label="Name" description="Printed under what they sign." value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={100} autoComplete="off" error={fieldError(run.error, 'name') ?? (tried && name.trim() === '' ? 'First and last name.' : undefined)} />}
          {fresh && <PasswordInput label="First password (optional)" description="At least 15 characters. Without one, nobody gets in until the person has enrolled." value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="new-password" error={fieldError(run.error, 'password')} />}
          <RoleChoice sites={sites} site={site} role={at.role} held={[]} tried={tried} onChange={setAt} />
          <Reason value={reason} onChange={setReason} tried={tried} />
        </>
      )}
    </Form>
  );
}
