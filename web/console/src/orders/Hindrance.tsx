import css from './orders.module.css';
import { type useProof, uncheckable } from './proof';
import { RootForm } from './RootForm';

/** Why nothing may be signed or released here, if so, and what to do. */
export function Hindrance({ proof }: { proof: ReturnType<typeof useProof> }) {
  if (proof.isError) return <p role="alert" className={css.note}><strong>This browser could not check what would be signed.</strong> {uncheckable(proof.error)} Until it can, signing is off.</p>;
  const p = proof.data;
  if (!p?.hindrance) return null;
  return (
    <div role="alert" className={css.note}>
      <p><strong>{p.hindrance} Signing is off.</strong> Sign and release nothing; tell the engineers.</p>
      {p.root.state === 'other' && <RootForm known={p.root.known} named={p.root.named} document={p.named} demos={p.root.demos} />}
    </div>
  );
}
