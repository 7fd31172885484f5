import { Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { RootSignature } from '../api/library';
import { isCancelled } from '../session/cancelled';
import css from './library.module.css';
import { Button } from '../ui/Button';
import { Why } from '../ui/Why';

/** Reads what `cisterna keys sign` prints; a sentence where it is not that. */
export function readSignature(text: string): RootSignature | string {
  try {
    const v = JSON.parse(text) as Partial<RootSignature>;
    if (typeof v.key !== 'string' || !/^[0-9a-f]{64}$/.test(v.key)) return 'The key’s id is missing: 64 hexadecimal digits.';
    if (typeof v.signature !== 'string' || !/^[A-Za-z0-9_-]{80,256}$/.test(v.signature)) return 'The signature is missing or cut off.';
    return { key: v.key, signature: v.signature };
  } catch {
    return 'Paste the whole line that the command printed, with its braces.';
  }
}

/** A signature that was made offline, with a key that the root names and that this server never sees. */
export function SignForm({ what, version, body, hash, run, onDone, onClose }: { what: 'library' | 'keyset'; version: string; body: string; hash: string; run: (s: RootSignature) => Promise<unknown>; onDone: () => void; onClose: () => void }) {
  const [text, setText] = useState('');
  const [tried, setTried] = useState(false);
  const read = readSignature(text);
  const act = useMutation({ mutationFn: (s: RootSignature) => run(s), onSuccess: onDone });
  const file = `${what}-${version}.body`;
  const key = what === 'library' ? 'pharmacist.key' : 'admin-a.key';
  const submit = () => {
    setTried(true);
    if (typeof read !== 'string') act.mutate(read);
  };
  return (
    <div className={css.form}>
      <ol className={css.form}>
        <li><strong>1.</strong> Take <a className="link" download={file} href={`data:text/plain,${body}`}>{file}</a> to the computer that holds the key.</li>
        <li><strong>2.</strong> There: <code>cisterna keys sign --key {key} --type {what} {file}</code>. It shows the content in words before it signs; compare its hash with <code>{hash}</code>.</li>
        <li><strong>3.</strong> Bring back the line that it prints.</li>
      </ol>
      <Textarea label="Line with key and signature" value={text} onChange={(e) => setText(e.currentTarget.value)} rows={3} spellCheck={false} autoComplete="off" error={tried && typeof read === 'string' ? read : undefined} data-autofocus />
      {act.isError && !isCancelled(act.error) && <p role="alert" className={css.note}><Why error={act.error} /></p>}
      <div className={css.acts}><Button variant="default" onClick={onClose}>Cancel</Button><Button onClick={submit} loading={act.isPending}>Bring the signature</Button></div>
    </div>
  );
}
