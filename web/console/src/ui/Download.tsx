import { useMutation } from '@tanstack/react-query';
import type { CSSProperties, MouseEvent, ReactNode } from 'react';
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
  href: string;
  children: ReactNode;
  className?: string | undefined;
  title?: string;
  style?: CSSProperties;
}

/**
 * A link to a file of the server. It is fetched as everything else is: where the session has ended one signs in first, and why
 * a file did not come is said. Pressed with a key that means another tab or a place to save, it is a plain link.
 */
export function Download({ href, children, className = 'link', ...rest }: Props) {
  const get = useMutation({ mutationFn: () => download(href), onSuccess: save });
  const press = (e: MouseEvent) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    if (!get.isPending) get.mutate();
  };
  return (
    <>
      <a {...rest} className={className} href={href} download data-screen aria-busy={get.isPending || undefined} onClick={press}>{children}</a>
      {get.isError && !isCancelled(get.error) && <span role="alert"> The file did not come. {words(get.error)}</span>}
    </>
  );
}
