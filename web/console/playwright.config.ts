import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

// The one place that knows how the servers under test are started: a demo for each worker, with fresh data and ports that no other
// demo has, so that what one worker does to its fleet the other never meets. CISTERNA_BASE_URL points at a running one instead, for one
// worker; it must be http://localhost, never a bare address.
const running = process.env.CISTERNA_BASE_URL;
const program = process.env.CISTERNA_BIN ?? '../../bin/cisterna';
// A browser and a demo take one processor between them: half of their time is waiting for each other.
const workers = running ? 1 : Number(process.env.CISTERNA_E2E_WORKERS ?? Math.min(4, availableParallelism()));
// Five ports from here on for each demo. At the fifth, a test starts an OpenID provider (e2e/oidc.spec.ts).
const first = Number(process.env.CISTERNA_E2E_PORT ?? 8793);
const ports = Array.from({ length: workers }, (_, i) => first + 5 * i);
const home = process.getuid?.() === 0 ? '/var/lib' : join(homedir(), '.local/share');
const command = (port: number) => [
  program, 'demo', '--reset', '--data', join(home, `cisterna-e2e-${port}`), '--days', 2, '--http', `localhost:${port}`, '--mqtt', `127.0.0.1:${port + 1}`,
  '--enrol', `127.0.0.1:${port + 2}`, '--control', `127.0.0.1:${port + 3}`, '--log-level', 'warn',
  '--oidc-issuer', `http://localhost:${port + 4}`, '--oidc-client', 'cisterna', '--oidc-name', '"the organisation"',
].join(' ');
// Each worker reads this file anew and knows its place.
const mine = ports[Number(process.env.TEST_PARALLEL_INDEX ?? 0)] ?? first;

export default defineConfig({
  testDir: 'e2e',
  // The tests of a worker share one server and one fleet; those that change something use a pump of their own.
  workers,
  reporter: 'list',
  // A busy machine makes a test slow and not wrong: what must be quick is measured elsewhere (make bench).
  timeout: 360_000,
  expect: { timeout: 20_000 },
  forbidOnly: true,
  // In a demo something happens to some pump every few seconds, by chance: what fails once is tried with another one, and reported as flaky.
  retries: 1,
  use: {
    baseURL: running ?? `http://localhost:${mine}`,
    locale: 'en-GB',
    viewport: { width: 1440, height: 900 },
    // What moves is painted anew all the time, which a machine without a graphics processor pays for.
    contextOptions: { reducedMotion: 'reduce' },
    // A trace takes a seventh of the processor's time, and pictures of every frame a third: only what is tried again has one, without them.
    // What stood on the page when a test failed is in its error-context.md in any case.
    trace: { mode: 'on-first-retry', screenshots: false, sources: false },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
      ],
    },
  },
  ...(running ? {} : {
    // Its server answers before all of its pumps are registered: ready is when it says so.
    webServer: ports.map((port) => ({ command: command(port), wait: { stdout: /Ctrl-C stops everything/ }, timeout: 240_000, gracefulShutdown: { signal: 'SIGTERM' as const, timeout: 20_000 } })),
  }),
});
