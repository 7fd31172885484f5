import { TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { ApiToken } from '../api/types';
import { useChange } from '../app/useChange';
import { useSites } from '../app/useSites';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import { Form, oneLine, Reason } from './forms';
import { MakeToken } from './MakeToken';
import css from './people.module.css';
import { type PeopleSearch, readPeopleSearch } from './search';

/** API tokens: one's own, and for who administers or audits a site all that reach it. */
export function Tokens({ search, all }: { search: PeopleSearch; all: boolean }) {
  const change = useChange(readPeopleSearch);
  const whose = all && search.whose === 'sites' ? 'sites' : 'mine';
  const list = useQuery({ queryKey: ['tokens', whose], queryFn: () => api.tokens(whose) });
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<ApiToken | null>(null);
  const items = list.data?.items ?? [];
  return (
    <section aria-label="API tokens" className={css.listing}>
      <p className={css.lead}>A token lets a program of yours use the API: for what you choose, at the sites you choose, and never with more than you may do yourself at that moment. It changes no people and signs nothing.</p>
      <div className={css.tools}>
        {all && (
          <div role="group" aria-label="Whose" className={css.pair}>
            {([['mine', 'My tokens'], ['sites', 'All at my sites']] as const).map(([v, name]) => (
              <button key={v} type="button" className={css.switch} aria-pressed={whose === v} onClick={() => change({ tab: 'tokens', whose: v === 'mine' ? undefined : v })}>{name}</button>
            ))}
          </div>
        )}
        <Button className={css.push} onClick={() => setMaking(true)}>Make a token</Button>
      </div>
      {list.isPending && <><Loading what="tokens" /><Ghost width="100%" height={96} /></>}
      {list.isError && <Trouble what="The list of tokens" error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && items.length === 0 && <Empty title={whose === 'mine' ? 'You have no tokens' : 'No token reaches your sites'}>Tokens are for scripts and other programs.</Empty>}
      {items.length > 0 && <ul className={css.people} aria-label="Tokens, newest first">{items.map((t) => <Row key={t.id} token={t} owner={whose === 'sites'} onRevoke={() => setEnding(t)} />)}</ul>}
      {making && <MakeToken onClose={() => setMaking(false)} />}
      {ending && <Dialog title={`Revoke the token ${ending.name}`} onClose={() => setEnding(null)}><RevokeForm token={ending} onClose={() => setEnding(null)} /></Dialog>}
    </section>
  );
}

function Row({ token: t, owner, onRevoke }: { token: ApiToken; owner: boolean; onRevoke: () => void }) {
  const me = useMe();
  const sites = useSites();
  const may = t.state === 'active' && (t.owner === me.id || t.sites.some((s) => hasRole(me, s, ['admin'])));
  return (
    <li className={css.token} data-shut={t.state !== 'active' || undefined}>
      <div className={css.who}>
        <span className={css.strong}>{t.name}</span>
        <span className="label">{owner ? <>of {t.owner_name}, </> : null}made <Stamp at={t.created_at} /></span>
      </div>
      <div className={css.what}>
        <p className={css.scopes}>{t.scopes.map((s) => <code key={s}>{s}</code>)}</p>
        <p className="label">at {t.sites.map((s) => sites.short(s)).join(', ')}</p>
      </div>
      <div className={css.when}>
        {t.state === 'active' && <p>until <Stamp at={t.expires_at} /></p>}
        {t.state === 'expired' && <p><strong>Expired</strong> <Stamp at={t.expires_at} /></p>}
        {t.state === 'revoked' && <p><strong>Revoked</strong> <Stamp at={t.revoked_at} /> <span className="label">by {actorName(t.revoked_by ?? '')}: “{t.reason}”</span></p>}
        <p className="label">{t.used_at ? <>last used <Age at={t.used_at} /> from {t.used_from}</> : 'never used'}</p>
      </div>
      <div className={css.act}>{may && <Button variant="subtle" size="compact-sm" onClick={onRevoke}>Revoke…<span className="sr-only"> {t.name}</span></Button>}</div>
    </li>
  );
}

function RevokeForm({ token, onClose }: { token: ApiToken; onClose: () => void }) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const run = useMutation({
    mutationFn: () => api.revokeToken(token.id, oneLine(reason)),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['tokens'] });
      onClose();
    },
  });
  const confirmed = typed.trim() === token.name;
  return (
    <Form ready={reason.trim() !== '' && confirmed} pending={run.isPending} error={run.error} button="Revoke" onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <p>Whatever uses this token gets no answers any more, from its next request on. It cannot be undone.</p>
          <Reason value={reason} onChange={setReason} tried={tried} first />
          <TextInput label={`Type the name ${token.name} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} spellCheck={false} autoComplete="off" error={tried && !confirmed ? `Type ${token.name} to confirm.` : undefined} />
        </>
      )}
    </Form>
  );
}
