/** Which namespaces are open: `/`, the named ones, and those that a pattern (`/team-*`) covers. */
import { NAMESPACE_PATTERN } from '../protocol/words.ts';

export function namespaceCheck(open: readonly string[]): (namespace: string) => boolean {
  const names = new Set(['/', ...open.filter((name) => !name.includes('*'))]);
  const patterns = open
    .filter((name) => name.includes('*'))
    .map((pattern) => new RegExp(`^${pattern.replaceAll('*', '[a-z0-9-]*')}$`));
  return (namespace) =>
    names.has(namespace) ||
    (NAMESPACE_PATTERN.test(namespace) && patterns.some((pattern) => pattern.test(namespace)));
}
