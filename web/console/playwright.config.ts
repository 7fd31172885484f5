import { defineConfig } from '@playwright/test';

// The one place that knows how the server under test is started. CISTERNA_BASE_URL points at a running one instead;
// it must be http://localhost, never a bare address.
const running = process.env.CISTERNA_BASE_URL;
const command = process.env.CISTERNA_E2E_COMMAND ?? '../../bin/cisterna demo --e2e --http localhost:8793';
const baseURL = running ?? 'http://localhost:8793';

export default defineConfig({
  testDir: 'e2e',
  // The tests share one server and one fleet; those that change something use a pump of their own.
  workers: 1,
  reporter: 'list',
  timeout: 30_000,
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
    webServer: { command, url: `${baseURL}/readyz`, reuseExistingServer: false, timeout: 120_000, gracefulShutdown: { signal: 'SIGTERM' as const, timeout: 20_000 } },
  }),
});
