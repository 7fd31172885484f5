import { NativeSelect, type NativeSelectProps, TextInput, type TextInputProps } from '@mantine/core';

/** What stands in a line of a form that is longer than its words. */
export function Choice<T extends string>({ value, onChoose, ...rest }: Omit<NativeSelectProps, 'value' | 'onChange'> & { value: T; onChoose: (v: T) => void }) {
  return <NativeSelect {...rest} value={value} onChange={(e) => onChoose(e.currentTarget.value as T)} />;
}

/** A line of text in a form. */
export function Line({ value, onText, ...rest }: Omit<TextInputProps, 'value' | 'onChange'> & { value: string; onText: (v: string) => void }) {
  return <TextInput spellCheck={false} autoComplete="off" {...rest} value={value} onChange={(e) => onText(e.currentTarget.value)} />;
}

/** A calendar day, "2026-01-31". */
export function Day({ value, onText, ...rest }: Omit<TextInputProps, 'value' | 'onChange'> & { value: string; onText: (v: string) => void }) {
  return <TextInput type="date" {...rest} value={value} onChange={(e) => onText(e.currentTarget.value)} />;
}

/** Today by this computer's calendar. */
export function today(): string {
  const d = new Date();
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;
}
