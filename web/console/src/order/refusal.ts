/** The answers of docs/protocol.md section 8 that a verifier can give, and the exception that carries one out of the depths. */

export type Code =
  | 'applied' | 'E_RETAINED' | 'E_SIZE' | 'E_FORMAT' | 'E_VERSION' | 'E_RATE' | 'E_AUD' | 'E_EPOCH' | 'E_PATIENT' | 'E_REPLAY' | 'E_KEYSET'
  | 'E_SIG' | 'E_KEY' | 'E_REVOKED' | 'E_DUP_SIGNER' | 'E_ROLE' | 'E_CTR' | 'E_WITHDRAWN' | 'E_WINDOW' | 'E_NOTYET' | 'E_EXPIRED' | 'E_CAS'
  | 'E_LIB' | 'E_ARITH' | 'E_LIMIT' | 'E_VOLUME' | 'E_BRIDGE' | 'E_BOUNDS' | 'E_QUORUM' | 'E_STATE' | 'E_BUSY' | 'E_FULL' | 'E_ROOT'
  | 'E_LIBRARY' | 'E_OLDER';

/** A document is refused. The message says which part of it is wrong, for engineers; people read the code's remedy. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: Code;

  constructor(code: Code, why: string) {
    super(`${code}: ${why}`);
    this.code = code;
  }
}

export function refuse(code: Code, why: string): never {
  throw new Refusal(code, why);
}

/** Refuses unless the condition holds. */
export function must(holds: boolean, code: Code, why: string): asserts holds {
  if (!holds) throw new Refusal(code, why);
}

/** Runs a part and gives its refusals another code: whatever is wrong in a keyset is E_KEYSET. Everything else passes through. */
export async function as<T>(code: Code, part: () => T | Promise<T>): Promise<T> {
  try {
    return await part();
  } catch (err) {
    if (err instanceof Refusal) throw new Refusal(code, err.message);
    throw err;
  }
}
