import type { PumpStatus } from '../api/types';

/** What the status of a pump says when it is not simply in use. */
export const statusWord: Record<PumpStatus, string> = {
  registered: 'registered, not enrolled', active: '', revoked: 'revoked', explanted: 'explanted', retired: 'retired', manual: 'manual, no link',
};
