/**
 * The clients' Socket.IO server keeps no rooms: who gets what is decided by feeds, whose frames
 * go to each socket by themselves. The adapter of the library would keep four maps and sets for
 * each socket, for the room that each is alone in. (Between workers: src/adapter/socket-bus.ts.)
 */
import { Adapter } from 'socket.io-adapter';

export class RoomlessAdapter extends Adapter {
  /** The library's own `del` and `delAll` find nothing then. */
  override addAll(): void {}
}
