/** Every status that the API documents, produced: what must be asked for it, by operation. */
import { fresh } from './client.ts';

/** One key for each scope, and one for all. */
export const STATUS_KEYS = {
  all: 'the-key-that-may-everything',
  read: 'the-key-that-may-read-only',
  post: 'the-key-that-may-post-only',
} as const;

/** What the server must be started with: a user may post twice a minute. */
export const STATUS_ARGS = [
  '--api-key',
  STATUS_KEYS.all,
  '--api-key',
  `reader:read=${STATUS_KEYS.read}`,
  '--api-key',
  `poster:post=${STATUS_KEYS.post}`,
  '--rate-posts',
  '2/1m',
];

interface Documented {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, unknown>>;
  readonly requestBody?: unknown;
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
}

interface Operation extends Documented {
  readonly method: string;
  readonly path: string;
}

interface Ask {
  readonly path: string;
  readonly key?: string;
  readonly body?: object | undefined;
}

export interface Statuses {
  /** `operation status`, as the document has them. */
  readonly documented: readonly string[];
  readonly produced: readonly string[];
  /** Answers that were other than asked for. */
  readonly wrong: readonly string[];
}

export class StatusMaker {
  readonly #url: string;
  readonly #produced: string[] = [];
  readonly #wrong: string[] = [];

  constructor(url: string) {
    this.#url = `${url}/api/v1`;
  }

  /** `takeStoreAway`: from then on the store does not answer; without it, 503 is left out. */
  async run(document: ApiDocument, takeStoreAway?: () => Promise<void> | undefined): Promise<Statuses> {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== 'parameters')
        .map(([method, operation]): Operation => ({ ...operation, method: method.toUpperCase(), path })),
    );
    const all = operations.flatMap((operation) =>
      Object.keys(operation.responses)
        .filter((status) => status !== 'default' && (status !== '503' || takeStoreAway !== undefined))
        .map((status) => ({ operation, status: Number(status) })),
    );
    for (const { operation, status } of all) if (status !== 503) await this.#produce(operation, status);
    const room = await this.#makeRoom();
    await takeStoreAway?.();
    for (const { operation, status } of all)
      if (status === 503) await this.#expect(operation, status, fill(operation, room));
    return {
      documented: all.map(({ operation, status }) => `${operation.operationId} ${status}`),
      produced: this.#produced,
      wrong: this.#wrong,
    };
  }

  async #produce(operation: Operation, status: number): Promise<void> {
    const isNew = status === 201;
    const room = isNew ? fresh('new') : await this.#makeRoom();
    const good = fill(operation, room);
    const ask = this.#recipe(operation, status, good);
    if (ask === undefined) return void this.#wrong.push(`${operation.operationId} ${status}: no way to it`);
    // What is over a limit comes after what is within it.
    for (let i = 0; status === 429 && i < 2; i += 1) await this.#send(operation.method, ask);
    if (status === 409) await this.#send(operation.method, { ...good, body: { banned: true } });
    await this.#expect(operation, status, ask);
  }

  #recipe(operation: Operation, status: number, good: Ask): Ask | undefined {
    const isForReading = operation.method === 'GET';
    switch (status) {
      case 200:
      case 201:
      case 204:
        return good;
      case 400:
        if (operation.requestBody !== undefined) return { ...good, body: { from: 1, kind: 1, role: 1 } };
        return { ...good, path: operation.path.includes('{') ? spoiled(good.path) : `${good.path}?limit=0` };
      case 401:
        return { ...good, key: 'nobody-has-this-key' };
      case 403:
        return { ...good, key: isForReading ? STATUS_KEYS.post : STATUS_KEYS.read };
      case 404:
        return { ...good, path: `${good.path}?namespace=/never` };
      case 409:
        return { ...good, body: { role: 'admin' } };
      case 413:
        return { ...good, body: { title: 'x'.repeat(600_000) } };
      case 429:
        return good;
      default:
        return undefined;
    }
  }

  async #makeRoom(): Promise<string> {
    const room = fresh('room');
    for (const path of [`/rooms/${room}`, `/rooms/${room}/members/ada-${room}`])
      await this.#send('PUT', { path, body: {} });
    return room;
  }

  async #expect(operation: Operation, status: number, ask: Ask): Promise<void> {
    const got = await this.#send(operation.method, ask);
    if (got === status) this.#produced.push(`${operation.operationId} ${status}`);
    else this.#wrong.push(`${operation.operationId} ${status}: ${got}`);
  }

  async #send(method: string, { path, key = STATUS_KEYS.all, body }: Ask): Promise<number> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await response.arrayBuffer();
    return response.status;
  }
}

/** What goes well, in a room with one member. */
function fill({ path, requestBody, operationId }: Operation, room: string): Ask {
  const user = `ada-${room}`;
  const body = operationId === 'postMessage' ? { from: user, text: 'hello' } : {};
  return {
    path: path.replace('{room}', room).replace('{user}', user),
    body: requestBody === undefined ? undefined : body,
  };
}

/** A name that none may have in the place of the last. */
function spoiled(path: string): string {
  return path.replace(/\/(rooms|users)\/[^/]+/, '/$1/a%20b');
}
