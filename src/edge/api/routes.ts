/** From method and path to an operation and its parameters. */
import { PATH_SCHEMAS, type ApiOperations, type OperationId } from '../../protocol/api.ts';
import { ChatError } from '../../protocol/errors.ts';
import { parse } from '../../protocol/requests.ts';

export interface Route {
  readonly id: OperationId;
  /** `room` and `user`, where the path has them. */
  readonly params: { readonly room: string; readonly user: string };
}

/** Throws `not_found` for a path, or a method on it, that the API does not have. */
export function routeOf(operations: ApiOperations, method: string, path: string): Route {
  const parts = path.split('/');
  const methods: string[] = [];
  for (const id of Object.keys(operations) as OperationId[]) {
    const operation = operations[id];
    const found = match(operation.path.split('/'), parts);
    if (found === undefined) continue;
    if (operation.method !== method) methods.push(operation.method);
    else return { id, params: found };
  }
  const hint = methods.length === 0 ? '' : `; it takes ${methods.join(', ')}`;
  throw new ChatError('not_found', `nothing at ${method.slice(0, 16)} /api/v1${path.slice(0, 128)}${hint}`);
}

function match(pattern: readonly string[], parts: readonly string[]): Route['params'] | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params = { room: '', user: '' };
  for (const [i, part] of pattern.entries()) {
    const given = parts[i] ?? '';
    const name = /^\{(room|user)\}$/.exec(part)?.[1] as keyof typeof PATH_SCHEMAS | undefined;
    if (name === undefined) {
      if (part !== given) return undefined;
    } else params[name] = parse(PATH_SCHEMAS[name], decoded(given), name);
  }
  return params;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ChatError('bad_request', 'the path must be percent-encoded UTF-8');
  }
}
