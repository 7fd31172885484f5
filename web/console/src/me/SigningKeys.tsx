import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SigningKey, trust } from '../api/orders';
import { words } from '../api/problem';
import type { Me, SignInKey } from '../api/types';
import { administers, hasAnyRole } from '../session/session';
import { isCancelled } from '../session/stepup';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Trouble } from '../ui/states';
import { Stamp } from '../ui/Time';
import css from './me.module.css';

/** Whether somebody's roles sign anything that a pump obeys; the server decides. */
const signs = (me: Me): boolean => hasAnyRole(me, ['prescriber', 'verifier', 'pharmacist', 'nurse']) && !administers(me);

/** Keys that sign doses, for whoever signs any; `settled` once they have been read, or could not be, or are of no use. */
export function useSigningKeys() {
  const wanted = signs(useMe());
  const query = useQuery({ queryKey: ['signing-keys'], queryFn: trust.keys, enabled: wanted, refetchInterval: 30_000 });
  return { wanted, query, settled: !wanted || !query.isPending };
}

/** Which of one's passkeys sign doses, and how another one comes to. */
export function SigningKeys({ passkeys }: { passkeys: readonly SignInKey[] }) {
  const me = useMe();
  const queries = useQueryClient();
  const { wanted, query } = useSigningKeys();
  const add = useMutation({ mutationFn: (k: SignInKey) => trust.addKey(k.id, k.name), onSuccess: () => void queries.invalidateQueries({ queryKey: ['signing-keys'] }) });
  if (!wanted) return null;
  const mine = (query.data?.items ?? []).filter((k) => k.person === me.login);
  const able = passkeys.filter((p) => p.kind === 'passkey' && !p.synced && p.revoked_at === null && !mine.some((k) => k.credential === p.credential));
  return (
    <section className={css.part} aria-labelledby="signing">
      <h2 id="signing" className="h2">Signing doses</h2>
      <p className="label">A pump obeys only the keys that its keyset lists. Two administrators sign each keyset; nobody else can make a key count.</p>
      {query.isError && !query.data && <Trouble what="Your signing keys" error={query.error} retry={() => void query.refetch()} />}
      {query.data && mine.length === 0 && able.length === 0 && <p><strong>No key of yours signs doses.</strong> Add a passkey that stays on its device; then you can let it sign.</p>}
      {(mine.length > 0 || able.length > 0) && (
        <ul className={css.list}>
          {mine.map((k) => <li key={k.id} className={css.item}><Listed of={k} /></li>)}
          {query.data && able.map((p) => (
            <li key={p.id} className={css.item}>
              <div>
                <p className={css.name}>{p.name}</p>
                <p>Signs you in, and no dose.</p>
              </div>
              <Button variant="default" size="compact-sm" loading={add.isPending && add.variables?.id === p.id} onClick={() => add.mutate(p)} aria-label={`Let it sign doses: ${p.name}`}>Let it sign doses</Button>
            </li>
          ))}
        </ul>
      )}
      {add.isError && !isCancelled(add.error) && <p role="alert" className={css.note}>{words(add.error)}</p>}
    </section>
  );
}

function Listed({ of: k }: { of: SigningKey }) {
  return (
    <div>
      <p className={css.name}>{k.label}{k.software && <span className="label"> software, counts in a demo only</span>}</p>
      {k.revoked_at !== null
        ? <p><strong>Signs no more:</strong> revoked <Stamp at={k.revoked_at} />{k.reason && <>, {k.reason}</>}.</p>
        : !k.holds ? <p><strong>Signs no more:</strong> its passkey was revoked. Pumps hear of it with the next keyset that two administrators sign.</p>
        : k.listed
          ? <p>Signs doses until <Stamp at={k.not_after} full />: the keyset in force lists it.</p>
          : <p><strong>Does not sign yet.</strong> Two administrators have to sign a keyset that lists it. Tell them; this page shows it when they have.</p>}
      <p className="label">Key <code title={k.key}>{k.key.slice(0, 12)}</code>, added <Stamp at={k.added_at} /></p>
    </div>
  );
}
