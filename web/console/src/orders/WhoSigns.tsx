import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { trust } from '../api/orders';
import { useMe } from '../session/useMe';
import { Choice } from '../ui/Field';
import { chooseKey, chosenKey } from './sign';

/** With which key the person is about to sign, or what is missing until they can. */
export function WhoSigns() {
  const me = useMe();
  const [choice, setChoice] = useState(() => chosenKey(me.login));
  const keys = useQuery({ queryKey: ['signing-keys'], queryFn: trust.keys, staleTime: 30_000 });
  if (!keys.data) return null;
  const mine = keys.data.items.filter((k) => k.person === me.login && k.holds);
  const passkeys = mine.filter((k) => !k.software && k.listed);
  const passkey = passkeys.find((k) => k.key === choice) ?? passkeys[0];
  if (passkey && passkeys.length > 1) {
    return <Choice label="Sign with" value={passkey.key} onChoose={(key) => { chooseKey(me.login, key); setChoice(key); }} data={passkeys.map((k) => ({ value: k.key, label: k.label }))} />;
  }
  if (passkey) return <p className="label">Your passkey “{passkey.label}” signs. It asks for your fingerprint, face or PIN.</p>;
  if (me.demo) return <p className="label">This demo signs with a software key that this browser keeps. To sign as in a clinic, add a passkey and let it sign doses under <Link className="link" to="/me">Your security</Link>.</p>;
  return (
    <p>
      <strong>No key of yours counts.</strong> {mine.some((k) => !k.software) ? 'Two administrators have to sign the keyset that lists your passkey.' : 'A pump obeys only keys that its keyset lists.'} See <Link className="link" to="/me">Your security</Link>.
    </p>
  );
}
