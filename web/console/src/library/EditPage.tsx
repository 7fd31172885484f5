import { Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useBlocker, useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { libraries, type LibraryVersion } from '../api/library';
import { Problem, words } from '../api/problem';
import { useTitle } from '../app/useTitle';
import { isCancelled } from '../session/cancelled';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Line } from '../ui/Field';
import { Icon } from '../ui/Icon';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import table from '../ui/Table.module.css';
import { draftOf, emptyDrug, partOf, placeOf, readDraft, type Draft } from './draft';
import { DrugForm } from './DrugForm';
import { ErrorSummary } from './ErrorSummary';
import css from './library.module.css';
import { MixturesForm } from './MixturesForm';
import { mayLibrary } from './words';

const fresh = getRouteApi('/frame/library/new');
const change = getRouteApi('/frame/library/$version/edit');

/** A new draft that begins with what another version says. */
export function NewDraft() {
  const { from } = fresh.useSearch();
  return <Loaded version={from ?? ''} draft={false} />;
}

/** One's own draft, changed. */
export default function EditPage() {
  return <Loaded version={change.useParams().version} draft />;
}

function Loaded({ version, draft }: { version: string; draft: boolean }) {
  const title = draft ? `Draft of version ${version}` : 'New version of the drug library';
  useTitle(title);
  const me = useMe();
  const q = useQuery({ queryKey: ['libraries', 'base', version], queryFn: () => libraries.get(version), staleTime: Infinity, gcTime: 0, enabled: version !== '' });
  const back = <Link className="link" to="/library" search={{}}>All versions</Link>;
  if (!mayLibrary.write(me)) return <Empty page title="The drug library is written by pharmacists" action={back} />;
  if (version === '') return <Empty page title="A new version begins with an older one" action={back}>Open the version that it shall begin with, and draft a new one from there.</Empty>;
  if (q.isPending) return <div className={table.page}><Loading page={title} what="the version" /><Ghost width="100%" height={320} /></div>;
  if (q.isError && q.error instanceof Problem && q.error.status === 404) return <Empty page title="There is no such version" action={back} />;
  if (!q.data) return <Trouble page={title} what="The version" error={q.error} retry={() => void q.refetch()} />;
  if (draft && (q.data.state !== 'draft' || q.data.author_id !== me.id)) return <Empty page title={`Version ${version} cannot be changed`} action={back}>Only its author changes a draft, and nobody changes what was handed over.</Empty>;
  return <Editor base={q.data} own={draft} title={title} />;
}

type Part = { part: 'drugs' | 'mixtures'; index: number };

