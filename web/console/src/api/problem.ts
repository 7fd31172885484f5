/** An answer that is not a success, in the words of RFC 9457, or a server that could not be reached at all (status 0). */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string | null = null,
    readonly code: string | null = null,
    readonly requestId: string | null = null,
    readonly fields: readonly { location: string; message: string }[] = [],
    /** Seconds to wait before another try, from Retry-After. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail ?? title);
  }

  /** What was refused about orders and their documents, by docs/orders.md; not among the fields. */
  codes: readonly { code: string; remedy: string }[] = [];

  static async from(response: Response, body?: unknown): Promise<Problem> {
    const b = (body ?? (await response.json().catch(() => null))) as Record<string, unknown> | null;
    const text = (v: unknown) => (typeof v === 'string' && v !== '' ? v : null);
    const wait = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
    const all = Array.isArray(b?.errors) ? (b.errors as { location: string; message: string; remedy?: string }[]) : [];
    const coded = (f: { location: string }) => f.location.startsWith('order.');
    const p = new Problem(
      response.status,
      text(b?.title) ?? `The server answered ${response.status}`,
      text(b?.detail),
      text(b?.code),
      text(b?.request_id) ?? response.headers.get('X-Request-Id'),
      all.filter((f) => !coded(f)),
      Number.isNaN(wait) ? null : wait,
    );
    p.codes = all.filter(coded).map((f) => ({ code: f.location.slice(6), remedy: f.remedy ?? '' }));
    return p;
  }

  static unreachable(cause: unknown): Problem {
    const p = new Problem(0, 'The server cannot be reached', 'Check the network. Nothing was changed.');
    p.cause = cause;
    return p;
  }

  /** A request that was to change something, and no answer came: it may have been done. */
  static unanswered(cause: unknown): Problem {
    const p = new Problem(0, 'No answer came', 'It is not known whether it was done. Look before you try again.', 'unanswered');
    p.cause = cause;
    return p;
  }
}

export function isUnanswered(err: unknown): boolean {
  return err instanceof Problem && err.code === 'unanswered';
}

export function isSignedOut(err: unknown): boolean {
  return err instanceof Problem && err.status === 401;
}

/** One sentence for people. */
export function words(err: unknown): string {
  const sentence = (s: string) => (/[.!?]$/.test(s) ? s : `${s}.`);
  if (err instanceof Problem) return err.detail && err.detail !== err.title ? `${sentence(err.title)} ${sentence(err.detail)}` : sentence(err.title);
  return 'Something in this page failed. Reload it; if it happens again, tell your administrator.';
}
