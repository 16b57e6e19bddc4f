import { MessageType } from "../../lib/wire/message_type.ts";

/** One more than the highest message type. */
export const MESSAGE_TYPE_COUNT: number = Math.max(...Object.values(MessageType)) + 1;
