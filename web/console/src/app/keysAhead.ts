const keys = ['Enter', 'Backspace', 'ArrowDown', 'ArrowUp', 'Escape'] as const;

/** What was typed ahead: letters, or a key that does something. */
export type Ahead = { readonly text: string } | { readonly key: (typeof keys)[number] };

/**
 * What is typed between the call of the palette and the moment its box has the focus. The palette comes in a part of its own, and
 * whoever calls it types at once: nothing of that may be lost, or go to the page behind it.
 */
export class KeysAhead {
  private waiting: Ahead[] = [];
  private reader: ((a: Ahead) => void) | null = null;
  private on = false;

  private readonly down = (e: KeyboardEvent) => {
    // A key with Ctrl is a command, and what an input method composes comes as one piece later.
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    const key = keys.find((k) => k === e.key);
    if (key) this.took(e, { key });
    else if (e.key.length === 1) this.took(e, { text: e.key });
  };

  private readonly paste = (e: ClipboardEvent) => this.took(e, { text: e.clipboardData?.getData('text') ?? '' });

  private took(e: Event, a: Ahead) {
    e.preventDefault();
    e.stopImmediatePropagation();
    if (this.reader) this.reader(a);
    else this.waiting.push(a);
  }

  /** From here on, what is typed is kept and nobody else gets it. */
  start() {
    if (this.on) return;
    this.on = true;
    document.addEventListener('keydown', this.down, true);
    document.addEventListener('paste', this.paste, true);
  }

  /** Gives what was kept, and then the rest as it comes. Answers how to end that. */
  read(reader: (a: Ahead) => void): () => void {
    this.reader = reader;
    this.waiting.splice(0).forEach(reader);
    return () => { if (this.reader === reader) this.reader = null; };
  }

  /** The box has the focus, or nobody wants it any more. */
  stop() {
    this.on = false;
    this.waiting = [];
    document.removeEventListener('keydown', this.down, true);
    document.removeEventListener('paste', this.paste, true);
  }
}
