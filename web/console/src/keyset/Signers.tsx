import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { keysets } from '../api/library';
import type { Keyset, SigningKey } from '../api/orders';
import { useSites } from '../app/useSites';
import { administers, oversees } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { ReasonForm } from '../ui/ReasonForm';
import { Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { signingKeysQuery } from './queries';
import { daysText, rolesText } from './words';
import { serverNow } from '../units/clock';

/** The keys that a keyset lists, with what each signs and where; those that wait for the next one; those that were revoked. */
export function Signers({ of: k }: { of: Keyset }) {
  const me = useMe();
  const queries = useQueryClient();
  const sites = useSites();
  const keys = useQuery(signingKeysQuery);
  const [revoke, setRevoke] = useState<SigningKey | null>(null);
  const byText = new Map((keys.data?.items ?? []).map((x) => [x.public, x]));
  const place = new Map(k.sites.map((s) => [s.id, s.site]));
  const now = Math.floor(serverNow() / 1000);
  const waiting = (keys.data?.items ?? []).filter((x) => !x.listed && x.revoked_at === null);
  const revoked = (keys.data?.items ?? []).filter((x) => x.revoked_at !== null);
  const may = (x: SigningKey | undefined) => x !== undefined && x.revoked_at === null && (administers(me) || x.person === me.login);
  const act = (x: SigningKey) => <Button variant="default" size="compact-sm" onClick={() => setRevoke(x)}>Revoke…<span className="sr-only"> the key of {x.person}</span></Button>;
  return (
    <section aria-labelledby="signers" className={css.section}>
      <h2 id="signers" className="h2">Who signs</h2>
      {k.keyset.keys.length === 0 ? <p className={css.muted}>Nobody yet: keys join with the next keyset.</p> : (
        <div className={css.wrap}>
          <table className={`${css.table} ${css.cards}`}>
            <caption className="sr-only">Keys of keyset {k.version}</caption>
            <thead><tr><th scope="col">Person</th><th scope="col">May</th><th scope="col">At</th><th scope="col">Kind</th><th scope="col">Key ends</th><th scope="col">Key</th><th scope="col" data-screen><span className="sr-only">Acts</span></th></tr></thead>
            <tbody>
              {k.keyset.keys.map((r) => {
                const own = byText.get(r.key);
                return (
                  <tr key={`${r.key} ${r.sites?.[0] ?? ''}`}>
                    <td data-name="Person"><span>{r.person}{own?.label && <span className={`label ${css.under}`}>{own.label}</span>}</span></td>
                    <td data-name="May">{rolesText(r)}</td>
                    <td data-name="At">{(r.sites ?? []).length === 0 ? 'every site' : r.sites!.map((s) => sites.short(place.get(s) ?? 'another site')).join(', ')}</td>
                    <td data-name="Kind">{r.software ? <span className={css.tag}>Software key, demo only</span> : 'Passkey'}</td>
                    <td data-name="Key ends" className={css.fixed}><span>{new Date(r.not_after * 1000).toISOString().slice(0, 10)} <span className={`label ${css.under}`}>{daysText(r.not_after, now)}</span></span></td>
                    <td data-name="Key"><code>{own ? own.key.slice(0, 16) : r.key.slice(0, 24)}</code></td>
                    <td data-name="" data-screen>{own && may(own) ? act(own) : null}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {keys.isError && !keys.data && <Trouble what="The list of signing keys" error={keys.error} retry={() => void keys.refetch()} />}
      {waiting.length > 0 && <><h3 className="h2">Waiting for the next keyset</h3><ul className={css.list}>{waiting.map((x) => <li key={x.id} className={css.row}><span>{x.person}: {x.label || 'a key'}</span> <span className="label">added <Stamp at={x.added_at} />. It counts once two administrators have signed a keyset that lists it.</span>{may(x) && act(x)}</li>)}</ul></>}
      {revoked.length > 0 && <><h3 className="h2">Revoked</h3><ul className={css.list}>{revoked.map((x) => <li key={x.id}><span>{x.person}: {x.label || 'a key'}</span> <code>{x.key.slice(0, 16)}</code> <span className="label"><Stamp at={x.revoked_at} />: {x.reason}</span></li>)}</ul></>}
      {!oversees(me) && <p className="label">Of keys that wait or were revoked you see your own.</p>}
      {revoke && (
        <Dialog title={`Revoke a key of ${revoke.person}`} onClose={() => setRevoke(null)}>
          <ReasonForm effect="This server believes the key no more from now on. Pumps hear of it with the next keyset, which two administrators sign." button="Revoke" run={(reason) => keysets.revoke(revoke.id, reason)} onDone={() => { void queries.invalidateQueries({ queryKey: ['signing-keys'] }); void queries.invalidateQueries({ queryKey: ['keysets'] }); setRevoke(null); }} onClose={() => setRevoke(null)} />
        </Dialog>
      )}
    </section>
  );
}
