import { hashIn, hex, utf8, type Bytes } from './bytes';

/** The ids that orders have of patients and sites: made from the token and the number that people know, so that a page can check that a name is of an id. */

/** 16 bytes in hexadecimal, of a patient's token. */
export const patientId = async (token: string): Promise<string> => hex(await hashIn('pump.patient.v1', utf8(token))).slice(0, 32);

/** 16 bytes in hexadecimal, of a site's number. */
export async function siteId(site: string): Promise<string> {
  const b = new Uint8Array(8) as Bytes;
  new DataView(b.buffer).setBigUint64(0, BigInt(site));
  return hex(await hashIn('pump.site.v1', b)).slice(0, 32);
}
