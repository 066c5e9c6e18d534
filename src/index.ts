/** The library: what a program imports from `chat-server`. */
export { ConfigError } from './config/config.ts';
export type { ChatHooks, IncomingMessage, MessageDecision } from './edge/chat-hooks.ts';
export type { Question } from './edge/authorize.ts';
export {
  attachChat,
  type AttachedChat,
  type AttachOptions,
} from './library/attach-chat.ts';
export {
  startChatServer,
  type ChatServerOptions,
  type RunningChatServer,
} from './library/start-chat-server.ts';
