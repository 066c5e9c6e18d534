/** Which handler answers which request. */
import type { Handlers } from '../request.ts';
import { handleRefresh } from './auth-refresh.ts';
import { handleDelivered, handleRead } from './cursors.ts';
import { handleHistory } from './history.ts';
import { handleBlock, handleDirect } from './direct.ts';
import { handleDelete, handleEdit, handlePost, handleReact } from './message-post.ts';
import { handlePresence, handleTyping, handleWatch } from './presence.ts';
import { handleMemberRemove, handleMemberSet, handleSet } from './rights.ts';
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
  'room:set': handleSet,
  'member:set': handleMemberSet,
  'member:remove': handleMemberRemove,
  'dm:open': handleDirect,
  'user:block': handleBlock,
  'message:post': handlePost,
  'message:edit': handleEdit,
  'message:delete': handleDelete,
  'message:react': handleReact,
  history: handleHistory,
  delivered: handleDelivered,
  read: handleRead,
  typing: handleTyping,
  'presence:watch': handleWatch,
  'presence:set': handlePresence,
  'auth:refresh': handleRefresh,
};
