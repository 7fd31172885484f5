import type { LibraryVersion, Source } from '../api/library';
import type { Drug, DrugLimit } from '../api/orders';
import { groupWord, severityWord } from '../orders/words';
import table from '../ui/Table.module.css';
import { fieldName, mixtureName, sourceKey } from './diff';
import css from './library.module.css';
import { concText, confidenceWord, limitText, routeWord, shareText, timeText, type LimitField } from './words';

/** The entries of a version: every number with its unit and how much its source is worth, and the sources below. */
export function Entries({ of: v }: { of: LibraryVersion }) {
  const sources = new Map(v.annex.sources.map((s) => [sourceKey(s), s]));
  return (
    <>
      {v.library.drugs.map((d) => <Entry key={d.code} of={d} version={v} sources={sources} />)}
      {(v.library.mixtures ?? []).length > 0 && <Mixtures of={v} sources={sources} />}
    </>
  );
}

type Sources = ReadonlyMap<string, Source>;

function Worth({ of: s }: { of: Source | undefined }) {
  return <span className={css.worth} title={s?.source}>{s ? confidenceWord[s.confidence] : 'no source'}</span>;
}

function Entry({ of: d, version: v, sources }: { of: Drug; version: LibraryVersion; sources: Sources }) {
  const pace = v.annex.paces.find((p) => p.drug === d.code);
  const at = (field: string) => sources.get(sourceKey({ drug: d.code, field }));
  return (
    <section className={css.entry} aria-labelledby={`drug-${d.code}`}>
      <div className={css.entryHead}>
        <h3 id={`drug-${d.code}`}>{d.name}</h3>
        <span className={table.muted}>{d.class}</span>
        {d.restricted && <span className={table.tag} data-strong>Restricted: no dose can be ordered</span>}
        {v.library.sample && <span className={table.tag}>Sample, unapproved</span>}
        {d.alone && <span className={table.tag}>Alone, or in listed mixtures only</span>}
      </div>
      <dl>
        <div><dt className="label">Written in</dt><dd>{d.unit}, {d.decimals} decimals</dd></div>
        <div><dt className="label">Abrupt stop</dt><dd>{severityWord[d.withdrawal]}</dd></div>
        {!d.restricted && <div><dt className="label">Highest concentration</dt><dd>{concText(d.unit, d.max_conc_ng_ml) ?? 'none'}<Worth of={at('max_conc_ng_ml')} /></dd></div>}
        {(d.concs_ng_ml ?? []).length > 0 && <div><dt className="label">Standard concentrations</dt><dd>{d.concs_ng_ml!.map((c) => concText(d.unit, c)).join(', ')}</dd></div>}
        {!d.restricted && <div><dt className="label">Stable alone at 37 °C</dt><dd>{timeText(d.stability_s) ?? 'not known'}{timeText(d.stability_s) && <Worth of={at('stability_s')} />}</dd></div>}
        {pace && <div><dt className="label">Between increases</dt><dd>{timeText(pace.min_gap_s) ?? 'no least time'}<Worth of={at('min_gap_s')} /></dd></div>}
        {pace && pace.max_7d > 0 && <div><dt className="label">Increases in 7 days</dt><dd>at most {pace.max_7d}<Worth of={at('max_7d')} /></dd></div>}
        {d.fallback_permille > 0 && <div><dt className="label">One person may decrease by</dt><dd>{shareText(d.fallback_permille)}</dd></div>}
        {d.jurisdiction && <div><dt className="label">Jurisdiction</dt><dd>{d.jurisdiction}</dd></div>}
        <div><dt className="label">Source of the entry</dt><dd>{d.source}</dd></div>
      </dl>
      {(d.limits ?? []).length > 0 && <Limits of={d} sources={sources} />}
      <SourceList all={v.annex.sources.filter((s) => s.drug === d.code)} />
    </section>
  );
}

