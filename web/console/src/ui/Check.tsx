import { type ComponentPropsWithRef, type ReactNode, useId } from 'react';

interface Props extends Omit<ComponentPropsWithRef<'input'>, 'type'> {
  label: ReactNode;
  description?: ReactNode;
  error?: ReactNode;
}

/** A box to be ticked, with the words that say for what. */
export function Check({ label, description, error, ...rest }: Props) {
  const id = useId();
  const told = [description ? `${id}d` : '', error ? `${id}e` : ''].filter(Boolean).join(' ');
  return (
    <div className="check">
      <input {...rest} id={id} type="checkbox" aria-describedby={told || undefined} aria-invalid={error ? true : undefined} />
      <div>
        <label htmlFor={id}>{label}</label>
        {description && <p id={`${id}d`} className="label">{description}</p>}
        {error && <p id={`${id}e`} className="checkError">{error}</p>}
      </div>
    </div>
  );
}
