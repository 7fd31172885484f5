import type uPlot from 'uplot';
import { clock, hourMinute, shortDay } from '../units/time';
import type { Gap } from './strip';
import type { Level, Moment } from './StripChart';

/** What a strip draws on the canvas beside its line. */

const scaled = (font: string) => font.replace(/^(\d+)px/, (_, n) => `${Number(n) * devicePixelRatio}px`);

/** 24-hour names of ticks; a day where a day begins. */
export function tickNames(ticks: readonly number[]): string[] {
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : 0;
  return ticks.map((t, i) => {
    const at = new Date(t * 1000);
    const midnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
    if (step >= 86_400 || (midnight && i > 0)) return shortDay(t * 1000);
    return step > 0 && step < 60 ? clock(t * 1000) : hourMinute(t * 1000);
  });
}

/** Diagonal lines, the sign of "nothing is known here". */
export function hatching(color: string): CanvasPattern | string {
  const px = Math.max(1, Math.round(devicePixelRatio));
  const tile = document.createElement('canvas');
  tile.width = 8 * px;
  tile.height = 8 * px;
  const c = tile.getContext('2d');
  if (!c) return color;
  c.strokeStyle = color;
  c.lineWidth = px;
  c.beginPath();
  for (const d of [-8, 0, 8]) {
    c.moveTo((d - 1) * px, 9 * px);
    c.lineTo((d + 9) * px, -px);
  }
  c.stroke();
  return c.createPattern(tile, 'repeat') ?? color;
}

export function drawGaps(u: uPlot, gaps: readonly Gap[], fill: CanvasPattern | string, ink: string, font: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const g of gaps) {
    const x0 = Math.max(bbox.left, u.valToPos(g.from / 1000, 'x', true));
    const x1 = Math.min(bbox.left + bbox.width, u.valToPos(g.to / 1000, 'x', true));
    if (x1 <= x0) continue;
    ctx.fillStyle = fill;
    ctx.fillRect(x0, bbox.top, Math.max(1, x1 - x0), bbox.height);
    if (x1 - x0 > 56 * devicePixelRatio) {
      ctx.fillStyle = ink;
      ctx.font = scaled(font);
      ctx.textAlign = 'center';
      ctx.textBaseline = 'top';
      ctx.fillText(g.lost ? 'lost' : 'no data', (x0 + x1) / 2, bbox.top + 4 * devicePixelRatio);
    }
  }
  ctx.restore();
}

export function drawLevel(u: uPlot, level: Level | undefined, ink: string, font: string): void {
  if (!level) return;
  const { ctx, bbox } = u;
  const y = Math.round(u.valToPos(level.value, 'y', true)) + 0.5;
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.fillStyle = ink;
  ctx.font = scaled(font);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  ctx.fillText(level.name, bbox.left + 6 * devicePixelRatio, y - 2 * devicePixelRatio);
  ctx.restore();
}

/** A dotted line down the strip at each moment; what it is stands in the lane above and in the list below. */
export function drawMoments(u: uPlot, moments: readonly Moment[], ink: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([devicePixelRatio, 3 * devicePixelRatio]);
  for (const m of moments) {
    const x = Math.round(u.valToPos(m.at / 1000, 'x', true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
