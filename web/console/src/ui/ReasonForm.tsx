import { Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { Button } from './Button';
import { Why } from './Why';

interface Props {
  /** What will happen, before anybody presses the button. */
  effect: string;
  button: string;
  label?: string;
  /** Fields beside the reason, and what is wrong with them. */
  children?: ReactNode;
  ready?: boolean;
  onTry?: () => void;
  run: (reason: string) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}

/** A form for an act that must be given a reason. What was typed stays when the server refuses. */
export function ReasonForm({ effect, button, label = 'Reason', children, ready = true, onTry, run, onDone, onClose }: Props) {
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const act = useMutation({ mutationFn: () => run(reason.trim().replaceAll(/\s+/g, ' ')), onSuccess: onDone });
  const missing = reason.trim() === '';
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    onTry?.();
    if (!missing && ready && !act.isPending) act.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <p>{effect}</p>
      {children}
      <Textarea label={label} value={reason} onChange={(e) => setReason(e.currentTarget.value)} rows={2} maxLength={300} error={tried && missing ? 'Say why; it goes into the record.' : undefined} {...(children ? {} : { 'data-autofocus': true })} />
      {act.isError && <p role="alert" className={alarmCss.problem}><Why error={act.error} /></p>}
      <div className={alarmCss.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={act.isPending}>{button}</Button>
      </div>
    </form>
  );
}
