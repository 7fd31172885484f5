import type { RunState } from '../api/types';

/**
 * Whether the rate is a dose of what the reservoir holds. While a bridge runs the tip gives the old fluid, whose strength is
 * another, and a priming fills the catheter: then no dose is computed from the reservoir's contents.
 */
export const givesReservoir = (run: RunState | null): boolean => run !== 'bridge' && run !== 'priming';