function Limits({ of: d, sources }: { of: Drug; sources: Sources }) {
  const cell = (x: DrugLimit, name: string, ...fields: LimitField[]) => {
    const there = fields.map((f) => [f, limitText(d, x, f)] as const).filter(([, text]) => text !== null);
    return <td data-name={name}>{there.length === 0 ? <span className={css.none}>none</span> : <span>{there.map(([f, text]) => <span key={f} className={table.under}>{f === 'ptm_min_lockout_s' ? `lockout ${text}` : f === 'ptm_max_24h' ? `${text} in 24 h` : text}<Worth of={sources.get(sourceKey({ drug: d.code, group: x.group, route: x.route, field: f }))} /></span>)}</span>}</td>;
  };
  return (
    <div className={table.wrap}>
      <table className={`${table.table} ${table.cards} ${css.numbers}`}>
        <caption className="sr-only">Limits of {d.name}</caption>
        <thead><tr><th scope="col">For</th><th scope="col">Route</th><th scope="col">Soft, 24 h</th><th scope="col">Hard, 24 h</th><th scope="col">Hard, 1 h</th><th scope="col">Soft step</th><th scope="col">Hard step</th><th scope="col">Soft, one bolus</th><th scope="col">Hard, one bolus</th><th scope="col">Patient boluses</th></tr></thead>
        <tbody>
          {d.limits!.map((x) => (
            <tr key={`${x.group}/${x.route}`}>
              <td data-name="For">{groupWord[x.group]}</td>
              <td data-name="Route">{routeWord[x.route]}</td>
              {cell(x, 'Soft, 24 h', 'soft_day_ng')}
              {cell(x, 'Hard, 24 h', 'hard_day_ng')}
              {cell(x, 'Hard, 1 h', 'hard_hour_ng')}
              {cell(x, 'Soft step', 'soft_step_ng', 'soft_step_permille')}
              {cell(x, 'Hard step', 'hard_step_ng', 'hard_step_permille')}
              {cell(x, 'Soft, one bolus', 'soft_bolus_ng')}
              {cell(x, 'Hard, one bolus', 'hard_bolus_ng')}
              {cell(x, 'Patient boluses', 'no_ptm', 'ptm_min_lockout_s', 'ptm_max_24h')}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Sources that say the same are told once, with the numbers that they are of. */
function SourceList({ all }: { all: readonly Source[] }) {
  if (all.length === 0) return null;
  const by = new Map<string, { source: Source; of: string[] }>();
  for (const s of all) {
    const key = `${s.source}|${s.confidence}`;
    const name = fieldName(s.field).toLowerCase();
    const got = by.get(key) ?? { source: s, of: [] };
    if (!got.of.includes(name)) got.of.push(name);
    by.set(key, got);
  }
  return <ul className={css.sources} aria-label="Sources">{[...by.values()].map(({ source: s, of }) => <li key={`${s.source}|${s.confidence}`}><b>{s.source}</b> ({confidenceWord[s.confidence]}): {of.join(', ')}</li>)}</ul>;
}

function Mixtures({ of: v, sources }: { of: LibraryVersion; sources: Sources }) {
  return (
    <section className={css.entry} aria-labelledby="mixtures">
      <div className={css.entryHead}><h3 id="mixtures">Mixtures whose stability is known</h3></div>
      <p className={table.muted}>Any other mixture keeps as long as its shortest ingredient and at most 90 days; one with a drug that is given alone cannot be ordered.</p>
      <div className={table.wrap}>
        <table className={`${table.table} ${table.cards}`}>
          <caption className="sr-only">Mixtures</caption>
          <thead><tr><th scope="col">Mixture</th><th scope="col">Stable at 37 °C</th><th scope="col">Source</th></tr></thead>
          <tbody>
            {v.library.mixtures!.map((m) => (
              <tr key={m.codes.join('+')}>
                <td data-name="Mixture">{mixtureName(v.library, m.codes)}</td>
                <td data-name="Stable"><span>{timeText(m.stability_s)}<Worth of={sources.get(sourceKey({ mixture: m.codes, field: 'stability_s' }))} /></span></td>
                <td data-name="Source">{m.source}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

