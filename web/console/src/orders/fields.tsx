/** The unit beside the number, in every field that has one. */
export const unit = (text: string) => ({ rightSection: <span className="label">{text}</span>, rightSectionWidth: 72, rightSectionPointerEvents: 'none' as const, inputMode: 'decimal' as const });