function Editor({ base, own, title }: { base: LibraryVersion; own: boolean; title: string }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Draft>(() => draftOf(base, own ? base.note : ''));
  const [touched, setTouched] = useState(false);
  const [part, setPart] = useState<Part>({ part: 'drugs', index: 0 });
  const [errors, setErrors] = useState<ReadonlyMap<string, string>>(new Map());
  const summary = useRef<HTMLDivElement>(null);
  const saved = useRef(false);
  const edit = (d: Draft) => { setDraft(d); setTouched(true); };
  useBlocker({ shouldBlockFn: () => touched && !saved.current && !window.confirm('Leave without saving the draft?'), enableBeforeUnload: () => touched && !saved.current });
  const show = (found: ReadonlyMap<string, string>) => {
    setErrors(found);
    requestAnimationFrame(() => summary.current?.focus());
  };
  const save = useMutation({
    mutationFn: () => {
      const { body } = readDraft(draft);
      return own ? libraries.change(base.version, { ...body, rev: base.rev }) : libraries.draft(body);
    },
    onSuccess: (v) => {
      saved.current = true;
      void queries.invalidateQueries({ queryKey: ['libraries'] });
      void navigate({ to: '/library/$version', params: { version: v.version }, search: {} });
    },
    onError: (e) => {
      if (!(e instanceof Problem)) return;
      const read = readDraft(draft);
      show(new Map(e.fields.map((f) => [placeOf(f.location, read), f.message])));
    },
  });
  const submit = () => {
    const { wrong } = readDraft(draft);
    if (wrong.size > 0) return show(wrong);
    setErrors(new Map());
    save.mutate();
  };
  const go = (place: string) => {
    const to = partOf(place);
    if (to) setPart(to);
    requestAnimationFrame(() => (document.getElementsByName(place)[0] ?? document.getElementsByName(place.replace(/\[\d+\]$/, ''))[0] ?? document.getElementById(place))?.focus());
  };
  const at = `library.drugs[${part.index}]`;
  const d = part.part === 'drugs' ? draft.drugs[part.index] : undefined;
  const wrongIn = (p: string) => [...errors.keys()].filter((k) => k.startsWith(p)).length;
  return (
    <div className={table.page}>
      <div className={table.head}>
        <div><Link to="/library" search={{}} className={table.back}><Icon name="left" /> Drug library</Link><h1 className="h1">{title}</h1><p className={table.muted}>{own ? 'Nobody but you works with a draft.' : `It begins with what version ${base.version} says.`} Numbers that are left empty set no limit; hard limits are needed.</p></div>
      </div>
      <ErrorSummary of={errors} problem={save.isError && !isCancelled(save.error) && errors.size === 0 ? words(save.error) : null} draft={draft} onGo={go} ref={summary} />
      <div className={css.fields}>
        <Line label="Name of the version" name="library.name" value={draft.name} onText={(name) => edit({ ...draft, name })} error={errors.get('library.name')} />
        <Textarea label="What changes and why" name="note" value={draft.note} onChange={(e) => edit({ ...draft, note: e.currentTarget.value })} rows={2} maxLength={1000} error={errors.get('note')} />
        <Check label="Sample, unapproved: no patient is treated by it" checked={draft.sample} onChange={(e) => edit({ ...draft, sample: e.currentTarget.checked })} />
      </div>
      <div className={css.edit}>
        <nav className={css.picks} aria-label="Entries of the draft">
          {draft.drugs.map((x, i) => <button key={x.key} type="button" aria-current={part.part === 'drugs' && part.index === i ? 'true' : undefined} onClick={() => setPart({ part: 'drugs', index: i })}><span>{x.name || 'New drug'}</span>{wrongIn(`library.drugs[${i}]`) > 0 ? <span className="label">{wrongIn(`library.drugs[${i}]`)} to mend</span> : x.restricted ? <span className="label">restricted</span> : null}</button>)}
          <button type="button" aria-current={part.part === 'mixtures' ? 'true' : undefined} onClick={() => setPart({ part: 'mixtures', index: 0 })}><span>Mixtures</span><span className="label">{wrongIn('library.mixtures') > 0 ? `${wrongIn('library.mixtures')} to mend` : draft.mixtures.length}</span></button>
          <div className={css.acts}><Button variant="default" size="compact-sm" style={{ marginTop: 8 }} onClick={() => { edit({ ...draft, drugs: [...draft.drugs, emptyDrug(Math.max(999, ...draft.drugs.map((x) => Number(x.code) || 0)) + 1)] }); setPart({ part: 'drugs', index: draft.drugs.length }); }}>Add a drug</Button></div>
        </nav>
        <section aria-label={d ? d.name || 'New drug' : 'Mixtures'}>
          <h2 className="h2">{d ? d.name || 'New drug' : 'Mixtures whose stability is known'}</h2>
          {d && <DrugForm key={d.key} of={d} at={at} errors={errors} onChange={(x) => edit({ ...draft, drugs: draft.drugs.map((y, i) => (i === part.index ? x : y)) })} onRemove={() => { edit({ ...draft, drugs: draft.drugs.filter((_, i) => i !== part.index) }); setPart({ part: 'drugs', index: 0 }); }} />}
          {part.part === 'mixtures' && <MixturesForm of={draft} errors={errors} onChange={(mixtures) => edit({ ...draft, mixtures })} />}
        </section>
      </div>
      <div className={css.bar}>
        <Button onClick={submit} loading={save.isPending}>Save the draft</Button>
        <Button variant="default" onClick={() => void navigate({ to: '/library', search: {} })}>Leave</Button>
        <span className="label">{errors.size > 0 ? `${errors.size} to mend` : touched ? 'Not saved yet.' : 'Nothing changed yet.'}</span>
      </div>
    </div>
  );
}
