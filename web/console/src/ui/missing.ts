/** Whether a part of the page that is shown has not come (part.tsx), now; whoever asks prints or signs what it shows. */
export const isPartMissing = (): boolean => document.querySelector('main [data-missing]') !== null;
