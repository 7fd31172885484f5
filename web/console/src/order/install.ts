import { readKeyset, readLibrary, readRoot, quorumMet, type Keyset, type Library, type Root, type Signed } from './trust';
import { as, must, Refusal } from './refusal';
import type { Verdict, View } from './view';

/** Documents of trust as they arrive: dn/keyset, dn/library and dn/root (docs/protocol.md section 2). */

/** Reads a keyset and checks that it is signed under this root. */
export function trustedKeyset(root: Root, raw: Uint8Array): Promise<Signed<Keyset>> {
  return as('E_KEYSET', async () => {
    const k = await readKeyset(raw, root.demo);
    must(await quorumMet(root.keyset, 'keyset', k.body, k.signatures), 'E_SIG', 'not signed by the quorum');
    return k;
  });
}

export function trustedLibrary(root: Root, raw: Uint8Array): Promise<Signed<Library>> {
  return as('E_LIBRARY', async () => {
    const l = await readLibrary(raw);
    must(await quorumMet(root.library, 'library', l.body, l.signatures), 'E_SIG', 'not signed by the quorum');
    return l;
  });
}

/** Reads a root that signs itself: the first one of a pump, known by its hash from the claim slip. */
export function selfSignedRoot(raw: Uint8Array): Promise<Signed<Root>> {
  return as('E_ROOT', async () => {
    const r = await readRoot(raw);
    must(await quorumMet(r.doc.root, 'root', r.body, r.signatures), 'E_SIG', 'not signed by itself');
    return r;
  });
}

/** Reads the successor of a root. */
export function succeedingRoot(root: Root, raw: Uint8Array): Promise<Signed<Root>> {
  return as('E_ROOT', async () => {
    const next = await selfSignedRoot(raw);
    must(await quorumMet(root.root, 'root', next.body, next.signatures), 'E_SIG', 'not signed by the root before');
    must(next.doc.version === root.version + 1n, 'E_FORMAT', 'not the next version');
    must(root.demo || !next.doc.demo, 'E_FORMAT', 'a demo after a real root');
    return next;
  });
}

/** What a pump answers to a document of trust. */
export async function verifyTrust(view: View, topic: 'dn/keyset' | 'dn/library' | 'dn/root', raw: Uint8Array): Promise<Verdict> {
  const end = (code: string, why: string): Verdict => ({
    code, why, step: 0, class: 0, burned: false, cached: false, document: undefined, prescription: undefined,
  });
  const root = view.root.doc;
  try {
    if (topic === 'dn/root') await succeedingRoot(root, raw);
    else {
      const [next, inForce] = topic === 'dn/keyset' ? [await trustedKeyset(root, raw), view.keyset] : [await trustedLibrary(root, raw), view.library];
      must(inForce === undefined || next.doc.version >= inForce.doc.version, 'E_OLDER', 'older than the one in force');
    }
    return end('applied', '');
  } catch (err) {
    if (err instanceof Refusal) return end(err.code, err.message);
    throw err;
  }
}
