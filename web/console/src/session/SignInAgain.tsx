import { Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import type { Me } from '../api/types';
import { Door } from '../signin/Door';
import { Button } from '../ui/Button';
import { sessionQuery } from './session';
import css from './session.module.css';

/** Nothing of the page shows through: whoever passes by sees no patient. */
export default function SignInAgain({ me, onDone }: { me: Me; onDone: (same: boolean) => void }) {
  const queries = useQueryClient();
  const router = useRouter();
  const onEntered = (now: Me) => {
    if (now.id !== me.id || now.enrolling) {
      location.assign(now.enrolling ? '/enrol' : '/');
      return;
    }
    queries.setQueryData(sessionQuery.queryKey, now);
    void router.invalidate();
    onDone(true);
  };
  return (
    <Modal
      opened onClose={() => {}} title="Your session has ended" withCloseButton={false} closeOnEscape={false} closeOnClickOutside={false}
      overlayProps={{ color: 'var(--c-paper)', backgroundOpacity: 1 }}
    >
      <div className={css.form}>
        <p>Sign in again as <strong>{me.name}</strong> to go on where you were. What you typed is kept.</p>
        <Door onEntered={onEntered} only={me.login} />
        <Button variant="subtle" onClick={() => onDone(false)}>Leave this page</Button>
      </div>
    </Modal>
  );
}

