import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { download } from '../api/client';
import { words } from '../api/problem';
import { isCancelled } from '../session/cancelled';

/** Hands a file to the browser, to keep it where the person keeps files. */
export function save({ blob, name }: { blob: Blob; name: string }): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

interface Props {
  /** Where the API has it. */
  href: string;
  children: ReactNode;
  className?: string | undefined;
  title?: string;
}

/**
 * Keeps a file of the server. It is fetched as everything else is: whoever takes one out confirms that it is they, where the
 * session has ended one signs in first, and why a file did not come is said. It is no link, since an address alone opens none.
 */
export function Download({ href, children, className = 'link', ...rest }: Props) {
  const get = useMutation({ mutationFn: () => download(href), onSuccess: save });
  return (
    <>
      <button {...rest} type="button" className={className} data-screen aria-busy={get.isPending || undefined} onClick={() => !get.isPending && get.mutate()}>{children}</button>
      {get.isError && !isCancelled(get.error) && <span role="alert"> The file did not come. {words(get.error)}</span>}
    </>
  );
}
