/** What one row of the option table says. The rows are in server-options.ts and limit-options.ts. */
import type { Kind } from './kinds.ts';

/** The headings of `--help` and of the README's table, in this order. */
export const GROUPS = [
  'Serving',
  'Joining workers and storing',
  'Who may come in',
  'Programs',
  'Presence',
  'Keeping',
  'Limits over all workers and hosts',
  'Limits of the chat',
  'Limits of the server',
  'Operating',
] as const;

export type OptionGroup = (typeof GROUPS)[number];

export interface OptionRow<T = unknown> {
  readonly group: OptionGroup;
  /** What stands for the value in `--help`; without it the option is a switch. */
  readonly value?: string;
  readonly kind: Kind<T>;
  /** As a person would write it. Without one the option may stay unset. */
  readonly default?: string;
  /** One sentence. */
  readonly about: string;
  /** Never shown. */
  readonly isSecret?: boolean;
  /** May be given several times. */
  readonly isList?: boolean;
  /** Only as a variable of the environment, not as a flag. */
  readonly isEnvOnly?: boolean;
}
