import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import type { Me } from '../api/types';
import { useAddress } from '../app/useAddress';
import { useTitle } from '../app/useTitle';
import { sessionQuery } from '../session/session';
import { Door } from './Door';
import { DoorPage } from './Page';
import { readSignInSearch } from './search';

const route = getRouteApi('/sign-in');

export default function SignIn() {
  useTitle('Sign in');
  const { to, ended } = useAddress(route.useSearch(), readSignInSearch);
  const router = useRouter();
  const queries = useQueryClient();
  const onEntered = async (me: Me) => {
    queries.setQueryData(sessionQuery.queryKey, me);
    // Somebody who may only enrol is led there, whatever they wanted to see.
    await router.navigate({ href: me.enrolling ? '/enrol' : to ?? '/', replace: true });
  };
  return (
    <DoorPage>
      <Door onEntered={onEntered} note={ended !== undefined && 'Your session has ended. Sign in to go on where you were.'}>
        <p className="label">New here, or your passkey is lost? <Link to="/enrol" search={{}} className="link">Enter a one-time code</Link></p>
      </Door>
    </DoorPage>
  );
}
