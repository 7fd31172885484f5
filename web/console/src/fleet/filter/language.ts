import { blank, fold, valueChar, word } from './words';

/**
 * The language in which people say which pumps they mean, as package fleet/filter of the server has it: the page filters what it
 * shows by itself, so that it follows every change and every key at once. A test holds both to the same answers. What a field is
 * comes from the server (GET /pumps/fields).
 */

export interface Unit {
  readonly name: string;
  readonly base: number;
}

export interface Field {
  readonly name: string;
  readonly kind: 'choice' | 'name' | 'text' | 'number' | 'age' | 'left';
  readonly title: string;
  readonly doc: string;
  readonly ops: readonly string[];
  readonly values: readonly string[];
  readonly units: readonly Unit[];
}

export type Op = ':' | '=' | '!=' | '<' | '<=' | '>' | '>=';

export interface Value {
  /** Of a choice, name or text. */
  readonly text: string;
  /** Of a number or a length of time, in the field's base unit. */
  readonly n: bigint;
  /** Not known, or none. */
  readonly none: boolean;
}

export type Node =
  | { readonly t: 'and' | 'or'; readonly of: readonly Node[] }
  | { readonly t: 'not'; readonly of: Node }
  | { readonly t: 'text'; readonly text: string }
  | { readonly t: 'term'; readonly field: Field; readonly op: Op; readonly values: readonly Value[] };

/** What is wrong with a filter, and where: `at` and `len` count characters. */
export class FilterError extends Error {
  constructor(readonly at: number, readonly len: number, readonly reason: string, readonly allowed: readonly string[] = []) {
    super(`At character ${at + 1}: ${reason}${allowed.length > 0 ? ` Possible here: ${allowed.join(', ')}.` : ''}`);
  }
}

const MAX_LENGTH = 2000;
const MAX_TERMS = 200;
const MAX_DEPTH = 32;
const MAX_AGE = 100n * 366n * 86_400n;
const MAX_INT64 = 9_223_372_036_854_775_807n;

