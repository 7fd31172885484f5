import { stateMeaning, stateWord } from '../orders/words';
import { presenceMeaning, presenceWord, runMeaning, runWord } from '../ui/Mark';

/** The words that screens use, with what they mean, in the groups in which people meet them. */
export interface Terms {
  readonly id: string;
  readonly title: string;
  readonly words: readonly (readonly [word: string, means: string])[];
}

const pair = <K extends string>(words: Record<K, string>, means: Record<K, string>) => (Object.keys(words) as K[]).map((k) => [words[k], means[k]] as const);

export const glossary: readonly Terms[] = [
  {
    id: 'alarms', title: 'Alarms',
    words: [
      ['High !!!', 'Somebody has to act at once: harm may come within minutes.'],
      ['Medium !!', 'Somebody has to act soon: harm may come within hours.'],
      ['Low !', 'Somebody has to know, and plan.'],
      ['Active', 'Its condition goes on, and nobody has said that they know.'],
      ['Acknowledged', 'Somebody knows. The condition goes on; nothing was cleared or silenced.'],
      ['Latched', 'The pump keeps it until somebody has dealt with it, even if its condition has passed.'],
      ['Cleared', 'Its condition has ended, by the pump’s own signed word or the server’s own rule.'],
    ],
  },
  { id: 'presence', title: 'Whether a pump is heard', words: pair(presenceWord, presenceMeaning) },
  { id: 'run', title: 'What a pump does', words: pair(runWord, runMeaning) },
  {
    id: 'status', title: 'Where a pump stands in its life',
    words: [
      ['Registered', 'It is in the register, and has not enrolled yet.'], ['Active', 'It has its certificate and may talk to the server.'],
      ['Revoked', 'Trust in it was withdrawn; its link is cut.'], ['Explanted', 'It was taken out of its patient.'],
      ['Retired', 'It is out of service for good.'], ['Manual', 'It has no link: people record what they read off it.'],
    ],
  },
  { id: 'orders', title: 'Where an order stands', words: pair(stateWord, stateMeaning) },
  {
    id: 'values', title: 'Values',
    words: [
      ['Struck through', 'The value is older than its limit. It is shown with its age, and is not what is so now.'],
      ['–', 'Not known. It is never shown as 0.'],
      ['Not current', 'The connection to the server is cut: nothing on the page has been renewed since the time in the banner.'],
      ['Sent', 'The bytes have left the server. Only the pump’s own signed answer says that it applied them.'],
      ['Gap', 'The pump says itself that it lost records, and which. Nothing is filled in for them.'],
      ['Checkpoint', 'A signed root over the whole record up to an entry. What is under it cannot be changed unnoticed.'],
    ],
  },
];
