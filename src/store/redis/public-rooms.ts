/** The public rooms of a namespace by name. A room is in here soon after it is public, and stays no longer than it is. */
import { nameOf, namespaceOf, type RoomId } from '../../chat/identity.ts';
import type { ListedRoom, ListPage, RoomView } from '../../chat/store-types.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './redis-link.ts';
import { textsOf } from './records.ts';

export class PublicRooms {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  /** Idempotent: a room that is there already stays. */
  async add(rooms: readonly RoomId[]): Promise<void> {
    const byKey = new Map<string, string[]>();
    for (const room of rooms) {
      const key = this.#keys.listed(namespaceOf(room));
      byKey.set(key, [...(byKey.get(key) ?? []), '0', nameOf(room)]);
    }
    await Promise.all([...byKey].map(([key, items]) => this.#link.send(key, ['ZADD', key, ...items])));
  }

  async remove(room: RoomId): Promise<void> {
    const key = this.#keys.listed(namespaceOf(room));
    await this.#link.send(key, ['ZREM', key, nameOf(room)]);
  }

  /** `views`: the rooms as nobody sees them, in the order asked. */
  async page(
    namespace: string,
    cursor: string | undefined,
    limit: number,
    views: (rooms: readonly RoomId[]) => Promise<readonly (RoomView | undefined)[]>,
  ): Promise<ListPage<ListedRoom>> {
    const key = this.#keys.listed(namespace);
    const command = ['ZRANGEBYLEX', key, `(${cursor ?? ''}`, '+', 'LIMIT', '0', String(limit + 1)];
    const names = textsOf(await this.#link.send(key, command));
    const listed = names.slice(0, limit);
    const seen = await views(listed.map((name) => `${namespace}|${name}` as RoomId));
    const items = listed.flatMap((name, i): ListedRoom[] => {
      const info = seen[i]?.info;
      if (info === undefined || info.kind !== 'public') return [];
      return [{ room: name, title: info.title, members: info.members, head: info.head }];
    });
    return { items, cursor: names.length > limit ? listed.at(-1) : undefined };
  }
}
