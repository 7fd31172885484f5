import { Problem, words } from '../api/problem';

/** The codes of what a server or a pump refuses: docs/orders.md has each with its remedy. */
export const codesOf = (err: unknown): string[] => (err instanceof Problem ? [...new Set(err.codes.map((c) => c.code))] : []);

/** Remedies that a sentence does not say already. */
export function remediesFor(err: unknown, said: string): string[] {
  if (!(err instanceof Problem)) return [];
  const plain = (s: string) => s.toLowerCase().replaceAll(/[^a-z]+/g, ' ');
  return [...new Set(err.codes.map((c) => c.remedy))].filter((r) => r !== '' && !plain(said).includes(plain(r).trim()));
}

/** Why something was refused: the code to name it by, a sentence, and what to do about it. */
export function Why({ error, sentence = words }: { error: unknown; sentence?: (err: unknown) => string }) {
  const said = sentence(error);
  return (
    <>
      {codesOf(error).map((c) => <span key={c}><code>{c}</code> </span>)}
      {said}
      {remediesFor(error, said).map((r) => ` ${r}`)}
    </>
  );
}
