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
