import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { ReactNode } from 'react';
import { describe, expect, test } from 'vitest';
import { stamp } from '../units/time';
import ExactTimes from './ExactTimes';
import { Age, Ahead, Since, Stamp } from './Time';

const at = new Date(Date.now() - 3 * 60_000).toISOString();
const earlier = new Date(Date.now() - 5 * 3_600_000).toISOString();
const later = Date.now() + 3_600_000;
const exact = stamp(Date.parse(at));

const page = (children: ReactNode) => render(<main>{children}<ExactTimes /></main>);
const note = () => screen.queryByRole('tooltip')?.textContent ?? null;

describe('the exact time behind an age', () => {
  test('is there when the age has the focus of the keyboard, and goes with Escape', async () => {
    const user = userEvent.setup({ delay: null });
    page(<><p>heard <Age at={at} /></p><p>low in <Ahead at={later} past="now" /></p><p><Since at={earlier} /></p></>);
    const seen: (string | null)[] = [];
    for (let i = 0; i < 3; i++) {
      await user.tab();
      seen.push(note());
    }
    expect(seen).toEqual([exact, stamp(later), `since ${stamp(Date.parse(earlier))}`]);
    await user.keyboard('{Escape}');
    expect(note()).toBeNull();
    // A reader has it as the description of the time.
    expect(screen.getByText('3 min ago')).toHaveAccessibleDescription(exact);
  });

  test('is there when the age is pressed, and goes with a press elsewhere', async () => {
    const user = userEvent.setup({ delay: null });
    page(<><p><Age at={at} /></p><p>elsewhere</p></>);
    await user.pointer({ keys: '[TouchA]', target: screen.getByText('3 min ago') });
    expect(note()).toBe(exact);
    await user.pointer({ keys: '[TouchA]', target: screen.getByText('elsewhere') });
    expect(note()).toBeNull();
  });

  test('of every age in a row is the description of the row that has the focus, and none of them is a stop', async () => {
    const user = userEvent.setup({ delay: null });
    page(
      <div role="grid">
        {[1, 2].map((n) => <div key={n} role="row" tabIndex={n === 1 ? 0 : -1}><span role="gridcell"><Age at={at} /></span><span role="gridcell"><Age at={at} prefix="data " /></span><span role="gridcell"><Since at={earlier} /></span></div>)}
      </div>,
    );
    await user.tab();
    expect(screen.getAllByRole('row')[0]).toHaveFocus();
    expect(screen.getAllByRole('row')[0]).toHaveAccessibleDescription(`3 min ago: ${exact} for 5 h 00: since ${stamp(Date.parse(earlier))}`);
    await user.tab();
    expect(document.body).toHaveFocus();
    expect(note()).toBeNull();
    expect(screen.getAllByRole('row')[0]).not.toHaveAttribute('aria-describedby');
  });

  test('in an entry is told by its link, its button or its box; an entry without one has the age for a stop', async () => {
    const user = userEvent.setup({ delay: null });
    page(<ul><li><a href="#x">Order 1</a> by Anna, <Age at={at} /> <Stamp at={earlier} full /></li><li><a href="#y">Otis, <Age at={at} /></a></li><li>Signed in <Age at={at} /></li></ul>);
    const seen: (string | null)[] = [];
    for (let i = 0; i < 3; i++) {
      await user.tab();
      seen.push(`${document.activeElement!.tagName} ${[...screen.getByRole('tooltip').children].map((p) => p.textContent).join('|')}`);
    }
    expect(seen).toEqual([`A 3 min ago: ${exact}|${stamp(Date.parse(earlier))}`, `A 3 min ago: ${exact}`, `TIME ${exact}`]);
    await user.tab();
    expect(document.body).toHaveFocus();
  });

  test('is not told by what is focused with a pointer', async () => {
    const user = userEvent.setup({ delay: null });
    page(<ul><li><button type="button">Open</button> <Age at={at} /></li></ul>);
    await user.click(screen.getByRole('button'));
    expect(note()).toBeNull();
  });
});
