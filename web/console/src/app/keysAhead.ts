const keys = ['Enter', 'Backspace', 'ArrowDown', 'ArrowUp', 'Escape'] as const;

/** A page must not swallow what is typed for longer, whatever the network does. */
const PATIENCE_MS = 10_000;

/** What was typed ahead: letters, or a key that does something. */
export type Ahead = { readonly text: string } | { readonly key: (typeof keys)[number] };

/**
 * What is typed between the call of the palette and the moment its box has the focus. The palette comes in a part of its own, and
 * whoever calls it types at once: nothing of that may be lost, or go to the page behind it.
 */
export class KeysAhead {
  private waiting: Ahead[] = [];
  private reader: ((a: Ahead) => void) | null = null;
  private leave: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly down = (e: KeyboardEvent) => {
    // A key with Ctrl is a command, and what an input method composes comes as one piece later.
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    const key = keys.find((k) => k === e.key);
    if (key === 'Escape' && !this.reader) {
      e.preventDefault();
      e.stopImmediatePropagation();
      this.callOff();
    } else if (key) this.took(e, { key });
    else if (e.key.length === 1) this.took(e, { text: e.key });
  };

  private readonly paste = (e: ClipboardEvent) => this.took(e, { text: e.clipboardData?.getData('text') ?? '' });

  private readonly press = (e: Event) => {
    // An alert may be what says that the palette has not come, and offers to try again.
    if (!(e.target as Element | null)?.closest('[role="dialog"], [role="alert"]')) this.callOff();
  };

  private callOff() {
    this.leave?.();
    this.stop();
  }

  private took(e: Event, a: Ahead) {
    e.preventDefault();
    e.stopImmediatePropagation();
    if (this.reader) this.reader(a);
    else this.waiting.push(a);
  }

  /**
   * From here on, what is typed is kept and nobody else gets it. Whoever presses Escape or goes elsewhere with the pointer calls it off,
   * and so does a palette that does not come: the keys are the page's again, and `leave` is told.
   */
  start(leave: () => void) {
    if (this.leave) return;
    this.leave = leave;
    this.timer = setTimeout(() => this.callOff(), PATIENCE_MS);
    document.addEventListener('keydown', this.down, true);
    document.addEventListener('paste', this.paste, true);
    document.addEventListener('pointerdown', this.press, true);
  }

  /** Gives what was kept, and then the rest as it comes. Answers how to end that. */
  read(reader: (a: Ahead) => void): () => void {
    this.reader = reader;
    this.waiting.splice(0).forEach(reader);
    return () => { if (this.reader === reader) this.reader = null; };
  }

  /** The box has the focus, or nobody wants it any more. */
  stop() {
    this.leave = null;
    this.waiting = [];
    clearTimeout(this.timer);
    document.removeEventListener('keydown', this.down, true);
    document.removeEventListener('paste', this.paste, true);
    document.removeEventListener('pointerdown', this.press, true);
  }
}
