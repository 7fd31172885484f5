import { noteServed } from './activity';
import type { components } from './schema';

/**
 * Requests that the server holds back until somebody does something: sign for them, or sign in again. The parts of the page
 * that ask people register here, so that every request of the console waits for them and is then repeated.
 */
export type StepUpAsk = components['schemas']['StepUpAsk'];

export interface Gates {
  /** Has the ask signed and returns the header's value. Rejects with a Problem when it is not. */
  stepUp?: (ask: StepUpAsk) => Promise<string>;
  /** Lets the person sign in again; true when the same person has. */
  signedOut?: () => Promise<boolean>;
}

export const gates: Gates = {};

const STEP_UP_HEADER = 'Cisterna-Step-Up';
/** A signature that came too late is asked for again; more often than this, something is wrong. */
const TRIES = 3;

async function asked(response: Response): Promise<StepUpAsk | null> {
  if (response.status !== 403) return null;
  const problem = (await response.clone().json().catch(() => null)) as { code?: string; step_up?: StepUpAsk } | null;
  return problem?.code === 'step_up_required' && problem.step_up ? problem.step_up : null;
}

/** Sends a request and, where the server asks for a person first, once more when they have done it. */
export async function send(request: Request): Promise<Response> {
  const response = await pass(request);
  noteServed(request, response);
  return response;
}

async function pass(request: Request): Promise<Response> {
  const fresh = () => request.clone();
  let response = await fetch(fresh());
  const door = new URL(request.url).pathname.startsWith('/api/v1/session');
  if (response.status === 401 && !door && gates.signedOut && (await gates.signedOut())) response = await fetch(fresh());
  for (let i = 0; i < TRIES; i++) {
    const ask = await asked(response);
    if (!ask || !gates.stepUp) return response;
    const again = fresh();
    again.headers.set(STEP_UP_HEADER, await gates.stepUp(ask));
    response = await fetch(again);
  }
  return response;
}
