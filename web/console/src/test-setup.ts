import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterEach } from 'vitest';

afterEach(cleanup);
// A small machine that is busy must not fail a test.
configure({ asyncUtilTimeout: 60_000 });

// What jsdom lacks and Mantine asks for.
window.matchMedia = (query: string) => ({
  matches: false, media: query, onchange: null, addEventListener: () => {}, removeEventListener: () => {}, addListener: () => {}, removeListener: () => {},
  dispatchEvent: () => false,
});
window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
window.HTMLElement.prototype.scrollIntoView = () => {};
window.scrollTo = () => {};
// Virtual lists measure their scroller; without a layout it is as tall as a window.
Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 720 });
Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, get: () => 1280 });
// A canvas that takes every stroke and shows nothing.
const pen = new Proxy({} as Record<string, unknown>, { get: (t, k: string) => t[k] ?? (() => ({ width: 0 })), set: (t, k: string, v) => ((t[k] = v), true) });
HTMLCanvasElement.prototype.getContext = (() => pen) as unknown as typeof HTMLCanvasElement.prototype.getContext;
window.Path2D = class {
  rect() {}
  moveTo() {}
  lineTo() {}
  arc() {}
  closePath() {}
  bezierCurveTo() {}
} as unknown as typeof Path2D;
