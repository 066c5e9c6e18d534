/** Which handler answers which request. */
import type { Handlers } from '../request.ts';
import { handleRefresh } from './auth-refresh.ts';
import { handleDelivered, handleRead } from './cursors.ts';
import { handleHistory } from './history.ts';
import { handlePost } from './message-post.ts';
import { handleCreate, handleJoin } from './room-join.ts';
import { handleLeave } from './room-leave.ts';
import { handleList, handleMembers, handleMine } from './room-lists.ts';

export const HANDLERS: Handlers = {
  'room:create': handleCreate,
  'room:join': handleJoin,
  'room:leave': handleLeave,
  'room:list': handleList,
  'room:mine': handleMine,
  'room:members': handleMembers,
  'message:post': handlePost,
  history: handleHistory,
  delivered: handleDelivered,
  read: handleRead,
  'auth:refresh': handleRefresh,
};
