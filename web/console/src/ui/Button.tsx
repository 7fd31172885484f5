import type { ComponentPropsWithRef, ReactNode } from 'react';

interface Props extends ComponentPropsWithRef<'button'> {
  /** What one most likely came for is filled; beside it, default; within lines of text and rows, subtle. */
  variant?: 'filled' | 'default' | 'subtle';
  size?: 'sm' | 'md' | 'compact-sm' | 'compact-md';
  /** What was asked for is on its way: it cannot be pressed again meanwhile. */
  loading?: boolean;
  fullWidth?: boolean;
  leftSection?: ReactNode;
  rightSection?: ReactNode;
}

/** A button. Our own and not Mantine's, which brings transitions and a loader of its own to every first page. */
export function Button({ variant = 'filled', size = 'sm', loading = false, fullWidth, leftSection, rightSection, disabled, className, children, type = 'button', ...rest }: Props) {
  return (
    <button
      // oxlint-disable-next-line react/button-has-type
      type={type} {...rest} className={className ? `btn ${className}` : 'btn'} disabled={disabled || loading}
      data-variant={variant} data-size={size} data-loading={loading || undefined} data-block={fullWidth || undefined}
    >
      {leftSection}
      <span>{children}</span>
      {rightSection}
    </button>
  );
}
