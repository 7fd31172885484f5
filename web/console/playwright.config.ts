import { homedir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

// The one place that knows how the server under test is started: a demo of its own, with fresh data and ports that no other
// demo has. CISTERNA_BASE_URL points at a running one instead; it must be http://localhost, never a bare address.
const running = process.env.CISTERNA_BASE_URL;
const program = process.env.CISTERNA_BIN ?? '../../bin/cisterna';
// Five ports from here on, and data of their own, so that two runs on one machine do not meet. At the fifth, a test starts an OpenID
// provider (e2e/oidc.spec.ts).
const port = Number(process.env.CISTERNA_E2E_PORT ?? 8793);
const baseURL = running ?? `http://localhost:${port}`;
const home = process.getuid?.() === 0 ? '/var/lib' : join(homedir(), '.local/share');
const command = [
  program, 'demo', '--reset', '--data', join(home, `cisterna-e2e-${port}`), '--days', 2, '--http', `localhost:${port}`, '--mqtt', `127.0.0.1:${port + 1}`,
  '--enrol', `127.0.0.1:${port + 2}`, '--control', `127.0.0.1:${port + 3}`, '--log-level', 'warn',
  '--oidc-issuer', `http://localhost:${port + 4}`, '--oidc-client', 'cisterna', '--oidc-name', '"the organisation"',
].join(' ');

export default defineConfig({
  testDir: 'e2e',
  // The tests share one server and one fleet; those that change something use a pump of their own.
  workers: 1,
  reporter: 'list',
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: true,
  use: {
    baseURL,
    locale: 'en-GB',
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
      ],
    },
  },
  ...(running ? {} : {
    webServer: { command, url: `${baseURL}/readyz`, reuseExistingServer: false, timeout: 240_000, gracefulShutdown: { signal: 'SIGTERM' as const, timeout: 20_000 } },
  }),
});
