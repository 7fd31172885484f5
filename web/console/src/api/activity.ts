/**
 * Watching is not doing: a page that follows a pump asks the server every few seconds, and that must not keep the session of
 * someone who has walked away. Requests that nobody's hand has caused say so, and the server does not count them.
 */
const QUIET_MS = 30_000;

let lastInput = -Infinity;

function note() {
  lastInput = performance.now();
}

for (const event of ['pointerdown', 'keydown', 'wheel', 'touchmove']) window.addEventListener(event, note, { passive: true, capture: true });
note();

/** True when nobody has touched the page for a while. */
export function unattended(): boolean {
  return performance.now() - lastInput > QUIET_MS;
}

/** The server's name for a request that a page makes by itself. */
export const PASSIVE_HEADER = 'Cisterna-Passive';

let served = 0;

/** Notes that the server has answered something that somebody's hand has caused: the session lasts from then on. */
export function noteServed(request: Request, response: Response): void {
  if (response.status !== 401 && !request.headers.has(PASSIVE_HEADER)) served = Date.now();
}

/** When that was last, on this page's clock; 0 if never. */
export function lastServed(): number {
  return served;
}
