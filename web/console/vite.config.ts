import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import react from '@vitejs/plugin-react';

// The development server passes the API on to a running `cisterna demo`.
const server = process.env.CISTERNA_BASE_URL ?? 'http://localhost:8600';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/api': { target: server, ws: true } } },
  build: {
    target: 'es2023',
    // No data: URLs, so that the content security policy needs none for scripts, styles or fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test-setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    css: false,
    pool: 'threads',
    // Left to itself it keeps a processor free for somebody who edits: nobody does meanwhile, and of two that is half.
    maxWorkers: availableParallelism(),
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 180_000,
  },
});