const bytes = (s: string) => new TextEncoder().encode(s).length;
const wordChar = (c: string) => !blank(c) && !'()":=<>!,'.includes(c);
const clip = (s: string) => ([...s].length > 40 ? `${[...s].slice(0, 40).join('')}…` : s);
const quoteGo = (s: string) => `"${s.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Reads a filter; null means all pumps. Throws a FilterError. */
export function parse(text: string, fields: readonly Field[]): Node | null {
  if (bytes(text) > MAX_LENGTH) throw new FilterError(0, 0, `The filter is longer than ${MAX_LENGTH} bytes.`);
  const p = new Parser([...text], fields);
  const node = p.whole();
  if (node && bytes(print(node)) > MAX_LENGTH) throw new FilterError(0, 0, `The filter is longer than ${MAX_LENGTH} bytes.`);
  return node;
}

function join(t: 'and' | 'or', parts: readonly Node[]): Node {
  const of = parts.flatMap((p) => (p.t === t ? p.of : [p]));
  return of.length === 1 ? of[0]! : { t, of };
}

/** Both of two filters. */
export function both(a: Node | null, b: Node | null): Node | null {
  return a === null ? b : b === null ? a : join('and', [a, b]);
}

/** The parts that must all be so. */
const conjuncts = (n: Node | null): readonly Node[] => (n === null ? [] : n.t === 'and' ? n.of : [n]);

/** Whether a term is one of the parts of a filter. */
export function hasTerm(n: Node | null, term: Node): boolean {
  const want = print(term);
  return conjuncts(n).some((p) => print(p) === want);
}

/** A filter with a further term; without it, if it is one of its parts. */
export function toggled(n: Node | null, term: Node): Node | null {
  if (!hasTerm(n, term)) return both(n, term);
  const want = print(term);
  const rest = conjuncts(n).filter((p) => print(p) !== want);
  return rest.length === 0 ? null : join('and', rest);
}

class Parser {
  private at = 0;
  private terms = 0;
  private readonly byName: ReadonlyMap<string, Field>;

  constructor(private readonly input: readonly string[], private readonly fields: readonly Field[]) {
    this.byName = new Map(fields.map((f) => [f.name, f]));
  }

  whole(): Node | null {
    // eslint-disable-next-line no-control-regex -- exactly those are refused
    const bad = this.input.findIndex((c) => /[\u0000-\u001F\u007F-\u009F]/.test(c) && !blank(c));
    if (bad >= 0) this.fail(bad, bad + 1, 'There is a character that cannot be seen.');
    this.blanks();
    if (this.end) return null;
    const n = this.or(0);
    if (!this.end) this.fail(this.at, this.at + 1, 'This parenthesis closes nothing.');
    return n;
  }

  private fail(from: number, to: number, reason: string, allowed: readonly string[] = []): never {
    throw new FilterError(from, Math.max(0, Math.min(to, this.input.length) - from), reason, allowed);
  }

  private get end() {
    return this.at >= this.input.length;
  }

  private get peek(): string {
    return this.input[this.at] ?? '';
  }

  private get closes(): boolean {
    return this.peek === ')';
  }

  private blanks() {
    while (!this.end && blank(this.peek)) this.at++;
  }

  private isKeyword(w: string): boolean {
    if (this.input.slice(this.at, this.at + w.length).join('') !== w) return false;
    const next = this.input[this.at + w.length];
    return next === undefined || !wordChar(next);
  }

  private keyword(w: string): boolean {
    if (!this.isKeyword(w)) return false;
    this.at += w.length;
    this.blanks();
    return true;
  }

  private or(depth: number): Node {
    const parts: Node[] = [];
    for (;;) {
      parts.push(this.and(depth));
      const at = this.at;
      if (!this.keyword('OR')) return join('or', parts);
      if (this.end || this.peek === ')') this.fail(at, at + 2, 'OR needs something on both sides.');
    }
  }

  private and(depth: number): Node {
    const parts: Node[] = [];
    for (;;) {
      parts.push(this.not(depth));
      this.blanks();
      const at = this.at;
      const said = this.keyword('AND');
      if (this.end || this.peek === ')' || this.isKeyword('OR')) {
        if (said) this.fail(at, at + 3, 'AND needs something on both sides.');
        return join('and', parts);
      }
    }
  }

  private not(depth: number): Node {
    if (depth > MAX_DEPTH) this.fail(this.at, this.at + 1, `The filter is nested more than ${MAX_DEPTH} deep.`);
    const at = this.at;
    for (const w of ['AND', 'OR']) if (this.isKeyword(w)) this.fail(at, at + w.length, `${w} needs something on both sides. To look for the word, put it in quotes.`);
    if (this.keyword('NOT')) {
      if (this.end || this.peek === ')') this.fail(at, at + 3, 'NOT needs something that is not meant.');
      return { t: 'not', of: this.not(depth + 1) };
    }
    if (this.peek !== '(') return this.term();
    this.at++;
    this.blanks();
    if (this.closes) this.fail(at, this.at + 1, 'There is nothing in these parentheses.');
    if (this.end) this.fail(at, at + 1, 'This parenthesis is never closed.');
    const n = this.or(depth + 1);
    if (!this.closes) this.fail(at, at + 1, 'This parenthesis is never closed.');
    this.at++;
    this.blanks();
    return n;
  }

  private term(): Node {
    if (++this.terms > MAX_TERMS) this.fail(this.at, this.at + 1, `The filter has more than ${MAX_TERMS} parts.`);
    const from = this.at;
    if (this.peek === '"') {
      const text = this.quoted();
      if (text === '') this.fail(from, this.at, 'These quotes are empty.');
      this.blanks();
      return { t: 'text', text };
    }
    const word = this.run(wordChar);
    if (word === '') this.unexpected();
    const to = this.at;
    this.blanks();
    const at = this.at;
    const op = this.op();
    if (op === null) {
      if (this.peek === ',') this.fail(this.at, this.at + 1, 'A comma stands between the values of a field. To look for a text with one, put it in quotes.');
      if (this.peek === '!') this.fail(this.at, this.at + 1, '! alone is no operator.', ['!=']);
      return { t: 'text', text: word };
    }
    const field = this.byName.get(word);
    if (!field) this.fail(from, to, `There is no field ${quoteGo(clip(word))}.`, near(word, this.fields));
    if (!field.ops.includes(op)) this.fail(at, at + op.length, `${field.name} cannot be asked for with ${op}.`, field.ops);
    this.blanks();
    const values: Value[] = [];
    for (;;) {
      const v = this.value(field, op);
      if (!values.some((o) => o.text === v.text && o.n === v.n && o.none === v.none)) values.push(v);
      if (this.peek !== ',') {
        this.blanks();
        return { t: 'term', field, op, values };
      }
      if (op !== ':' && op !== '=' && op !== '!=') this.fail(this.at, this.at + 1, `${op} takes one value.`);
      this.at++;
    }
  }

  private unexpected(): never {
    if (this.peek === ')') this.fail(this.at, this.at + 1, 'This parenthesis closes nothing.');
    if (this.peek === ',') this.fail(this.at, this.at + 1, 'A comma stands between the values of a field.');
    let to = this.at;
    while (to < this.input.length && ':=!<>'.includes(this.input[to]!)) to++;
    this.fail(this.at, to, `There is no field before ${this.input.slice(this.at, to).join('')}. To look for it as text, put it in quotes.`);
  }

  private run(ok: (c: string) => boolean): string {
    const from = this.at;
    while (!this.end && ok(this.peek)) this.at++;
    return this.input.slice(from, this.at).join('');
  }

  private op(): Op | null {
    for (const op of ['!=', '<=', '>=', ':', '=', '<', '>'] as const) {
      if (this.input.slice(this.at, this.at + op.length).join('') === op) {
        this.at += op.length;
        return op;
      }
    }
    return null;
  }

  private quoted(): string {
    const from = this.at;
    let s = '';
    for (this.at++; !this.end; this.at++) {
      const c = this.peek;
      if (c === '"') {
        this.at++;
        return s;
      }
      if (c === '\\') {
        this.at++;
        if (this.peek !== '"' && this.peek !== '\\') this.fail(this.at - 1, this.at + 1, 'A backslash in quotes stands before a quote or a backslash.', ['\\"', '\\\\']);
        s += this.peek;
      } else s += c;
    }
    this.fail(from, from + 1, 'These quotes are never closed.');
  }

  private value(f: Field, op: Op): Value {
    const from = this.at;
    const quoted = this.peek === '"';
    let s: string;
    if (quoted) s = this.quoted();
    else {
      s = this.run(valueChar);
      s += this.unitApart(f, s);
    }
    const to = this.at;
    if (s === '') this.fail(from, to, `${f.name}${op} needs a value.`, f.kind === 'choice' ? f.values : []);
    const none = !quoted && fold(s) === 'none' && !f.values.includes('none');
    const ordered = op !== ':' && op !== '=' && op !== '!=';
    if (none && ordered) this.fail(from, to, `What is not known is neither more nor less: ${f.name}:none asks for it.`);
    if (none && f.kind === 'choice') this.fail(from, to, `${f.name} is never none.`, f.values);
    if (none) return { text: '', n: 0n, none: true };
    if (f.kind === 'choice') {
      const v = fold(s);
      if (!f.values.includes(v)) this.fail(from, to, `${quoteGo(clip(s))} is no value of ${f.name}.`, f.values);
      return { text: v, n: 0n, none: false };
    }
    if (f.kind === 'number' || isSpan(f)) {
      if (isSpan(f) && !ordered) this.fail(from, to, 'A length of time is compared.', [`${f.name}:none`, `${f.name}>${clip(s)}`]);
      const n = readNumber(f, s);
      if (typeof n === 'string') this.fail(from, to, n, f.units.map((u) => u.name));
      return { text: '', n, none: false };
    }
    return { text: s, n: 0n, none: false };
  }

  /** The unit of a number that stands apart from it: "40 %". */
  private unitApart(f: Field, s: string): string {
    if (s === '' || (f.kind !== 'number' && !isSpan(f)) || !/^[0-9.]+$/.test(s)) return '';
    const at = this.at;
    this.blanks();
    const word = this.run(valueChar);
    if (word !== '' && f.units.length > 0 && unitOf(f, word)) return word;
    this.at = at;
    return '';
  }
}

/** Whether the field's values are lengths of time from now. */
const isSpan = (f: Field) => f.kind === 'age' || f.kind === 'left';

function unitOf(f: Field, s: string): Unit | null {
  if (s === '') return f.units.length === 0 ? { name: '', base: 1 } : isSpan(f) ? null : f.units[0]!;
  const plain = s.replace(/µ|μ|\/day|ml|ul|mv/g, (m) => ({ 'µ': 'u', 'μ': 'u', '/day': '/d', ml: 'mL', ul: 'uL', mv: 'mV' })[m]!);
  return f.units.find((u) => u.name === plain) ?? null;
}

/** A number with its unit in the base unit, or what is wrong with it. */
function readNumber(f: Field, text: string): bigint | string {
  const m = /^([0-9.]*)(.*)$/su.exec(text)!;
  const [, s, unitText] = m as unknown as [string, string, string];
  const point = s.indexOf('.');
  const whole = point < 0 ? s : s.slice(0, point);
  let frac = point < 0 ? '' : s.slice(point + 1);
  if (whole === '' || (point >= 0 && frac === '') || frac.includes('.')) return 'A number is written with digits, a dot before decimals, and its unit behind it.';
  const u = unitOf(f, unitText);
  if (!u) {
    if (unitText === '') return 'A length of time needs its unit.';
    return f.units.length === 0 ? `${f.name} has no unit.` : `${quoteGo(clip(unitText))} is no unit of ${f.name}.`;
  }
  const base = BigInt(u.base);
  const w = BigInt(whole);
  if (w > MAX_INT64 / base / 2n) return 'This number is too large.';
  let n = w * base;
  frac = frac.replace(/0+$/, '');
  let scale = base;
  for (const d of frac) {
    if (scale % 10n !== 0n) return `There are more decimals than ${f.name} has.`;
    scale /= 10n;
    n += BigInt(d) * scale;
  }
  if (isSpan(f) && n > MAX_AGE) return 'This is longer than anything here.';
  return n;
}

function writeNumber(f: Field, n: bigint): string {
  let u = f.units[0];
  if (!u) return n.toString();
  if (isSpan(f)) for (const larger of f.units) if (n % BigInt(larger.base) === 0n && n !== 0n) u = larger;
  const base = BigInt(u.base);
  const rest = n % base;
  const digits = base.toString().length - 1;
  return `${n / base}${rest === 0n ? '' : `.${rest.toString().padStart(digits, '0').replace(/0+$/, '')}`}${u.name}`;
}

/** The filter in its canonical form, which parses to the same filter. */
export function print(n: Node | null): string {
  if (n === null) return '';
  const inner = (c: Node, loose: boolean) => (loose ? `(${print(c)})` : print(c));
  switch (n.t) {
    case 'and': return n.of.map((c) => inner(c, c.t === 'or')).join(' ');
    case 'or': return n.of.map((c) => print(c)).join(' OR ');
    case 'not': return `NOT ${inner(n.of, n.of.t === 'and' || n.of.t === 'or')}`;
    case 'text': return word(n.text, !['AND', 'OR', 'NOT'].includes(n.text) && [...n.text].every(wordChar));
    case 'term': return `${n.field.name}${n.op}${n.values.map((v) => {
      if (v.none) return 'none';
      if (n.field.kind === 'number' || isSpan(n.field)) return writeNumber(n.field, v.n);
      return word(v.text, [...v.text].every(valueChar) && (fold(v.text) !== 'none' || n.field.values.includes('none')) && !v.text.startsWith('='));
    }).join(',')}`;
  }
}

function near(w: string, fields: readonly Field[]): string[] {
  const s = fold(w);
  const close = bytes(s) > 32 ? [] : fields.filter((f) => f.name.startsWith(s) || distance(s, f.name) <= 2).map((f) => f.name);
  return close.length > 0 ? close : fields.map((f) => f.name);
}

function distance(a: string, b: string): number {
  const x = new TextEncoder().encode(a);
  const y = new TextEncoder().encode(b);
  const row = Array.from({ length: y.length + 1 }, (_, j) => j);
  for (let i = 0; i < x.length; i++) {
    let diag = row[0]!;
    row[0] = i + 1;
    for (let j = 0; j < y.length; j++) {
      const cost = diag + (x[i] === y[j] ? 0 : 1);
      diag = row[j + 1]!;
      row[j + 1] = Math.min(cost, row[j]! + 1, row[j + 1]! + 1);
    }
  }
  return row[y.length]!;
}
