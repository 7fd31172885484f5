/** The address of a proposal: order is one's own that came back and is taken up. */
export interface ProposeSearch { order?: string }

export const readProposeSearch = (raw: Record<string, unknown>): ProposeSearch => (/^\d{1,18}$/.test(String(raw.order ?? '')) ? { order: String(raw.order) } : {});
